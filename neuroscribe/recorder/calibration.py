"""What is learned of a site's units before recording: how large they get.

Two things need it. Sums are exact only on a grid that fits the size of the numbers
(`sequence_summary.sum_quanta`), and quantile exemplars are sampled from bands of a unit's peaks
whose limits must be known while the corpus streams by. Both need an estimate alone: the grid bounds
rounding, and bands are only strata, for the band that an exemplar belongs to is read off the exact
distribution at the end. Every shard of a recording measures the same first sequences and so gets
the same calibration, which is what makes shards merge to the bit.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from neuroscribe.shapes import Float

QUANTILES = (0.5, 0.9, 0.99, 0.999)
"""Limits of the bands of peaks (the viewer's bands of Bills et al., 2023)."""

_FAINTEST = 2.0**-20
"""Units that are fainter than this share of their site's largest are measured on its scale."""


class Calibration(NamedTuple):
    """The size of each unit's activations, from some sequences."""

    scale: Float[Tensor, " units"]
    """A power of two, at least the largest magnitude seen; 0 where nothing was measured yet."""
    bands: Float[Tensor, "polarities limits units"]
    """Where `QUANTILES` of the per-sequence peaks lie below."""

    def on(self, device: torch.device | str) -> "Calibration":
        """The same on a device."""
        return Calibration(*(tensor.to(device) for tensor in self))


def calibrate(
    peaks: Float[Tensor, "sequences units"],
    troughs: Float[Tensor, "sequences units"],
    polarities: tuple[int, ...],
) -> Calibration:
    """Measure every unit on some sequences.

    Args:
        peaks: largest activation of each sequence.
        troughs: smallest activation of each sequence.
        polarities: the signs with which the site is recorded.
    """
    sides = [peaks if polarity > 0 else -troughs for polarity in polarities]
    magnitude = torch.maximum(_finite(peaks).abs().amax(0), _finite(troughs).abs().amax(0))
    return Calibration(
        scale=_powers_of_two(magnitude), bands=torch.stack([_bands(side) for side in sides])
    )


def _powers_of_two(magnitude: Float[Tensor, " units"]) -> Float[Tensor, " units"]:
    least = float(magnitude.amax()) * _FAINTEST
    # Fourth powers of a scale must stay within float64.
    magnitude = magnitude.clamp(min=max(least, 2.0**-100), max=2.0**120)
    # A logarithm would round; the parts of a float32 do not. A mantissa is in [1/2, 1).
    mantissa, exponent = torch.frexp(magnitude)
    return torch.ldexp(torch.ones_like(magnitude), exponent - (mantissa == 0.5).int())


def _bands(peaks: Float[Tensor, "sequences units"]) -> Float[Tensor, "limits units"]:
    ascending = _finite(peaks).sort(0).values
    last = len(ascending) - 1
    *inner, second, first = (ascending[int(share * last)] for share in QUANTILES[:-1])
    # Few sequences say nothing of one in a thousand; an exponential tail has equal steps a decade.
    return torch.stack([*inner, second, first, first + (first - second)])


def _finite(values: Tensor) -> Tensor:
    return values.nan_to_num(0.0, 0.0, 0.0)
