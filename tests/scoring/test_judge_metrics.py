"""The weighted formulas against the plain ones, and against hand-made cases."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from neuroscribe.scoring import metrics
from neuroscribe.scoring.judge_metrics import JUDGE_METRICS, coin
from neuroscribe.scoring.metrics import defined

ITEMS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.integers(0, 3)),
    min_size=1,
    max_size=12,
)


def evaluate(name, truth, said, weights=None):
    weights = np.ones(len(truth)) if weights is None else np.array(weights, dtype=np.float64)
    said = np.array(said, dtype=np.float64)
    (value,) = JUDGE_METRICS[name].formula(np.array(truth, dtype=bool), said, weights[None])
    return defined(value)


@given(ITEMS)
def test_a_weight_is_as_good_as_repeating_an_item(items):
    truth, said, weights = zip(*items, strict=True)
    repeated = [(t, s) for t, s, weight in items for _ in range(weight)]
    for name in JUDGE_METRICS:
        one = evaluate(name, truth, said, weights)
        other = evaluate(name, [t for t, _ in repeated], [s for _, s in repeated])
        assert one == pytest.approx(other)


@given(ITEMS)
def test_they_are_what_the_plain_functions_give(items):
    truth, said, _ = zip(*items, strict=True)
    verdicts = [value > 0 for value in said]
    expected = metrics.balanced_accuracy(truth, verdicts)
    assert evaluate("balanced_accuracy", truth, said) == pytest.approx(expected)
    assert evaluate("auc", truth, said) == pytest.approx(metrics.auc(truth, said))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("balanced_accuracy", (2 / 3 + 1 / 2) / 2),
        ("precision", 2 / 3),
        ("recall", 2 / 3),
        ("f1", 2 / 3),
        ("accuracy", 2 / 3),
        ("firing_rate", 2 / 3),
    ],
)
def test_five_verdicts(name, value):
    assert evaluate(name, [1, 1, 1, 0, 0], [1, 1, 0, 0, 1]) == pytest.approx(value)


def test_a_judge_who_never_says_yes_has_no_precision_and_an_f1_of_0():
    assert evaluate("precision", [1, 0], [0, 0]) is None
    assert evaluate("f1", [1, 0], [0, 0]) == 0.0
    assert evaluate("balanced_accuracy", [1, 0], [0, 0]) == 0.5


@pytest.mark.parametrize("name", ["balanced_accuracy", "recall", "f1", "auc"])
def test_without_positives_there_is_no_value(name):
    assert evaluate(name, [0, 0], [1, 0]) is None


def test_a_coin_is_right_as_often_as_it_falls():
    generator = np.random.default_rng(0)
    truth = generator.random(200_000) < 0.2
    said = (generator.random(truth.size) < 0.5).astype(float)
    for name in ("balanced_accuracy", "precision", "recall", "f1", "auc"):
        if name != "auc":
            assert coin(name, truth) == pytest.approx(evaluate(name, truth, said), abs=0.01)
    assert coin("auc", truth) == 0.5
    assert coin("precision", truth[:0]) is None
