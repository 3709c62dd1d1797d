"""Activations keep eleven significant bits when they are stored, and nothing else changes."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from neuroscribe.datasets.precision import rounded, rounded_exemplars
from tests.datasets.stated_rows import stated

FLOATS = st.lists(st.floats(width=32), min_size=1, max_size=30)


def of(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_numbers_go_to_the_nearest_with_eleven_bits_and_ties_to_the_even_one():
    one_more = 2.0**-10
    values = of(*(1 + share * one_more for share in (0.4, 0.6, 0.5)), -1 - 1.5 * one_more)
    assert rounded(values).tolist() == [1, 1 + one_more, 1, -1 - 2 * one_more]


def test_within_the_range_of_half_precision_it_is_half_precision():
    values = np.random.default_rng(0).uniform(-60_000, 60_000, 10_000).astype(np.float32)
    assert (rounded(values) == values.astype(np.float16).astype(np.float32)).all()


def test_what_has_few_bits_stays():
    values = of(0.0, -0.0, 1, -2.5, 2.0**-126, 2.0**127)
    assert rounded(values).tobytes() == values.tobytes()


def test_nan_infinities_and_the_smallest_and_largest_numbers_survive():
    values = rounded(of(np.nan, np.inf, -np.inf, 1e-45, -1e-45, 3.4028235e38))
    assert np.isnan(values[0])
    assert values[1:5].tolist() == of(np.inf, -np.inf, 1e-45, -1e-45).tolist()
    assert values[5] == np.float32(2.0**128 - 2.0**117)


def test_what_is_given_is_not_changed():
    values = of(0.1)
    rounded(values)
    assert values == of(0.1)


@given(FLOATS)
def test_rounding_is_close_and_done_once(values):
    exact = of(*values)
    once = rounded(exact)
    assert rounded(once).tobytes() == once.tobytes()
    normal = np.isfinite(exact) & (np.abs(exact) >= 2.0**-126) & (np.abs(exact) < 2.0**127)
    wide = exact[normal].astype(np.float64)
    assert (np.abs(once[normal] - wide) <= 2.0**-11 * np.abs(wide)).all()
    assert (once.view(np.uint32)[normal] & 0x1FFF == 0).all()


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=30))
def test_the_rounded_largest_is_the_largest_rounded(values):
    exact = of(*values)
    assert rounded(exact).max() == rounded(exact.max(keepdims=True))[0]


@pytest.mark.parametrize("cut", [0, 1])
def test_of_exemplars_only_activations_and_peaks_change_also_in_slices_and_pieces(cut):
    whole = stated(
        "exemplars",
        *({"activations": values, "peak_activation": 0.3} for values in ([0.1, 0.3], [], [0.7])),
    )
    rows = pa.concat_tables([whole.slice(cut, 1), whole.slice(2)])
    result = rounded_exemplars(rows)
    names = [name for name in rows.column_names if name not in ("activations", "peak_activation")]
    assert result.schema.equals(rows.schema, check_metadata=True)
    assert result.select(names).equals(rows.select(names))
    assert result["activations"].to_pylist() == [
        rounded(of(*values)).tolist() for values in rows["activations"].to_pylist()
    ]
    peaks = rows["peak_activation"].to_numpy()
    assert result["peak_activation"].to_pylist() == rounded(peaks).tolist()
