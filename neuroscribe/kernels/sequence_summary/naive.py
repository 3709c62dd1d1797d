"""One read of a batch's activations, in PyTorch: the readable twin and the CPU path.

A batch is gone through in tiles, at most `TILE_TOKENS` tokens of one sequence by `_TILE_UNITS`
units, small enough to stay in the cache while every quantity is formed. A product with a row of
ones adds a tile up twice as fast as `sum`, and `amax` without indices is ten times as fast as
`max` with them; where a peak lies is read off the few rows that are kept.

Sums do not depend on order. Within a tile they are float32 in an order fixed by the tile's shape (a
tile is copied to a buffer of its own, aligned and padded to whole vectors, because a matrix product
may round differently elsewhere); each tile's sum is then rounded to a multiple of the unit's
quantum (`sum_quanta`), and multiples of one quantum add up exactly in float64 as long as the total
is below 2^53 of them. Beyond that they round like any float64 sum. So statistics, like exemplars,
are the same for any batches, shards and orders. Precision: the mean of a unit comes out to 2e-7 of
its standard deviation, its kurtosis to 7e-6 (METHODS section 8).
Source of the rounding: Demmel and Nguyen, "Fast reproducible floating-point summation" (2013).
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from neuroscribe.shapes import Float, Float64, Int64

TILE_TOKENS = 256
"""Longest stretch that is added up in float32."""

POWERS = (1, 2, 3, 4)

_TILE_UNITS = 1536
_VECTOR = 16
_TILE_VALUES = 2**19
_QUANTA_BITS = 27


class Summary(NamedTuple):
    """What a batch of activations adds to the statistics of its site."""

    peaks: Float[Tensor, "batch units"]
    """Largest activation of each sequence, float32; -inf where there is none."""
    troughs: Float[Tensor, "batch units"]
    """Smallest activation of each sequence, float32; inf where there is none."""
    sums: Float64[Tensor, "powers units"]
    """Sums of x, x^2, x^3 and x^4 over finite values, in multiples of the quanta."""
    positive: Int64[Tensor, " units"]
    """Values above 0, infinity included."""
    negative: Int64[Tensor, " units"]
    """Values below 0, infinity included; 0 unless both signs were asked for."""
    not_finite: Int64[Tensor, " units"]
    """NaNs and infinities."""
    nan: Int64[Tensor, " units"]
    """NaNs."""


def sum_quanta(scale: Float[Tensor, " units"], sequence_length: int) -> Float64[Tensor, "4 units"]:
    """The quantum of each power and unit: 2^-27 of a tile full of values of size `scale`.

    So a tile's rounding is finer than float32, and totals are exact up to 2^26 tiles in which every
    value is of that size.

    Args:
        scale: a size that the unit's activations seldom pass; powers of two keep it exact.
        sequence_length: tokens of the longest sequence.
    """
    powers = torch.tensor(POWERS, dtype=torch.float64, device=scale.device)[:, None]
    tile = 2.0 ** (min(sequence_length, TILE_TOKENS) - 1).bit_length()
    return scale.double() ** powers * tile * 2.0**-_QUANTA_BITS


def sequence_peaks(
    activations: Float[Tensor, "batch sequence units"],
    lengths: Int64[Tensor, " batch"],
    sign: int = 1,
) -> Float[Tensor, "batch units"]:
    """The largest activation of each sequence, float32; -inf where none is present.

    A NaN counts as absent, so it is never an exemplar's peak.

    Args:
        activations: any floating type, any strides.
        lengths: tokens of each sequence; what stands beyond is ignored.
        sign: -1 for the largest negated activation.
    """
    present = torch.arange(activations.shape[1], device=lengths.device) < lengths[:, None]
    lowest = -torch.inf if sign > 0 else torch.inf
    if not bool(present.all()):
        activations = activations.masked_fill(~present[:, :, None], lowest)
    peaks = _extremes(activations, sign)
    if bool(peaks.isnan().any()):
        peaks = _extremes(activations.masked_fill(activations.isnan(), lowest), sign)
    return (peaks if sign > 0 else -peaks).float()


def _extremes(activations: Tensor, sign: int) -> Tensor:
    return activations.amax(1) if sign > 0 else activations.amin(1)


def sequence_summary(
    activations: Float[Tensor, "batch sequence units"],
    lengths: Int64[Tensor, " batch"],
    quanta: Float64[Tensor, "powers units"],
    *,
    both_signs: bool = False,
) -> Summary:
    """Extremes of every sequence, and sums and counts over all their tokens.

    Args:
        activations: any floating type, any strides.
        lengths: tokens of each sequence; what stands beyond is ignored.
        quanta: from `sum_quanta`.
        both_signs: count negative values too.
    """
    stretches = list(_stretches(lengths.tolist()))
    blocks = []
    for start in range(0, activations.shape[2], _TILE_UNITS):
        columns = slice(start, start + _TILE_UNITS)
        tiles = _Tiles(activations[:, :, columns], stretches, both_signs=both_signs)
        tiles.read()
        block = tiles.summary(quanta[:, columns])
        if not bool(block.sums.isfinite().all()):
            tiles.read(replace_non_finite=True)
            block = tiles.summary(quanta[:, columns])
        blocks.append(block)
    return Summary(*(torch.cat(parts, -1) for parts in zip(*blocks, strict=True)))


class _Stretch(NamedTuple):
    """Consecutive tokens of one sequence, added up together."""

    row: int
    first: int
    last: int


def _stretches(lengths: list[int]) -> Iterator[_Stretch]:
    for row, length in enumerate(lengths):
        for first in range(0, length, TILE_TOKENS):
            yield _Stretch(row, first, min(first + TILE_TOKENS, length))


class _Tiles:
    """Some units of a batch, read tile by tile; every quantity has one row per stretch.

    A tile is `[tokens, rows x width]`: one stretch beside the other, each padded to whole vectors.
    What the padding holds is of no matter, because no column influences another.
    """

    def __init__(
        self,
        activations: Float[Tensor, "batch sequence units"],
        stretches: list[_Stretch],
        *,
        both_signs: bool,
    ) -> None:
        self.activations = activations
        self.stretches = stretches
        self.both_signs = both_signs
        self.device = activations.device
        self.units = activations.shape[2]
        self.width = -(-self.units // _VECTOR) * _VECTOR
        rows = (len(stretches), self.width)
        self.sums = torch.empty((len(POWERS), *rows), device=self.device)
        self.signs = torch.zeros((2, *rows), device=self.device)
        self.peaks = torch.empty(rows, device=self.device)
        self.troughs = torch.empty(rows, device=self.device)
        self.not_finite = torch.zeros(self.width, dtype=torch.int64, device=self.device)
        self.nan = torch.zeros(self.width, dtype=torch.int64, device=self.device)
        tokens = max((stretch.last - stretch.first for stretch in stretches), default=0)
        size = max(tokens * self.width, _TILE_VALUES)
        self._buffers = [torch.empty(size, device=self.device) for _ in range(2)]

    def read(self, *, replace_non_finite: bool = False) -> None:
        """Fill in every quantity; sums over finite values alone if the others are replaced."""
        place = 0
        while place < len(self.stretches):
            row, first, last = self.stretches[place]
            n_rows = self._alike(place)
            shape = (last - first, n_rows * self.width)
            tile, power = (buffer[: shape[0] * shape[1]].view(shape) for buffer in self._buffers)
            values = self.activations[row : row + n_rows, first:last].transpose(0, 1)
            tile.view(last - first, n_rows, self.width)[..., : self.units].copy_(values)
            rows = slice(place, place + n_rows)
            read = self._read_non_finite if replace_non_finite else self._read
            read(tile, power, rows)
            place += n_rows

    def _alike(self, place: int) -> int:
        """How many stretches from `place` on make one tile: the same tokens of further rows."""
        row, first, last = self.stretches[place]
        most = max(1, _TILE_VALUES // ((last - first) * self.width))
        n_rows = 1
        for stretch in self.stretches[place + 1 : place + most]:
            if stretch != (row + n_rows, first, last):
                break
            n_rows += 1
        return n_rows

    def _read(self, tile: Tensor, power: Tensor, rows: slice) -> None:
        torch.amax(tile, 0, out=self.peaks[rows].view(-1))
        torch.amin(tile, 0, out=self.troughs[rows].view(-1))
        _add_up(torch.gt(tile, 0, out=power), self.signs[0, rows])
        if self.both_signs:
            _add_up(torch.lt(tile, 0, out=power), self.signs[1, rows])
        self._read_sums(tile, power, rows)

    def _read_non_finite(self, tile: Tensor, power: Tensor, rows: slice) -> None:
        nan, not_finite = tile.isnan(), ~tile.isfinite()
        self.nan += nan.sum(0).view(-1, self.width).sum(0)
        self.not_finite += not_finite.sum(0).view(-1, self.width).sum(0)
        torch.amax(tile.masked_fill(nan, -torch.inf), 0, out=self.peaks[rows].view(-1))
        torch.amin(tile.masked_fill(nan, torch.inf), 0, out=self.troughs[rows].view(-1))
        self._read_sums(tile.masked_fill_(not_finite, 0.0), power, rows)

    def _read_sums(self, tile: Tensor, power: Tensor, rows: slice) -> None:
        _add_up(tile, self.sums[0, rows])
        _add_up(torch.mul(tile, tile, out=power), self.sums[1, rows])
        _add_up(tile.mul_(power), self.sums[2, rows])
        _add_up(power.mul_(power), self.sums[3, rows])

    def summary(self, quanta: Float64[Tensor, "powers units"]) -> Summary:
        """Put the stretches together."""
        units = self.units
        positive, negative = self.signs[..., :units].sum(1).long()
        return Summary(
            peaks=self._by_sequence(self.peaks[:, :units], torch.maximum, -torch.inf),
            troughs=self._by_sequence(self.troughs[:, :units], torch.minimum, torch.inf),
            sums=round_and_add(self.sums[..., :units], quanta),
            positive=positive,
            negative=negative,
            not_finite=self.not_finite[:units],
            nan=self.nan[:units],
        )

    def _by_sequence(
        self,
        extremes: Float[Tensor, "stretches units"],
        larger: Callable[[Tensor, Tensor], Tensor],
        empty: float,
    ) -> Float[Tensor, "batch units"]:
        batch = len(self.activations)
        rows = torch.tensor([stretch.row for stretch in self.stretches], device=self.device)
        if torch.equal(rows, torch.arange(batch, device=self.device)):
            return extremes
        turns = torch.tensor([stretch.first // TILE_TOKENS for stretch in self.stretches])
        result = extremes.new_full((batch, extremes.shape[1]), empty)
        for turn in range(int(turns.amax()) + 1 if len(turns) else 0):
            these = (turns == turn).nonzero()[:, 0].to(self.device)
            result[rows[these]] = larger(result[rows[these]], extremes[these])
        return result


def _add_up(tile: Float[Tensor, "tokens columns"], sums: Float[Tensor, "rows width"]) -> None:
    torch.mm(tile.new_ones((1, len(tile))), tile, out=sums.view(1, -1))


def round_and_add(
    sums: Float[Tensor, "powers stretches units"], quanta: Float64[Tensor, "powers units"]
) -> Float64[Tensor, "powers units"]:
    """Round every sum to a multiple of its quantum, and add them up, exactly."""
    totals = torch.empty_like(quanta)
    # Next to a number this large float64 has the quantum's resolution, so adding rounds.
    magnets = 1.5 * 2.0**52 * quanta
    for of_power, magnet, total in zip(sums, magnets, totals, strict=True):
        rounded = of_power.double().add_(magnet).sub_(magnet)
        torch.sum(rounded, 0, out=total)
    return totals
