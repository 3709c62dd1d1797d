"""A few of many vectors, and which of them lie nearest to each.

The map lays out the landmarks by t-SNE and places the others between them; neighbours among very
many explanations are sought only near one's own landmarks.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroscribe.viewer.nearest import STEPS, nearest
from neuroscribe.viewer.text_vectors import Vectors

MOST = 3000
NEAREST = 4
"""Landmarks that are known of each vector."""

_ROWS_AT_ONCE = 1024
_SEED = 0

Ints = NDArray[np.int64]


class Landmarks(NamedTuple):
    """Chosen vectors."""

    vectors: Vectors
    nearest: Ints
    """Of each of all vectors the nearest landmarks, `[vectors, at most 4]`, best first."""
    similarities: NDArray[np.float64]
    """To those, in steps of a ten-thousandth."""


def choose_landmarks(vectors: Vectors) -> Landmarks:
    """At most 3,000 of the distinct vectors, drawn with a fixed seed."""
    _, first = np.unique(np.rint(vectors * STEPS).astype(np.int16), axis=0, return_index=True)
    first.sort()
    if len(first) > MOST:
        draw = np.random.default_rng(_SEED)
        first = np.sort(draw.choice(first, MOST, replace=False))
    chosen = vectors[first]
    places = np.zeros((len(vectors), min(NEAREST, len(chosen))), dtype=np.int64)
    similarities = np.zeros(places.shape)
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        part = vectors[start : start + _ROWS_AT_ONCE]
        nobody = np.full(len(part), -1)
        near = nearest(part @ chosen.T, np.arange(len(chosen)), nobody, k=places.shape[1])
        # What is like no landmark (no word of it is known) goes to the first.
        places[start : start + len(part)] = np.maximum(near.places, 0)
        similarities[start : start + len(part)] = near.similarities
    return Landmarks(chosen, places, similarities)
