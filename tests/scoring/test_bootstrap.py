"""Intervals over sequences."""

import numpy as np
import pytest

from neuroscribe.scoring.bootstrap import interval
from neuroscribe.scoring.metrics import METRICS, evaluate
from neuroscribe.scoring.pair_sums import PairSums, pair_sums, pairs_of


def noisy_sums(n_sequences: int = 20) -> PairSums:
    generator = np.random.default_rng(7)
    truth = generator.normal(size=(n_sequences, 64))
    simulated = truth + generator.normal(size=truth.shape)
    return pair_sums(
        [pairs_of(a, s) for a, s in zip(truth.tolist(), simulated.tolist(), strict=True)]
    )


@pytest.mark.parametrize("metric", METRICS)
def test_an_interval_holds_the_value_and_is_the_same_for_the_same_seed(metric):
    sums = noisy_sums()
    value = evaluate(metric, sums.total())[0]
    found = interval(metric, sums, seed=1)
    assert found.low < value < found.high
    assert found == interval(metric, sums, seed=1)
    assert found != interval(metric, sums, seed=2)


def test_resampled_sums_are_those_of_the_sequences_that_were_drawn():
    generator = np.random.default_rng(3)
    truth, simulated = generator.normal(size=(2, 4, 5))
    pairs = [pairs_of(a, s) for a, s in zip(truth.tolist(), simulated.tolist(), strict=True)]
    drawn = pair_sums([pairs[0], pairs[0], pairs[2], pairs[3]]).total()
    weights = np.array([[2.0, 0.0, 1.0, 1.0]])
    for metric in METRICS:
        expected = evaluate(metric, drawn)
        assert evaluate(metric, pair_sums(pairs).resampled(weights)) == pytest.approx(expected)


def test_more_sequences_give_a_narrower_interval():
    few, many = (interval("pearson", noisy_sums(n), seed=0) for n in (10, 200))
    assert many.high - many.low < (few.high - few.low) / 2


def test_fewer_than_two_sequences_have_no_interval():
    assert interval("pearson", noisy_sums(1), seed=0) is None
    one_left = pair_sums([pairs_of([0.0, 1.0], [0.0, 2.0]), pairs_of([3.0], [None])])
    assert interval("pearson", one_left, seed=0) is None


def test_draws_without_a_value_are_left_out_and_without_any_there_is_no_interval():
    silent = pairs_of([0.0, 0.0], [1.0, 2.0])
    varies = pairs_of([0.0, 5.0], [1.0, 2.0])
    assert interval("pearson", pair_sums([silent, silent]), seed=0) is None
    # A quarter of the draws hold the silent sequence alone.
    found = interval("pearson", pair_sums([varies, silent]), seed=0)
    assert 0 < found.low < found.high <= 1
