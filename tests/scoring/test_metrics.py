"""The metrics, against numbers computed elsewhere."""

import pytest
from hypothesis import assume, given, strategies as st

from neuroscribe.scoring.metrics import (
    abs_dev_explained,
    auc,
    balanced_accuracy,
    pearson,
    r2_centred,
    r2_uncentred,
)
from neuroscribe.simulator.calibration import linear, percentile

numbers = st.lists(st.floats(-100, 100), min_size=3, max_size=20)


# From openai/automated-interpretability@e4aa21b, scoring.py, and for the centred one
# TransluceAI/observatory@219fb5f; where the truth or the prediction is constant ours is undefined.
@pytest.mark.parametrize(
    ("truth", "simulated", "expected"),
    [
        ([0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 10.0, 0.0], (1.0, -80.0, -107.0, -8.0)),
        (
            [0.0, 1.0, 2.0, 3.0],
            [3.0, 2.0, 1.0, 0.0],
            (-1.0, -0.4285714285714286, -3.0, -0.33333333333333326),
        ),
        ([1.0, 2.0, 3.0, 4.0], [5.0, 5.0, 5.0, 5.0], (None, 0.0, -5.0, 0.0)),
        ([2.0, 2.0, 2.0, 2.0], [2.0, 2.0, 2.0, 2.0], (None, 1.0, None, 1.0)),
    ],
)
def test_metrics_agree_with_published_code(truth, simulated, expected):
    found = [f(truth, simulated) for f in (pearson, r2_uncentred, r2_centred, abs_dev_explained)]
    assert found == [value if value is None else pytest.approx(value) for value in expected]


@given(numbers, st.floats(0.1, 10), st.floats(-10, 10))
def test_correlation_does_not_see_scale_and_shift(values, scale, shift):
    truth = [float(i) for i in range(len(values))]
    assume(max(values) - min(values) > 0.1)
    moved = [scale * value + shift for value in values]
    assert pearson(truth, moved) == pytest.approx(pearson(truth, values), abs=1e-6)


def test_a_missing_prediction_is_left_out_and_not_counted_as_zero():
    truth = [0.0, 5.0, 10.0, 9.0]
    assert pearson(truth, [0.0, 5.0, 10.0, None]) == pytest.approx(1.0)
    assert pearson(truth, [0.0, 5.0, 10.0, 0.0]) < 0.6
    assert pearson(truth, [None] * 4) is None


# From openai/automated-interpretability@e4aa21b, calibrated_simulator.py.
TRUE = [0.0, 0.0, 4.0, 0.0, 1.0, 0.0, 0.0, 0.5]
SIMULATED = [0.02, 0.5, 8.9, 0.01, 3.2, 0.0, 2.4, 0.1]
PROBE = [0.0, 1.0, 2.5, 5.0, 10.0]


def test_linear_calibration_agrees_with_published_code():
    fit = linear(SIMULATED, TRUE)
    assert fit.slope == pytest.approx(0.4255141329176131)
    assert fit.intercept == pytest.approx(-0.11725360388043571)
    calibrated = fit(SIMULATED)
    assert r2_centred(TRUE, calibrated) == pytest.approx(0.8987529832023665)
    assert pearson(TRUE, SIMULATED) ** 2 == pytest.approx(0.8987529832023665)


def test_percentile_calibration_agrees_with_published_code():
    expected = [0.0, 0.13157894736842105, 0.5625, 1.9473684210526314, 4.0]
    assert percentile(SIMULATED, TRUE)(PROBE) == pytest.approx(expected)


# From EleutherAI/delphi@3c2e139, log/result_analysis.py.
def test_judges_are_measured_without_regard_to_the_mix_of_classes():
    assert balanced_accuracy([1, 1, 1, 0, 0], [1, 1, 0, 0, 1]) == pytest.approx(0.5833333333333333)
    assert auc([1, 1, 1, 0, 0], [0.9, 0.8, 0.4, 0.1, 0.6]) == pytest.approx(0.8333333333333333)
    assert balanced_accuracy([1, 1], [1, 0]) is None
    assert auc([1, 1, 0, 0], [0.5, 0.2, 0.3, 0.5]) == pytest.approx(0.375)
