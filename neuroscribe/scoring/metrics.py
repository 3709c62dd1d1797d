"""The metrics, each stated once, and the plain functions that compute them.

A formula takes `PairSums`, so the same line serves a single list of tokens, a report set pooled
over sequences, and a thousand bootstrap resamples; NaN inside it means undefined and becomes None
at the border. Pooling comes before the formula: a score is never a mean of per-sequence scores.
Where a definition is a matter of taste we say undefined: a constant truth has no correlation and no
centred explained variance, whatever was predicted.

Source: METHODS section 5; Bills et al., 2023 for `pearson`, `r2_uncentred`, `abs_dev_explained`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neuroscribe.errors import RecordError
from neuroscribe.scoring.pair_sums import Array, PairSums, pair_sums, pairs_of

_ROUNDING = 1e-12


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A way to compare simulated with true activations."""

    formula: Callable[[PairSums], Array]
    """NaN where undefined."""
    on_activations: bool
    """Whether it compares on the scale of the activations, so that simulations need calibration."""


def _pearson(sums: PairSums) -> Array:
    truth = _variation(sums.truth_squares, sums.truth, sums.count)
    simulated = _variation(sums.simulated_squares, sums.simulated, sums.count)
    covariation = sums.products - sums.truth * sums.simulated / sums.count
    correlation: Array = np.clip(covariation / (np.sqrt(truth) * np.sqrt(simulated)), -1.0, 1.0)
    return correlation


def _r2_uncentred(sums: PairSums) -> Array:
    return 1 - sums.error_squares / _positive(sums.truth_power)


def _r2_centred(sums: PairSums) -> Array:
    return 1 - sums.error_squares / _variation(sums.truth_squares, sums.truth, sums.count)


def _abs_dev_explained(sums: PairSums) -> Array:
    return 1 - sums.error_magnitude / _positive(sums.truth_magnitude)


METRICS: Mapping[str, Metric] = {
    "pearson": Metric(formula=_pearson, on_activations=False),
    "r2_uncentred": Metric(formula=_r2_uncentred, on_activations=True),
    "r2_centred": Metric(formula=_r2_centred, on_activations=True),
    "abs_dev_explained": Metric(formula=_abs_dev_explained, on_activations=True),
}


def pearson(truth: Sequence[float], simulated: Sequence[float | None]) -> float | None:
    """Pearson correlation, the headline score.

    In this and the next three functions tokens whose simulation is None or NaN are left out.

    Returns:
        -1..1; None where truth or simulation does not vary, or nothing is left.

    >>> round(pearson([0.0, 1.0, 2.0, 3.0], [3.0, 2.0, 1.0, 0.0]), 6)
    -1.0
    """
    return compute("pearson", truth, simulated)


def r2_uncentred(truth: Sequence[float], simulated: Sequence[float | None]) -> float | None:
    """`1 - mean((a-s)^2) / mean(a^2)`; None where every activation is 0."""
    return compute("r2_uncentred", truth, simulated)


def r2_centred(truth: Sequence[float], simulated: Sequence[float | None]) -> float | None:
    """`1 - sum((a-s)^2) / sum((a-mean a)^2)`; None where the truth does not vary."""
    return compute("r2_centred", truth, simulated)


def abs_dev_explained(truth: Sequence[float], simulated: Sequence[float | None]) -> float | None:
    """`1 - mean|a-s| / mean|a|`; None where every activation is 0."""
    return compute("abs_dev_explained", truth, simulated)


def compute(metric: str, truth: Sequence[float], simulated: Sequence[float | None]) -> float | None:
    """One of `METRICS` by name."""
    sums = pair_sums([pairs_of(truth, simulated)])
    return defined(evaluate(metric, sums)[0])


def evaluate(metric: str, sums: PairSums) -> Array:
    """One of `METRICS` for every entry of the sums; NaN where undefined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return METRICS[metric].formula(sums)


def defined(value: float) -> float | None:
    """None in place of NaN."""
    return None if np.isnan(value) else float(value)


def balanced_accuracy(
    truth: Sequence[bool | int], prediction: Sequence[bool | int | None]
) -> float | None:
    """`(TPR + TNR) / 2`: .5 for any judge that does not look, however the classes are mixed.

    Items without a prediction are left out.

    Returns:
        0..1; None where one of the two classes has no item left.

    >>> balanced_accuracy([1, 1, 1, 0, 0], [1, 1, 0, 0, 1])
    0.5833333333333333
    """
    _same_length(truth, prediction)
    pairs = [(bool(t), bool(p)) for t, p in zip(truth, prediction, strict=True) if p is not None]
    hits = [p for t, p in pairs if t]
    rejections = [not p for t, p in pairs if not t]
    if not hits or not rejections:
        return None
    return (sum(hits) / len(hits) + sum(rejections) / len(rejections)) / 2


def auc(truth: Sequence[bool | int], probability: Sequence[float | None]) -> float | None:
    """Chance that a positive gets a higher probability than a negative; ties count half.

    Items without a probability are left out.

    Returns:
        0..1; None where one of the two classes has no item left.

    >>> auc([1, 1, 0, 0], [0.5, 0.2, 0.3, 0.5])
    0.375
    """
    _same_length(truth, probability)
    pairs = [(bool(t), p) for t, p in zip(truth, probability, strict=True) if p is not None]
    positive = np.array([p for t, p in pairs if t], dtype=np.float64)
    negative = np.sort(np.array([p for t, p in pairs if not t], dtype=np.float64))
    if not positive.size or not negative.size:
        return None
    below = np.searchsorted(negative, positive, side="left")
    not_above = np.searchsorted(negative, positive, side="right")
    return float((below + not_above).sum() / (2 * positive.size * negative.size))


def _variation(squares: Array, total: Array, count: Array) -> Array:
    """Sum of squares about the own mean; NaN where only rounding is left of it."""
    about_mean = squares - total**2 / count
    return np.where(about_mean > _ROUNDING * squares, about_mean, np.nan)


def _positive(denominator: Array) -> Array:
    return np.where(denominator > 0, denominator, np.nan)


def _same_length(truth: Sequence[object], prediction: Sequence[object]) -> None:
    if len(truth) != len(prediction):
        raise RecordError(f"{len(prediction)} predictions for {len(truth)} items")
