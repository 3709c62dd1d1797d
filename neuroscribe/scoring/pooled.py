"""Score predictions of several sequences against the truth, pooled.

The plain function behind `neuroscribe.score`: numbers in, numbers out, no LLM, no files. The
simulation scorer uses the same code, so what a user computes by hand is what a study reports.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuroscribe.errors import RecordError
from neuroscribe.scoring.bootstrap import interval
from neuroscribe.scoring.metrics import METRICS, defined, evaluate
from neuroscribe.scoring.pair_sums import Pairs, is_constant, pair_sums, pairs_of


@dataclass(frozen=True, kw_only=True)
class PooledScore:
    """One metric over all tokens of several sequences."""

    value: float | None
    low: float | None
    high: float | None
    """`low` and `high`: 95% bootstrap interval over sequences; None where it is undefined."""
    chance: float | None
    """What predicting the mean of the scored truth for every token gives; 0 for `pearson`."""
    n_sequences: int
    n_items: int
    """Tokens, with or without a prediction."""
    coverage: float
    """Share of the tokens that have a prediction."""
    reason: str | None = None
    """Why `value` is None."""


def score(
    truth: Sequence[Sequence[float]],
    simulated: Sequence[Sequence[float | None]],
    *,
    seed: int = 0,
) -> dict[str, PooledScore]:
    """All simulation metrics of predictions as they are (no calibration).

    Args:
        truth: the subject's activations, one list per sequence.
        simulated: predictions of the same shape; None where there is none. `pearson` takes any
            scale; the others compare with the activations themselves, so calibrate first (see
            `simulator.calibration`).
        seed: of the bootstrap.

    Raises:
        RecordError: the shapes differ.

    >>> result = score([[0.0, 1.0], [2.0, 3.0]], [[0.0, None], [4.0, 6.0]])
    >>> round(result["pearson"].value, 6), result["pearson"].coverage
    (1.0, 0.75)
    """
    return {metric: pooled_score(metric, truth, simulated, seed=seed) for metric in METRICS}


def pooled_score(
    metric: str,
    truth: Sequence[Sequence[float]],
    simulated: Sequence[Sequence[float | None]],
    *,
    seed: int,
) -> PooledScore:
    """One of `metrics.METRICS`, with interval, chance level and coverage."""
    sequences = _pairs(truth, simulated)
    sums = pair_sums(sequences)
    value = defined(evaluate(metric, sums.total())[0])
    ends = None if value is None else interval(metric, sums, seed=seed)
    n_items = sum(map(len, truth))
    return PooledScore(
        value=value,
        low=None if ends is None else ends.low,
        high=None if ends is None else ends.high,
        chance=_chance(metric, sequences),
        n_sequences=len(truth),
        n_items=n_items,
        coverage=float(sums.count.sum()) / max(1, n_items),
        reason=None if value is not None else _why_undefined(sequences),
    )


def pooled_value(
    metric: str, truth: Sequence[Sequence[float]], simulated: Sequence[Sequence[float | None]]
) -> float | None:
    """The value alone, for baselines: no interval, so no bootstrap."""
    return defined(evaluate(metric, pair_sums(_pairs(truth, simulated)).total())[0])


def _pairs(
    truth: Sequence[Sequence[float]], simulated: Sequence[Sequence[float | None]]
) -> list[Pairs]:
    if len(truth) != len(simulated):
        raise RecordError(f"{len(simulated)} simulated sequences for {len(truth)} true ones")
    return [pairs_of(a, s) for a, s in zip(truth, simulated, strict=True)]


def _chance(metric: str, sequences: Sequence[Pairs]) -> float | None:
    if not METRICS[metric].on_activations:
        return 0.0
    means = np.concatenate([pairs.truth for pairs in sequences] or [np.empty(0)])
    if means.size == 0:
        return None
    constant = [Pairs(a, np.full_like(a, means.mean())) for a, _ in sequences]
    return defined(evaluate(metric, pair_sums(constant).total())[0])


def _why_undefined(sequences: Sequence[Pairs]) -> str:
    if not any(pairs.truth.size for pairs in sequences):
        return "no prediction for any token"
    truth = np.concatenate([pairs.truth for pairs in sequences])
    if not truth.any():
        return "the unit is 0 on every token of these sequences"
    if is_constant(truth):
        return "the unit does not vary on these sequences"
    return "the prediction is the same for every token"
