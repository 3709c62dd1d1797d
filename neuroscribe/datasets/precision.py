"""Activations as they are stored: float32 numbers with eleven significant bits.

Most bits of a float32 activation are noise: another batch size or another GPU changes them. They
are also what does not compress. Rounded to the accuracy of half precision, but with the range of
float32 (nothing overflows, small values keep their accuracy), an exemplar of 64 tokens takes half
the bytes, and every reader still sees plain float32. Half precision itself saves no more where it
reads everywhere, and DuckDB cannot read it byte-stream-split (`benchmarks/dataset.py`).

Only the tables of a recording are rounded, when they are written: what the recorder keeps, merges
and ranks by is exact. Rounding keeps order, so the rounded peak is the largest rounded activation.
"""

from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

SIGNIFICANT_BITS: Final = 11
"""Of an activation; the largest relative error is 2**-11."""
_DROPPED: Final = 24 - SIGNIFICANT_BITS
_KEPT: Final = np.uint32(2**32 - 2**_DROPPED)
_EXPONENT: Final = np.uint32(0x7F800000)
_SLICE: Final = 2**20
"""Numbers rounded at a time: temporaries stay in the processor's cache."""


def rounded(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The nearest numbers with `SIGNIFICANT_BITS` bits; of two, the one with an even last bit.

    NaN, infinities and numbers below 2**-126 stay what they are, and a finite number stays finite.

    >>> rounded(np.array([1.0, 0.1, 3.14159274], dtype=np.float32)).tolist()
    [1.0, 0.0999755859375, 3.140625]
    """
    result = np.array(values, dtype=np.float32)
    for start in range(0, result.size, _SLICE):
        _round(result[start : start + _SLICE])
    return result


def rounded_exemplars(rows: pa.Table) -> pa.Table:
    """Rows of the table `exemplars` whose activations and peaks are rounded."""
    places = {
        name: rows.schema.get_field_index(name) for name in ("peak_activation", "activations")
    }
    peaks = pa.chunked_array(
        [_rounded_floats(chunk) for chunk in rows["peak_activation"].chunks], pa.float32()
    )
    lists = pa.chunked_array(
        [_rounded_lists(chunk) for chunk in rows["activations"].chunks], pa.list_(pa.float32())
    )
    for name, column in (("peak_activation", peaks), ("activations", lists)):
        rows = rows.set_column(places[name], rows.schema.field(name), column)
    return rows


def _round(values: NDArray[np.float32]) -> None:
    """Round in place."""
    bits = values.view(np.uint32)
    exponent = bits & _EXPONENT
    # NaN and infinities; and what is too small to have so many bits: it must not become 0.
    special = (exponent == _EXPONENT) | (exponent == 0)
    exact = bits[special]
    cut = bits & _KEPT
    # Half of the last place that is kept, less one bit where that place is even: ties go to even.
    bits += np.uint32(2 ** (_DROPPED - 1) - 1) + ((bits >> np.uint32(_DROPPED)) & np.uint32(1))
    bits &= _KEPT
    # The largest numbers there are would round to infinity.
    overflown = (bits & _EXPONENT) == _EXPONENT
    bits[overflown] = cut[overflown]
    bits[special] = exact


def _rounded_floats(values: pa.Array) -> pa.Array:
    return pa.array(rounded(values.to_numpy(zero_copy_only=False)))


def _rounded_lists(lists: pa.ListArray) -> pa.ListArray:
    # `flatten` has no values before the first offset, which is not 0 in a slice.
    offsets = lists.offsets.to_numpy()
    flat = _rounded_floats(lists.flatten())
    return pa.ListArray.from_arrays(pa.array(offsets - offsets[0]), flat)
