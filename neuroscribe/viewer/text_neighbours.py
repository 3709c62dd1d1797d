"""Which explanations are most alike, by the cosine of their vectors.

Up to 20,000 all pairs are compared. Beyond, an explanation is compared only with those that share
one of its four nearest landmarks as their nearest, at most some thousands: it may miss neighbours
on the far side of a cell, and takes minutes less.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neuroscribe.viewer.landmarks import Landmarks
from neuroscribe.viewer.nearest import Nearest, nearest
from neuroscribe.viewer.text_vectors import Vectors

SHOWN = 8
"""Neighbours of each unit."""
MOST_EXACT = 20_000
MOST_COMPARED = 4000
"""Explanations that one is compared with, beyond `MOST_EXACT`."""

_ROWS_AT_ONCE = 256

Ints = NDArray[np.int64]


def text_neighbours(vectors: Vectors, marks: Landmarks, *, most_exact: int = MOST_EXACT) -> Nearest:
    """The most similar explanations of each, by place among the vectors."""
    count = len(vectors)
    found = Nearest(np.full((count, SHOWN), -1), np.zeros((count, SHOWN)))
    if count <= most_exact:
        everything = np.arange(count)
        for start in range(0, count, _ROWS_AT_ONCE):
            _compare(vectors, everything[start : start + _ROWS_AT_ONCE], everything, found)
        return found
    cell = marks.nearest[:, 0]
    order = np.argsort(cell, kind="stable")
    ends = np.searchsorted(cell[order], np.arange(len(marks.vectors) + 1))
    members = [order[start:end] for start, end in pairwise(ends.tolist())]
    for inside in members:
        # Those of one cell mostly share their other landmarks too; what they see is the union.
        seen = np.unique(marks.nearest[inside])
        for start in range(0, len(inside), _ROWS_AT_ONCE):
            asking = inside[start : start + _ROWS_AT_ONCE]
            others = np.concatenate([members[mark] for mark in seen])
            _compare(vectors, asking, _at_most(others, asking), found)
    return found


def _at_most(candidates: Ints, asking: Ints) -> Ints:
    """So few that a cell of thousands of equal explanations does not take minutes."""
    if len(candidates) > MOST_COMPARED:
        step = len(candidates) / MOST_COMPARED
        candidates = candidates[(np.arange(MOST_COMPARED) * step).astype(np.int64)]
    return np.union1d(candidates, asking)


def _compare(vectors: Vectors, asking: Ints, candidates: Ints, found: Nearest) -> None:
    similar = nearest(vectors[asking] @ vectors[candidates].T, candidates, asking, k=SHOWN)
    found.places[asking] = similar.places
    found.similarities[asking] = similar.similarities
