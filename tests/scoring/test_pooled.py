"""Pooled scores of plain numbers."""

from itertools import chain

import pytest
from hypothesis import given, strategies as st

from neuroscribe.errors import RecordError
from neuroscribe.scoring import score
from neuroscribe.scoring.metrics import METRICS, compute

token = st.tuples(st.integers(-20, 20), st.one_of(st.none(), st.integers(0, 10)))
sequences = st.lists(st.lists(token, min_size=1, max_size=8), min_size=1, max_size=6)


# From openai/automated-interpretability@e4aa21b, aggregate_scored_sequence_simulations.
def test_tokens_are_pooled_before_the_metric_as_in_published_code():
    found = score(
        [[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 5.0, 0.0, 2.0]],
        [[0.0, 0.0, 10.0, 0.0], [0.0, 3.0, 0.0, 0.0], [1.0, 9.0, 0.0, 4.0]],
    )
    assert found["pearson"].value == pytest.approx(0.7492199685877049)
    assert found["r2_uncentred"].value == pytest.approx(-2.7)
    assert found["abs_dev_explained"].value == pytest.approx(-1.375)


# From openai/automated-interpretability@e4aa21b, scoring.py; TransluceAI/observatory@219fb5f.
def test_real_looking_numbers_agree_with_published_code():
    found = score(
        [[0.0, 4.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.5]],
        [[0.02, 8.9, 0.5, 0.01, 3.2, 0.0, 2.4, 0.1]],
    )
    values = {metric: each.value for metric, each in found.items()}
    assert values == pytest.approx(
        {
            "pearson": 0.9480258346703251,
            "r2_uncentred": -1.0301739130434786,
            "r2_centred": -1.600129930394432,
            "abs_dev_explained": -0.8963636363636363,
        }
    )


@given(sequences)
def test_a_pooled_metric_is_the_metric_of_all_tokens_in_one_list(rows):
    truth = [[float(a) for a, _ in row] for row in rows]
    simulated = [[None if s is None else float(s) for _, s in row] for row in rows]
    found = score(truth, simulated)
    for metric in METRICS:
        whole = compute(metric, [*chain(*truth)], [*chain(*simulated)])
        expected = None if whole is None else pytest.approx(whole, abs=1e-9)
        assert found[metric].value == expected
        assert (found[metric].value is None) == (found[metric].reason is not None)


def test_a_missing_prediction_lowers_the_coverage_and_not_the_score():
    found = score([[0.0, 8.0, 4.0, 9.0]], [[0.0, 8.0, 4.0, None]])
    for each in found.values():
        assert (each.value, each.coverage, each.n_items) == (pytest.approx(1.0), 0.75, 4)
    as_zero = score([[0.0, 8.0, 4.0, 9.0]], [[0.0, 8.0, 4.0, 0.0]])
    assert all(each.value < 0.6 for each in as_zero.values())


def test_chance_is_what_the_mean_of_the_truth_gives():
    found = score([[0.0, 4.0], [0.0, 4.0]], [[0.0, 1.0], [0.0, 1.0]])
    assert {metric: each.chance for metric, each in found.items()} == pytest.approx(
        {"pearson": 0.0, "r2_uncentred": 0.5, "r2_centred": 0.0, "abs_dev_explained": 0.0}
    )


@pytest.mark.parametrize(
    ("truth", "simulated", "reason"),
    [
        ([[1.0, 2.0]], [[None, None]], "no prediction for any token"),
        ([[3.0, 3.0]], [[1.0, 2.0]], "the unit does not vary on these sequences"),
        ([[0.0, 0.0]], [[1.0, 2.0]], "the unit is 0 on every token of these sequences"),
        ([[1.0, 2.0]], [[5.0, 5.0]], "the prediction is the same for every token"),
        ([], [], "no prediction for any token"),
    ],
)
def test_an_undefined_correlation_says_why(truth, simulated, reason):
    found = score(truth, simulated)["pearson"]
    assert (found.value, found.low, found.high, found.reason) == (None, None, None, reason)


def test_shapes_that_differ_are_an_error_with_both_numbers():
    with pytest.raises(RecordError, match="1 simulated sequences for 2 true ones"):
        score([[1.0], [2.0]], [[1.0]])
    with pytest.raises(RecordError, match="1 predictions for 2 activations"):
        score([[1.0, 2.0]], [[1.0]])


@pytest.mark.parametrize(("truth", "simulated"), [([float("nan")], [1.0]), ([1.0], [1e400])])
def test_numbers_that_are_not_finite_are_an_error(truth, simulated):
    with pytest.raises(RecordError):
        score([truth], [simulated])
