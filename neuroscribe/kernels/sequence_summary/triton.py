"""One read of a batch's activations, in Triton.

A program owns a block of units, 16 bytes of them to a thread, and goes through some sequences token
by token. No value ever crosses threads, so the order of float32 additions is written in this file
and depends neither on the block's shape nor on strides: groups of `_GROUP` tokens one after the
other, the groups' sums one after the other, and every product by an explicit `fma` with the
compiler's own fusion switched off. A stretch of at most `TILE_TOKENS` tokens is then rounded to the
unit's quantum in float64 as the twin does it, so programs and batches add up exactly whatever
sequences they hold; what differs from the twin is the rounding inside a stretch.

The loop over whole groups is free of all conditions on the values. It cannot lose a NaN or an
infinity, because either makes the first sum not finite; such a unit's stretch is read again, one
token at a time, by the loop that also reads the tokens after the last whole group.

Block shapes are chosen by arithmetic and disassembly, not by timing. For sm_90 ptxas gives 16-byte
loads without spills (`test_ahead_of_time`) and 12 to 15 instructions per value. bfloat16 takes 255
registers, so a multiprocessor holds 8 programs of one warp, each with some 2 KiB on its way;
float32 takes 155.
"""

from typing import NamedTuple, no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

from neuroscribe.kernels.sequence_summary.naive import POWERS, TILE_TOKENS, Summary
from neuroscribe.shapes import Float, Float64, Int64

_GROUP = 8
"""Tokens that are loaded together; part of the order of additions, so the same for all shapes."""

_COUNTS = 4
_FILLING = 2048
"""Programs that keep a large GPU busy; beyond them a program takes several sequences."""

_MOST_ROWS = 32


class _Block(NamedTuple):
    units: int
    warps: int


_BLOCKS = {
    torch.float32: _Block(units=128, warps=1),
    torch.bfloat16: _Block(units=256, warps=1),
    torch.float16: _Block(units=256, warps=1),
}


def sequence_peaks(
    activations: Float[Tensor, "batch sequence units"],
    lengths: Int64[Tensor, " batch"],
    sign: int = 1,
) -> Float[Tensor, "batch units"]:
    """As `naive.sequence_peaks`, without waiting for the device."""
    batch, _, units = activations.shape
    block = _BLOCKS[activations.dtype]
    peaks = activations.new_empty((batch, units), dtype=torch.float32)
    _peaks_kernel[(batch, triton.cdiv(units, block.units))](
        activations,
        lengths.contiguous(),
        peaks,
        units,
        *activations.stride(),
        sign=1 if sign > 0 else -1,
        group=_GROUP,
        block_units=block.units,
        num_warps=block.warps,
        enable_fp_fusion=False,
    )
    return peaks


def sequence_summary(
    activations: Float[Tensor, "batch sequence units"],
    lengths: Int64[Tensor, " batch"],
    quanta: Float64[Tensor, "powers units"],
    *,
    both_signs: bool = False,
) -> Summary:
    """As `naive.sequence_summary`, without waiting for the device."""
    batch, _, units = activations.shape
    block = _BLOCKS[activations.dtype]
    unit_blocks = triton.cdiv(units, block.units)
    rows = _rows_per_program(batch, unit_blocks)
    programs = triton.cdiv(batch, rows)
    peaks = activations.new_empty((batch, units), dtype=torch.float32)
    troughs = torch.empty_like(peaks)
    sums = quanta.new_empty((programs, len(POWERS), units))
    counts = lengths.new_empty((programs, _COUNTS, units), dtype=torch.int32)
    _summary_kernel[(programs, unit_blocks)](
        activations,
        lengths.contiguous(),
        # Formed here, as the twin does: in the kernel the product could fuse with the addition.
        (1.5 * 2.0**52 * quanta).contiguous(),
        peaks,
        troughs,
        sums,
        counts,
        batch,
        units,
        *activations.stride(),
        both_signs=both_signs,
        stretch=TILE_TOKENS,
        group=_GROUP,
        rows=rows,
        block_units=block.units,
        num_warps=block.warps,
        enable_fp_fusion=False,
    )
    return Summary(peaks, troughs, sums.sum(0), *counts.sum(0))


def _rows_per_program(batch: int, unit_blocks: int) -> int:
    """Sequences of one program, a power of two, so that few kernels are compiled."""
    wanted = max(1, batch * unit_blocks // _FILLING)
    return min(_MOST_ROWS, 1 << (wanted - 1).bit_length())


@triton.jit
@no_type_check
def _peaks_kernel(
    activations,
    lengths,
    peaks,
    units,
    row_stride,
    token_stride,
    unit_stride,
    sign: tl.constexpr,
    group: tl.constexpr,
    block_units: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    unit = tl.program_id(1) * block_units + tl.arange(0, block_units)
    there = unit < units
    length = tl.load(lengths + row)
    sequence = activations + row * row_stride + unit.to(tl.int64) * unit_stride
    peak = tl.full([block_units], float("-inf"), tl.float32)
    token = tl.zeros([], tl.int64)
    while token < length:
        for step in tl.static_range(group):
            present = unit < tl.where(token + step < length, units, 0)
            pointers = sequence + (token + step) * token_stride
            value = tl.load(pointers, mask=present, other=float("nan")).to(tl.float32) * sign
            # Said outright, because a maximum may drop NaN or keep it.
            peak = tl.maximum(peak, tl.where(_is_number(value), value, float("-inf")))
        token += group
    tl.store(peaks + row * units + unit, peak, mask=there)


@triton.jit
@no_type_check
def _summary_kernel(  # noqa: PLR0917 - a kernel is launched by position
    activations,
    lengths,
    magnets,
    peaks,
    troughs,
    sums,
    counts,
    batch,
    units,
    row_stride,
    token_stride,
    unit_stride,
    both_signs: tl.constexpr,
    stretch: tl.constexpr,
    group: tl.constexpr,
    rows: tl.constexpr,
    block_units: tl.constexpr,
):
    program = tl.program_id(0).to(tl.int64)
    unit = tl.program_id(1) * block_units + tl.arange(0, block_units)
    there = unit < units
    columns = activations + unit.to(tl.int64) * unit_stride
    total_1 = tl.zeros([block_units], tl.float64)
    total_2 = tl.zeros([block_units], tl.float64)
    total_3 = tl.zeros([block_units], tl.float64)
    total_4 = tl.zeros([block_units], tl.float64)
    positive = tl.zeros([block_units], tl.int32)
    negative = tl.zeros([block_units], tl.int32)
    not_finite = tl.zeros([block_units], tl.int32)
    nan = tl.zeros([block_units], tl.int32)
    for turn in range(rows):
        row = program * rows + turn
        length = tl.load(lengths + row, mask=row < batch, other=0)
        peak = tl.full([block_units], float("-inf"), tl.float32)
        trough = tl.full([block_units], float("inf"), tl.float32)
        first = tl.zeros([], tl.int64)
        while first < length:
            n_tokens = tl.minimum(length - first, stretch).to(tl.int32)
            pointers = columns + row * row_stride + first * token_stride
            sum_1, sum_2, sum_3, sum_4, high, low, signs, start = _read_groups(
                pointers, token_stride, n_tokens, there, both_signs, group, block_units
            )
            sum_1, sum_2, sum_3, sum_4, high, low, signs, not_finite, nan = _read_tokens(
                pointers, token_stride, start, n_tokens, there, both_signs,
                sum_1, sum_2, sum_3, sum_4, high, low, signs, not_finite, nan,
            )  # fmt: skip
            peak = tl.maximum(peak, high)
            trough = tl.minimum(trough, low)
            total_1 += _rounded(sum_1, magnets + unit, there)
            total_2 += _rounded(sum_2, magnets + units + unit, there)
            total_3 += _rounded(sum_3, magnets + 2 * units + unit, there)
            total_4 += _rounded(sum_4, magnets + 3 * units + unit, there)
            positive += signs & 0xFFFF
            negative += signs >> 16
            first += stretch
        if row < batch:
            tl.store(peaks + row * units + unit, peak, mask=there)
            tl.store(troughs + row * units + unit, trough, mask=there)
    place = program * 4 * units + unit
    tl.store(sums + place, total_1, mask=there)
    tl.store(sums + place + units, total_2, mask=there)
    tl.store(sums + place + 2 * units, total_3, mask=there)
    tl.store(sums + place + 3 * units, total_4, mask=there)
    tl.store(counts + place, positive, mask=there)
    tl.store(counts + place + units, negative, mask=there)
    tl.store(counts + place + 2 * units, not_finite, mask=there)
    tl.store(counts + place + 3 * units, nan, mask=there)


@triton.jit
@no_type_check
def _read_groups(
    pointers,
    token_stride,
    n_tokens,
    there,
    both_signs: tl.constexpr,
    group: tl.constexpr,
    block_units: tl.constexpr,
):
    """What the whole groups of a stretch hold, and the token up to which each unit was read.

    A unit that met a NaN or an infinity counts as not read.
    """
    sum_1 = tl.zeros([block_units], tl.float32)
    sum_2 = tl.zeros([block_units], tl.float32)
    sum_3 = tl.zeros([block_units], tl.float32)
    sum_4 = tl.zeros([block_units], tl.float32)
    peak = tl.full([block_units], float("-inf"), tl.float32)
    trough = tl.full([block_units], float("inf"), tl.float32)
    signs = tl.zeros([block_units], tl.int32)
    n_groups = n_tokens // group
    done = 0
    while done < n_groups:
        part_1 = tl.zeros([block_units], tl.float32)
        part_2 = tl.zeros([block_units], tl.float32)
        part_3 = tl.zeros([block_units], tl.float32)
        part_4 = tl.zeros([block_units], tl.float32)
        for step in tl.static_range(group):
            offset = (done * group + step) * token_stride
            value = tl.load(pointers + offset, mask=there, other=0.0).to(tl.float32)
            part_1, part_2, part_3, part_4 = _add(value, part_1, part_2, part_3, part_4)
            peak = tl.maximum(peak, value)
            trough = tl.minimum(trough, value)
            signs += _signs(value, both_signs)
        sum_1 += part_1
        sum_2 += part_2
        sum_3 += part_3
        sum_4 += part_4
        done += 1
    odd = (tl.abs(sum_1) < float("inf")) == 0
    sum_1 = tl.where(odd, 0.0, sum_1)
    sum_2 = tl.where(odd, 0.0, sum_2)
    sum_3 = tl.where(odd, 0.0, sum_3)
    sum_4 = tl.where(odd, 0.0, sum_4)
    peak = tl.where(odd, float("-inf"), peak)
    trough = tl.where(odd, float("inf"), trough)
    signs = tl.where(odd, 0, signs)
    return sum_1, sum_2, sum_3, sum_4, peak, trough, signs, tl.where(odd, 0, n_groups * group)


@triton.jit
@no_type_check
def _read_tokens(  # noqa: PLR0917 - registers have no other way in
    pointers,
    token_stride,
    start,
    n_tokens,
    there,
    both_signs: tl.constexpr,
    sum_1,
    sum_2,
    sum_3,
    sum_4,
    peak,
    trough,
    signs,
    not_finite,
    nan,
):
    """Add each unit's tokens from `start` on, whatever they hold."""
    token = tl.min(start, axis=0)
    while token < n_tokens:
        value = tl.load(pointers + token * token_stride, mask=there, other=0.0).to(tl.float32)
        # Selected here and not in the load, whose mask would no longer allow 16 bytes at a time.
        unread = token >= start
        value = tl.where(unread, value, 0.0)
        number = _is_number(value)
        finite = tl.abs(value) < float("inf")
        finite_value = tl.where(finite, value, 0.0)
        sum_1, sum_2, sum_3, sum_4 = _add(finite_value, sum_1, sum_2, sum_3, sum_4)
        peak = tl.maximum(peak, tl.where(number & unread, value, float("-inf")))
        trough = tl.minimum(trough, tl.where(number & unread, value, float("inf")))
        signs += _signs(value, both_signs)
        not_finite += tl.where(finite, 0, 1)
        nan += tl.where(number, 0, 1)
        token += 1
    return sum_1, sum_2, sum_3, sum_4, peak, trough, signs, not_finite, nan


@triton.jit
@no_type_check
def _add(value, sum_1, sum_2, sum_3, sum_4):
    square = value * value
    return (
        sum_1 + value,
        sum_2 + square,
        tl.fma(square, value, sum_3),
        tl.fma(square, square, sum_4),
    )


@triton.jit
@no_type_check
def _is_number(value):
    return tl.abs(value) <= float("inf")


@triton.jit
@no_type_check
def _signs(value, both_signs: tl.constexpr):
    """Both counts in one word: of at most 256 tokens neither needs more than its half."""
    signs = (value > 0).to(tl.int32)
    if both_signs:
        signs += tl.where(value < 0, 65536, 0)
    return signs


@triton.jit
@no_type_check
def _rounded(sums, magnets, there):
    """Multiples of the quantum: next to the magnet float64 has the quantum's resolution."""
    magnet = tl.load(magnets, mask=there, other=0.0)
    return (sums.to(tl.float64) + magnet) - magnet
