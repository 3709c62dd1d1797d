"""The most similar of many, in an order that hardly hangs on rounding errors.

Similarities are compared in steps of a ten-thousandth and ties broken by place. So another order of
adding, as another processor may have it, changes the result only where a similarity lies within a
rounding error of the middle between two steps: about once in a thousand of float32. On one machine
the order of adding is fixed (`text_vectors.one_thread`).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

STEPS = 10_000
"""Of similarity, from 0 to 1."""


class Nearest(NamedTuple):
    """The most similar of each of several, best first."""

    places: Ints
    """`[several, k]`; -1 where there are fewer."""
    similarities: NDArray[np.float64]
    """In steps of a ten-thousandth; above 0."""


def nearest(similarities: NDArray[np.floating], candidates: Ints, own: Ints, *, k: int) -> Nearest:
    """The `k` most similar candidates of each row, itself left out.

    Args:
        similarities: `[rows, candidates]`, between -1 and 1.
        candidates: their places.
        own: place of each row, which is none of its neighbours.
        k: how many.

    >>> nearest(np.array([[1.0, 0.5, 0.5]]), np.arange(3), np.array([0]), k=2).places.tolist()
    [[1, 2]]
    """
    steps = np.rint(similarities * STEPS).astype(np.int64)
    steps[candidates[None, :] == own[:, None]] = 0
    count = len(candidates)
    # Similarity first, then the earlier candidate: one number, and no two are equal.
    keys = steps * count + np.arange(count - 1, -1, -1)
    k_there = min(k, count)
    at = np.argpartition(-keys, k_there - 1, axis=1)[:, :k_there]
    order = np.argsort(-np.take_along_axis(keys, at, axis=1), axis=1)
    at = np.take_along_axis(at, order, axis=1)
    found = np.take_along_axis(steps, at, axis=1)
    places = np.full((len(own), k), -1)
    values = np.zeros((len(own), k))
    places[:, :k_there] = np.where(found > 0, candidates[at], -1)
    values[:, :k_there] = np.where(found > 0, found / STEPS, 0.0)
    return Nearest(places, values)
