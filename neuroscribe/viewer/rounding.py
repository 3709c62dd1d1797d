"""Numbers as the site shows them: four significant digits, null for what is not finite.

Rounding is done on whole columns. A rounded value is the double next to its decimal, so JSON writes
it with four digits and no tail.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

DIGITS = 4

Floats = NDArray[np.float64]
Number = float | int | None
"""As JSON shows it: null where it is not finite."""


def rounded(values: Floats) -> Floats:
    """To four significant digits; NaN and infinities stay.

    >>> rounded(np.array([0.000244140625, 123456.0, -0.17])).tolist()
    [0.0002441, 123500.0, -0.17]
    """
    finite = np.isfinite(values) & (values != 0)
    result = values.astype(np.float64)
    present = result[finite]
    places = DIGITS - 1 - np.floor(np.log10(np.abs(present))).astype(np.int64)
    # A power of ten up to 22 is exact, and so the quotient is the double next to the decimal.
    exact = np.abs(places) <= 22
    power = 10.0 ** np.abs(np.where(exact, places, 0))
    small = np.rint(present * power) / power
    large = np.rint(present / power) * power
    fixed = np.where(places > 0, small, large)
    fixed[~exact] = [float(f"{value:.{DIGITS}g}") for value in present[~exact].tolist()]
    result[finite] = fixed
    return result


def numbers(values: Floats) -> list[Number]:
    """Rounded, with None for what is not finite; whole numbers as integers, which are shorter."""
    shown = rounded(values).tolist()
    return [
        None if value != value or value in (np.inf, -np.inf)  # noqa: PLR0124 -- NaN
        else int(value) if value == int(value) and abs(value) < 1e15
        else value
        for value in shown
    ]  # fmt: skip


def number(value: float | None) -> Number:
    """One number as `numbers` shows it."""
    return None if value is None else numbers(np.array([value], dtype=np.float64))[0]


def column(values: pa.ChunkedArray) -> Floats:
    """A column of numbers, with NaN for null."""
    found: Floats = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return found


def ragged(values: pa.ChunkedArray) -> tuple[NDArray[np.int64], pa.Array]:
    """A column of lists as the ends of each (n + 1, from 0) and all their elements."""
    lists = values.combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        lists = pa.concat_arrays(lists.chunks) if lists.num_chunks else pa.array([], values.type)
    lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return ends, lists.flatten()


def lists_of_numbers(values: pa.ChunkedArray) -> list[list[Number]]:
    """A column of lists of numbers, rounded."""
    ends, flat = ragged(values)
    shown = numbers(column(pa.chunked_array([flat])))
    return [shown[start:end] for start, end in pairwise(ends.tolist())]


def histogram(values: Sequence[float] | Floats, edges: Floats) -> dict[str, list[Number]]:
    """Counts between edges; what lies beyond them is counted in the outermost bins."""
    within = np.clip(np.asarray(values, dtype=np.float64), edges[0], edges[-1])
    counts, _ = np.histogram(within, bins=edges)
    return {"edges": numbers(edges), "counts": counts.tolist()}
