"""Laws of the two calibrations."""

import pytest
from hypothesis import given, strategies as st

from neuroscribe.errors import RecordError
from neuroscribe.scoring.metrics import pearson, r2_centred
from neuroscribe.simulator.calibration import linear, percentile

pairs = st.lists(st.tuples(st.integers(-50, 50), st.integers(0, 10)), min_size=3, max_size=30)


@given(pairs)
def test_after_linear_calibration_explained_variance_is_squared_correlation(rows):
    truth, simulated = [float(a) for a, _ in rows], [float(s) for _, s in rows]
    correlation = pearson(truth, simulated)
    explained = r2_centred(truth, linear(simulated, truth)(simulated))
    if correlation is None:
        assert explained is None or explained == pytest.approx(0.0)
    else:
        assert explained == pytest.approx(correlation**2)


@given(pairs)
def test_percentile_matching_gives_back_the_sorted_truth(rows):
    truth = sorted(float(a) for a, _ in rows)
    simulated = [float(position) for position in range(len(rows))]
    assert percentile(simulated, truth)(simulated) == pytest.approx(truth)


@pytest.mark.parametrize("fit", [linear, percentile])
def test_a_missing_value_takes_no_part_and_stays_missing(fit):
    with_gap = fit([0.0, None, 10.0], [1.0, 99.0, 3.0])
    assert with_gap == fit([0.0, 10.0], [1.0, 3.0])
    assert with_gap([None, 5.0]) == (None, pytest.approx(2.0))


@pytest.mark.parametrize("fit", [linear, percentile])
def test_nothing_to_fit_gives_no_fit(fit):
    assert fit([None, None], [1.0, 2.0]) is None
    assert fit([], []) is None


def test_a_constant_simulation_becomes_the_mean_of_the_truth():
    fit = linear([0.1, 0.1, 0.1], [1.0, 2.0, 6.0])
    assert (fit.slope, fit.intercept) == (0.0, 3.0)


def test_lengths_that_differ_are_an_error_with_both_numbers():
    with pytest.raises(RecordError, match="1 simulated values for 2 activations"):
        linear([1.0], [1.0, 2.0])
