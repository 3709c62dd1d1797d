"""Activations as integers: v stands for v * step, and each unit has a step of its own."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroscribe.viewer.rounding import Floats, rounded

LEVELS = 500
"""Steps from 0 to the largest absolute value that is shown of a unit."""

# The step is rounded, so the largest value may be a step further out than 500.
_TEXTS: Final = [*map(str, range(-LEVELS - 1, LEVELS + 2)), "null"]
_ZERO = LEVELS + 1
_MISSING = len(_TEXTS) - 1


class Rows(NamedTuple):
    """Values of several sequences."""

    member: NDArray[np.int64]
    """Of each sequence: which unit it belongs to."""
    ends: NDArray[np.int64]
    """Where each sequence ends among the values; n + 1, from 0."""
    values: Floats
    """Not finite where missing."""

    @property
    def member_of_value(self) -> NDArray[np.int64]:
        """Of each value: which unit it belongs to."""
        return np.repeat(self.member, np.diff(self.ends))


def steps_of(shown: Sequence[Rows], count: int) -> Floats:
    """Of each unit, what one integer step stands for; 1 where nothing but 0 is shown."""
    largest = np.zeros(count)
    for rows in shown:
        finite = np.isfinite(rows.values)
        np.maximum.at(largest, rows.member_of_value[finite], np.abs(rows.values[finite]))
    steps = rounded(largest / LEVELS)
    return np.where(steps > 0, steps, 1.0)


def written(rows: Rows, steps: Floats) -> list[str]:
    """Each sequence as a JSON list of integers, with null where a value is missing.

    >>> rows = Rows(np.array([0]), np.array([0, 3]), np.array([1.0, -0.5, np.nan]))
    >>> written(rows, steps_of([rows], 1))
    ['[500,-250,null]']
    """
    levels = np.rint(rows.values / steps[rows.member_of_value])
    finite = np.isfinite(levels)
    places = np.where(finite, np.where(finite, levels, 0) + _ZERO, _MISSING).astype(np.int64)
    texts = [_TEXTS[place] for place in places.tolist()]
    ends = rows.ends.tolist()
    return [f"[{','.join(texts[start:end])}]" for start, end in pairwise(ends)]
