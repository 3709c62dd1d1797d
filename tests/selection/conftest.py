"""Small records and a sentence encoder that counts letters."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import strategies as st

from neuroscribe.records import (
    KINDS,
    SPLITS,
    Exemplar,
    Sequence,
    TokenLookup,
    UnitId,
    UnitRecord,
    UnitStatistics,
)
from tests.services import Encoder

WORDS = ("rain", "snow", "sun", "wind")


def exemplar(
    sequence_id, *activations, split="train", kind="top", rank=0, quantile=None, words=None
) -> Exemplar:
    """An exemplar of words (one token each); `rain` throughout unless told otherwise."""
    words = words or ("rain",) * len(activations)
    text = "".join(words)
    offsets = [0]
    for word in words:
        offsets.append(offsets[-1] + len(word))
    sequence = Sequence(
        sequence_id=sequence_id,
        document_id=str(sequence_id),
        split=split,
        token_ids=tuple(map(WORDS.index, words)),
        tokens=tuple(words),
        text=text,
        token_bytes_offsets=tuple(offsets),
    )
    return Exemplar(
        sequence=sequence, activations=activations, kind=kind, rank=rank, quantile=quantile
    )


def record(*exemplars) -> UnitRecord:
    """A unit with these exemplars."""
    statistics = UnitStatistics(
        n_tokens=9,
        mean=0.5,
        variance=1.0,
        skewness=None,
        kurtosis=None,
        min=0.0,
        max=2.0,
        density=0.5,
        density_1pct=0.5,
        quantile_boundaries=(),
        histogram_edges=(),
        histogram_counts=(),
        lookup=TokenLookup(token_ids=(), means=(), counts=()),
    )
    return UnitRecord(unit=UnitId("mlp.0", 1), statistics=statistics, exemplars=exemplars)


@Encoder
def embed(texts) -> np.ndarray:
    """How often each letter occurs, scaled to length 1."""
    counts = np.array([[text.count(letter) + 0.1 for letter in "adinorsuw"] for text in texts])
    return (counts / np.linalg.norm(counts, axis=1, keepdims=True)).astype(np.float32)


VALUES = st.sampled_from([-0.5, 0.0, 0.3, 1.0, 2.0])
TOKENS = st.lists(st.tuples(st.sampled_from(WORDS), VALUES), min_size=1, max_size=4)
REASONS = st.sampled_from([("top",), ("quantile",), ("random",), ("top", "quantile"), KINDS])


@st.composite
def records(draw, *, most=9, splits=SPLITS):
    """Any record: a sequence may have been kept for several reasons, and has one text."""
    row = st.tuples(TOKENS, st.sampled_from(splits), REASONS, st.integers(0, 4))
    kept = []
    for sequence_id, (tokens, split, kinds, number) in enumerate(
        draw(st.lists(row, max_size=most))
    ):
        words, activations = zip(*tokens, strict=True)
        for kind in kinds:
            options = {"kind": kind, "rank": number, "split": split, "words": words}
            band = number if kind == "quantile" else None
            kept.append(exemplar(sequence_id, *activations, quantile=band, **options))
    return record(*kept)


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """What the tests build their cases from."""
    return SimpleNamespace(exemplar=exemplar, record=record, records=records, embed=embed)
