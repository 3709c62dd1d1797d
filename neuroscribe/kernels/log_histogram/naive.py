"""A histogram on the bits of float32 numbers, in PyTorch.

The bin of a number is its sign, exponent and leading mantissa bits, so no range has to be known
beforehand, counting is exact, and histograms of parts of a corpus add up. Magnitudes from 2^-12 to
2^12 are told apart; what is smaller shares the middle bin, what is larger (infinity too) the
outermost ones. A NaN is in no bin.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from neuroscribe.shapes import Float, Int32, Int64

_TILE_VALUES = 2**17
_MANTISSA_BITS = 23
_SMALLEST_EXPONENT, _LARGEST_EXPONENT = -12, 12
_BIAS = 127


@dataclass(frozen=True, kw_only=True)
class LogBins:
    """A grid of `2^mantissa_bits` bins per factor of two, the same for all units.

    The grid is symmetric: the bins of negated values are the same ones from the other end.
    """

    mantissa_bits: int

    @property
    def per_sign(self) -> int:
        """Bins on each side of the middle one."""
        return (_LARGEST_EXPONENT - _SMALLEST_EXPONENT) << self.mantissa_bits

    @property
    def count(self) -> int:
        """Number of bins."""
        return 2 * self.per_sign + 1

    def edges(self) -> Float[Tensor, " edges"]:
        """The inner edges, ascending, float64: bin i holds values from edge i-1 up to edge i.

        A positive edge belongs to the bin above it, a negative edge to the bin below it.
        """
        steps = torch.arange(self.per_sign + 1, dtype=torch.float64)
        octave = (steps / 2**self.mantissa_bits).floor()
        mantissa = 1 + steps / 2**self.mantissa_bits - octave
        positive = mantissa * 2.0 ** (octave + _SMALLEST_EXPONENT)
        return torch.cat([-positive[:-1].flip(0), positive[:-1]])

    def place(self, values: Float[Tensor, "..."]) -> Int32[Tensor, "..."]:
        """The bin of each value; meaningless for NaN."""
        bits = values.float().contiguous().view(torch.int32)
        shift = _MANTISSA_BITS - self.mantissa_bits
        first = ((_SMALLEST_EXPONENT + _BIAS) << self.mantissa_bits) - 1
        places = bits.bitwise_and(0x7FFFFFFF).bitwise_right_shift_(shift).sub_(first)
        places.clamp_(0, self.per_sign)
        # With all bits of the sign: x ^ -1 - -1 is -x, and x ^ 0 - 0 is x.
        sign = bits >> 31
        return places.bitwise_xor_(sign).sub_(sign).add_(self.per_sign)


def add_to_histogram(
    counts: Int64[Tensor, "units bins"], values: Float[Tensor, "tokens units"], bins: LogBins
) -> None:
    """Count `values` into each unit's row of `counts`, in place; NaNs are passed over."""
    units = counts.shape[0]
    row_starts = torch.arange(units, device=counts.device) * bins.count
    flat = counts.view(-1)
    # A CPU's cache wants tiles; a GPU wants few launches.
    tokens = _TILE_VALUES // units if values.device.type == "cpu" else len(values)
    for tile in values.split(max(1, tokens)):
        places = bins.place(tile).long().add_(row_starts)
        flat.scatter_add_(0, places.flatten(), (tile == tile).long().flatten())  # noqa: PLR0124
