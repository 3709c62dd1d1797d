"""Expected values from alternatives."""

import math

import pytest

from neuroscribe.simulator import expectation, expected_value


# From openai/automated-interpretability@e4aa21b, compute_predicted_activation_stats_for_token.
@pytest.mark.parametrize(
    ("top", "expected"),
    [
        ({"0": math.log(0.1), "1": math.log(0.7), "2": math.log(0.2)}, 1.1),
        ({"0": math.log(0.25), "5": math.log(0.25), " the": math.log(0.5)}, 2.5),
        ({str(i): -2.0 for i in range(11)}, 5.0),
    ],
)
def test_probabilities_of_the_numbers_are_renormalised(top, expected):
    assert expected_value(top) == pytest.approx(expected)


def test_no_number_among_the_alternatives_is_missing_and_not_zero():
    assert expected_value({" the": -0.1, "unknown": -0.2}) is None
    assert expected_value({}) is None


def test_a_leading_space_counts_as_the_number_and_is_reported():
    found = expectation({"0": math.log(0.5), " 10": math.log(0.5)})
    assert found.value == pytest.approx(5.0)
    assert found.folded == 1
