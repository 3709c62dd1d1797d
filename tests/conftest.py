"""Fixtures that several folders of tests share."""

import os

import pytest
import torch
from hypothesis import settings

from neuroscribe.records import Sequence, Split, TokenLookup, UnitStatistics

# A busy machine is slow now and then; what hangs is stopped by pytest's own limit.
settings.register_profile("neuroscribe", deadline=None)
settings.load_profile("neuroscribe")

# Triton's interpreter has to be asked for before anything imports triton, and libraries do.
os.environ.setdefault("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1")


@pytest.fixture
def make_sequence():
    """Build a sequence from its tokens, one byte offset per character."""

    def make(
        *tokens: str, sequence_id: int = 0, split: Split = "train", token_ids=None
    ) -> Sequence:
        text = "".join(tokens)
        offsets = [0]
        for token in tokens:
            offsets.append(offsets[-1] + len(token.encode()))
        return Sequence(
            sequence_id=sequence_id,
            document_id=f"document-{sequence_id}",
            split=split,
            token_ids=tuple(token_ids or range(len(tokens))),
            tokens=tokens,
            text=text,
            token_bytes_offsets=tuple(offsets),
        )

    return make


@pytest.fixture
def make_statistics():
    """Build statistics of which a test states only what it needs."""

    def make(**stated) -> UnitStatistics:
        unstated = {
            "n_tokens": 9,
            "mean": 0.5,
            "variance": 1.0,
            "skewness": None,
            "kurtosis": None,
            "min": 0.0,
            "max": 2.0,
            "density": 0.5,
            "density_1pct": 0.5,
            "quantile_boundaries": (),
            "histogram_edges": (),
            "histogram_counts": (),
            "lookup": TokenLookup(token_ids=(), means=(), counts=()),
        }
        return UnitStatistics(**{**unstated, **stated})

    return make
