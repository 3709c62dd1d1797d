"""Sums over pairs of truth and simulation from which every pooled metric follows.

A pooled metric over many sequences depends on each sequence only through ten sums, so a bootstrap
over sequences need not touch a token again: resampled sums are weights times sums. First moments
are taken about the overall means, which leaves variances and covariances as they are and keeps
float64 exact enough where a unit's mean is far from 0.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroscribe.errors import RecordError

Array = NDArray[np.float64]

_ROUNDING = 1e-12
"""Relative spread below which values differ by rounding alone."""


class PairSums(NamedTuple):
    """One entry per sequence (or per resample). `a` is the truth, `s` the simulation.

    `centred` means about the overall mean of the pairs the sums were made from.
    """

    count: Array  # type: ignore[assignment]  # hides tuple.count, which nobody needs here
    truth: Array
    """Sum of centred a."""
    simulated: Array
    """Sum of centred s."""
    truth_squares: Array
    """Sum of squares of centred a."""
    simulated_squares: Array
    """Sum of squares of centred s."""
    products: Array
    """Sum of products of centred a and centred s."""
    truth_power: Array
    """Sum of squares of a itself."""
    truth_magnitude: Array
    """Sum of absolute values of a itself."""
    error_squares: Array
    """Sum of (a - s) squared."""
    error_magnitude: Array
    """Sum of absolute values of a - s."""

    def total(self) -> "PairSums":
        """Over all sequences, as one entry."""
        return PairSums(*(column.sum(keepdims=True) for column in self))

    def resampled(self, weights: Array) -> "PairSums":
        """One entry per row of `weights`, which say how often each sequence was drawn."""
        return PairSums(*(weights @ column for column in self))


class Pairs(NamedTuple):
    """The pairs of one sequence that have a prediction."""

    truth: Array
    simulated: Array


def pairs_of(truth: Sequence[float], simulated: Sequence[float | None]) -> Pairs:
    """Leave out every token without a prediction (None or NaN), never counting it as 0.

    Raises:
        RecordError: the lengths differ, the truth is not finite, or a prediction is infinite.
    """
    if len(truth) != len(simulated):
        raise RecordError(f"{len(simulated)} predictions for {len(truth)} activations")
    a = np.array(truth, dtype=np.float64)
    s = np.array([math.nan if value is None else value for value in simulated], dtype=np.float64)
    if not np.isfinite(a).all():
        raise RecordError("an activation is not a finite number; record the unit again")
    if np.isinf(s).any():
        raise RecordError("a prediction is infinite; a missing one must be None")
    present = ~np.isnan(s)
    return Pairs(a[present], s[present])


def pair_sums(sequences: Sequence[Pairs]) -> PairSums:
    """The sums of each sequence, in order."""
    truth = _centred([pairs.truth for pairs in sequences])
    simulated = _centred([pairs.simulated for pairs in sequences])
    rows = [
        (
            a.size,
            a_centred.sum(),
            s_centred.sum(),
            a_centred @ a_centred,
            s_centred @ s_centred,
            a_centred @ s_centred,
            a @ a,
            np.abs(a).sum(),
            (a - s) @ (a - s),
            np.abs(a - s).sum(),
        )
        for (a, s), a_centred, s_centred in zip(sequences, truth, simulated, strict=True)
    ]
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(PairSums._fields))
    return PairSums(*table.T)


def is_constant(values: Array) -> bool:
    """Whether the values are the same but for rounding; true of none and of one."""
    if values.size == 0:
        return True
    return bool(np.ptp(values) <= _ROUNDING * np.abs(values).max())


def _centred(parts: Sequence[Array]) -> list[Array]:
    whole = np.concatenate([*parts, np.empty(0)])
    if is_constant(whole):
        return [np.zeros_like(part) for part in parts]
    return [part - whole.mean() for part in parts]
