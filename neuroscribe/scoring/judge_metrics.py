"""Metrics of judges, each for many weightings of the items at once.

A judge gives a verdict, or a number that ranks, for each of some items. Every formula here takes
`[resamples, items]` weights, so the value itself (all weights 1) and a thousand bootstrap resamples
are one line of numpy. The area under the curve over resamples is a product with the table of which
positive outranks which negative. NaN means undefined.

`metrics.balanced_accuracy` and `metrics.auc` are the readable twins for plain lists; tests hold
both to the same values.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neuroscribe.scoring.pair_sums import Array

Truth = NDArray[np.bool_]
_HALF = 0.5


@dataclass(frozen=True, kw_only=True)
class JudgeMetric:
    """A way to compare what a judge says with the truth."""

    formula: Callable[[Truth, Array, Array], Array]
    """From truth and what was said of each item, and weights, to one value per row of weights."""
    reads: Literal["verdict", "probability"]
    """What it compares: verdicts as 0 or 1, or numbers that rank."""


def _balanced_accuracy(truth: Truth, said: Array, weights: Array) -> Array:
    hits = _share(weights @ (truth & (said > 0)), weights @ truth)
    rejections = _share(weights @ (~truth & (said <= 0)), weights @ ~truth)
    return (hits + rejections) / 2


def _precision(truth: Truth, said: Array, weights: Array) -> Array:
    return _share(weights @ (truth & (said > 0)), weights @ (said > 0))


def _recall(truth: Truth, said: Array, weights: Array) -> Array:
    return _share(weights @ (truth & (said > 0)), weights @ truth)


def _f1(truth: Truth, said: Array, weights: Array) -> Array:
    hits = weights @ (truth & (said > 0))
    # No positives: no recall, so nothing to take a mean of.
    return np.where(
        weights @ truth > 0, _share(2 * hits, weights @ truth + weights @ (said > 0)), np.nan
    )


def _auc(truth: Truth, said: Array, weights: Array) -> Array:
    positive, negative = said[truth], said[~truth]
    outranks = (positive[:, None] > negative).astype(np.float64)
    outranks += _HALF * (positive[:, None] == negative)
    of_positive, of_negative = weights[:, truth], weights[:, ~truth]
    won = ((of_positive @ outranks) * of_negative).sum(1)
    return _share(won, of_positive.sum(1) * of_negative.sum(1))


JUDGE_METRICS: Mapping[str, JudgeMetric] = {
    "balanced_accuracy": JudgeMetric(formula=_balanced_accuracy, reads="verdict"),
    "precision": JudgeMetric(formula=_precision, reads="verdict"),
    "recall": JudgeMetric(formula=_recall, reads="verdict"),
    "f1": JudgeMetric(formula=_f1, reads="verdict"),
    "auc": JudgeMetric(formula=_auc, reads="probability"),
    # Of groups and of written texts all are meant to be hit, so the recall is the share that is.
    "accuracy": JudgeMetric(formula=_recall, reads="verdict"),
    "firing_rate": JudgeMetric(formula=_recall, reads="verdict"),
}


def coin(metric: str, truth: Truth) -> float | None:
    """What a fair coin's verdicts (or numbers drawn at random) reach; None without any item."""
    if not truth.size:
        return None
    share = float(truth.mean())
    return {"precision": share, "f1": share / (share + _HALF)}.get(metric, _HALF)


def _share(part: Array, whole: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        share: Array = np.where(whole > 0, part / whole, np.nan)
    return share
