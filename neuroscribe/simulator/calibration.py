"""From the simulator's 0..10 scale to the subject's own activations.

A fit is made on the `calibration` split alone and then applied elsewhere. Linear calibration is
ordinary least squares of truth on simulation: afterwards means agree and, on the data of the fit,
explained variance equals squared correlation. Percentile matching maps ranks to ranks: it restores
the shape of the distribution at the cost of that identity. A missing prediction takes no part in
the fit and stays missing.

Source: Bills et al., 2023.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuroscribe.errors import RecordError


@dataclass(frozen=True, kw_only=True)
class LinearCalibration:
    """`slope * value + intercept`."""

    slope: float
    intercept: float

    def __call__(self, simulated: Sequence[float | None]) -> tuple[float | None, ...]:
        """The values on the scale of the activations; None stays None."""
        return tuple(
            None if value is None else self.slope * value + self.intercept for value in simulated
        )


@dataclass(frozen=True, kw_only=True)
class PercentileCalibration:
    """Maps each simulated value to the activation of the same rank, with lines between."""

    simulated: tuple[float, ...]
    """Ascending."""
    truth: tuple[float, ...]
    """Ascending, as many as simulated values."""

    def __call__(self, simulated: Sequence[float | None]) -> tuple[float | None, ...]:
        """The values on the scale of the activations; None stays None."""
        return tuple(
            None if value is None else float(np.interp(value, self.simulated, self.truth))
            for value in simulated
        )


def linear(simulated: Sequence[float | None], truth: Sequence[float]) -> LinearCalibration | None:
    """Least-squares line of truth on simulation.

    Returns:
        The fit; the mean of the truth (slope 0) where all simulated values are the same; None where
        there is no value to fit.

    >>> linear([0.0, 5.0, None, 10.0], [1.0, 2.0, 9.0, 3.0])
    LinearCalibration(slope=0.2, intercept=1.0)
    """
    x, y = _pairs(simulated, truth)
    if x.size == 0:
        return None
    slope = 0.0
    if x.min() < x.max():
        centred = x - x.mean()
        slope = float(centred @ (y - y.mean()) / (centred @ centred))
    return LinearCalibration(slope=slope, intercept=float(y.mean() - slope * x.mean()))


def percentile(
    simulated: Sequence[float | None], truth: Sequence[float]
) -> PercentileCalibration | None:
    """Percentile matching: `interp(value, sort(simulated), sort(truth))`.

    Returns:
        The fit; None where there is no value to fit.
    """
    x, y = _pairs(simulated, truth)
    if x.size == 0:
        return None
    return PercentileCalibration(
        simulated=tuple(np.sort(x).tolist()), truth=tuple(np.sort(y).tolist())
    )


def _pairs(
    simulated: Sequence[float | None], truth: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    if len(simulated) != len(truth):
        raise RecordError(
            f"{len(simulated)} simulated values for {len(truth)} activations to calibrate on"
        )
    pairs = [(s, t) for s, t in zip(simulated, truth, strict=True) if s is not None]
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]
