"""The K best sequences of every unit, in Triton.

Insertion: a program owns some units of one group and holds their K places in registers. It goes
through the batch in order, some sequences at a time, and asks first whether any of them beats the
worst place of any of its units; almost always none does. Otherwise it replaces worst places, one
sequence after the other. A unit is written by one program alone, so there are no atomics, nothing
waits for the host, and the set that is kept is the twin's; only the places' order may differ.

Copying: a program owns the same units and a stretch of tokens. It takes up each sequence that any
of its units has newly kept, reads that stretch once for all its units (they lie side by side, so 16
bytes at a time) and writes it, turned, to those that keep it (tokens lie side by side). No sequence
that nobody keeps is read.

Block shapes are chosen by arithmetic and disassembly, not by timing: about 1,024 places in the
registers of 128 threads. For sm_90 and 32 places ptxas gives an insertion 86 registers, a copy from
bfloat16 80 and from float32 106, and no spills (`test_ahead_of_time`).
"""

from typing import NamedTuple, no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

from neuroscribe.kernels.top_activation import naive
from neuroscribe.shapes import Float, Int32, Int64

_TESTED_VALUES = 512
"""Values of new sequences that an insertion looks at together, over all its units."""

_TOKENS = 64
"""Tokens that a program copies."""

_NO_ROW = 2**31 - 1


class _Block(NamedTuple):
    units: int
    warps: int


_BLOCKS = {
    32: _Block(units=32, warps=4),
    64: _Block(units=16, warps=4),
    128: _Block(units=8, warps=4),
    1024: _Block(units=1, warps=4),
    4096: _Block(units=1, warps=8),
}
"""By the number of places up to which a shape serves; more than the last do not fit registers."""


def insert_top(
    values: Float[Tensor, "groups units k"],
    ids: Int64[Tensor, "groups units k"],
    new_values: Float[Tensor, "batch units"],
    new_ids: Int64[Tensor, " batch"],
    groups: Int64[Tensor, " batch"],
) -> Int32[Tensor, "groups units k"]:
    """As `naive.insert_top`, without waiting for the device; `values` and `ids` lie in one piece.

    Of a place that is taken twice the later sequence is returned.
    """
    n_groups, units, k = values.shape
    block = _block(units, k)
    if block is None:
        return naive.insert_top(values, ids, new_values, new_ids, groups)
    _check_in_one_piece(values=values, ids=ids)
    source = torch.empty_like(ids, dtype=torch.int32)
    _insert_kernel[(triton.cdiv(units, block.units), n_groups)](
        values,
        ids,
        source,
        new_values,
        new_ids.contiguous(),
        groups.contiguous(),
        len(new_values),
        units,
        k,
        *new_values.stride(),
        rows=_TESTED_VALUES // block.units,
        block_units=block.units,
        block_k=triton.next_power_of_2(k),
        num_warps=block.warps,
        enable_fp_fusion=False,
    )
    return source


def copy_rows(
    rows: Float[Tensor, "groups units k length"],
    source: Int32[Tensor, "groups units k"],
    activations: Float[Tensor, "batch sequence units"],
    lengths: Int64[Tensor, " batch"],
    sign: int = 1,
) -> None:
    """As `naive.copy_rows`, without waiting for the device; `rows` lies in one piece.

    No unit may have taken one sequence twice, which `insert_top` sees to.
    """
    n_groups, units, k, length = rows.shape
    block = _block(units, k)
    if block is None:
        naive.copy_rows(rows, source, activations, lengths, sign)
        return
    _check_in_one_piece(rows=rows)
    _copy_kernel[(triton.cdiv(units, block.units), n_groups, triton.cdiv(length, _TOKENS))](
        rows,
        source.contiguous(),
        activations,
        lengths.contiguous(),
        units,
        k,
        length,
        *activations.stride(),
        sign=1 if sign > 0 else -1,
        none=_NO_ROW,
        tokens=_TOKENS,
        block_units=block.units,
        block_k=triton.next_power_of_2(k),
        num_warps=block.warps,
        enable_fp_fusion=False,
    )


def _block(units: int, k: int) -> _Block | None:
    """The shape for so many places; None if they are too many."""
    for most, block in _BLOCKS.items():
        if k <= most:
            return block._replace(units=min(block.units, triton.next_power_of_2(units)))
    return None


def _check_in_one_piece(**tensors: Tensor) -> None:
    for name, tensor in tensors.items():
        if not tensor.is_contiguous():
            raise ValueError(f"{name} is changed in place and must be contiguous")


@triton.jit
@no_type_check
def _insert_kernel(  # noqa: PLR0917 - a kernel is launched by position
    values,
    ids,
    source,
    new_values,
    new_ids,
    groups,
    batch,
    units,
    k,
    row_stride,
    unit_stride,
    rows: tl.constexpr,
    block_units: tl.constexpr,
    block_k: tl.constexpr,
):
    group = tl.program_id(1)
    unit = tl.program_id(0) * block_units + tl.arange(0, block_units)
    column = tl.arange(0, block_k)[None, :]
    there = unit < units
    place = (group.to(tl.int64) * units + unit)[:, None] * k + column
    is_place = there[:, None] & (column < k)
    # What is no place is never replaced, because nothing is better than (inf, -1).
    value = tl.load(values + place, mask=is_place, other=float("inf"))
    kept_id = tl.load(ids + place, mask=is_place, other=-1)
    origin = tl.full([block_units, block_k], -1, tl.int32)
    worst, worst_id = _worst(value, kept_id)
    columns = new_values + unit.to(tl.int64) * unit_stride
    turn = tl.arange(0, rows)
    first = 0
    while first < batch:
        row = first + turn
        member = tl.load(groups + row, mask=row < batch, other=-1) == group
        tile = tl.load(
            columns[None, :] + row.to(tl.int64)[:, None] * row_stride,
            mask=member[:, None] & there[None, :],
            other=float("-inf"),
        )
        tile_ids = tl.load(new_ids + row, mask=row < batch, other=0)
        entering = _next_entering(tile, tile_ids, turn, 0, worst, worst_id, rows)
        while entering < rows:
            taken = first + entering
            new = tl.load(
                columns + taken.to(tl.int64) * row_stride, mask=there, other=float("-inf")
            )
            new_id = tl.load(new_ids + taken)
            is_worst = (value == worst[:, None]) & (kept_id == worst_id[:, None])
            first_worst = tl.min(tl.where(is_worst, column, block_k), axis=1)
            enters = _is_better(new, new_id, worst, worst_id)
            replaced = enters[:, None] & (column == first_worst[:, None])
            value = tl.where(replaced, new[:, None], value)
            kept_id = tl.where(replaced, new_id, kept_id)
            origin = tl.where(replaced, taken, origin)
            worst, worst_id = _worst(value, kept_id)
            entering = _next_entering(tile, tile_ids, turn, entering + 1, worst, worst_id, rows)
        first += rows
    tl.store(values + place, value, mask=is_place)
    tl.store(ids + place, kept_id, mask=is_place)
    tl.store(source + place, origin, mask=is_place)


@triton.jit
@no_type_check
def _worst(value, kept_id):
    """The smallest value of every unit and, among places that share it, the latest sequence."""
    worst = tl.min(value, axis=1)
    return worst, tl.max(tl.where(value == worst[:, None], kept_id, -1), axis=1)


@triton.jit
@no_type_check
def _is_better(value, new_id, worst, worst_id):
    larger = (value > worst) | ((value == worst) & (new_id < worst_id))
    return larger & (value > float("-inf"))


@triton.jit
@no_type_check
def _next_entering(tile, tile_ids, turn, start, worst, worst_id, rows: tl.constexpr):
    """The first row of the tile from `start` on that enters at any unit; `rows` if none does."""
    enters = _is_better(tile, tile_ids[:, None], worst[None, :], worst_id[None, :])
    anywhere = tl.max(enters.to(tl.int32), axis=1) > 0
    return tl.min(tl.where(anywhere & (turn >= start), turn, rows), axis=0)


@triton.jit
@no_type_check
def _copy_kernel(  # noqa: PLR0917 - a kernel is launched by position
    rows,
    source,
    activations,
    lengths,
    units,
    k,
    length,
    row_stride,
    token_stride,
    unit_stride,
    sign: tl.constexpr,
    none: tl.constexpr,
    tokens: tl.constexpr,
    block_units: tl.constexpr,
    block_k: tl.constexpr,
):
    unit = tl.program_id(0) * block_units + tl.arange(0, block_units)
    token = tl.program_id(2) * tokens + tl.arange(0, tokens)
    column = tl.arange(0, block_k)[None, :]
    there = unit < units
    unit_place = (tl.program_id(1).to(tl.int64) * units + unit) * k
    is_place = there[:, None] & (column < k)
    origin = tl.load(source + unit_place[:, None] + column, mask=is_place, other=-1)
    unit_offset = unit.to(tl.int64) * unit_stride
    token_offset = token.to(tl.int64) * token_stride
    row = _smallest(tl.where(origin >= 0, origin, none))
    while row < none:
        place = tl.max(tl.where(origin == row, column, -1), axis=1)
        present = token < tl.load(lengths + row)
        # Units that do not keep the sequence are read too: a mask of theirs would narrow the loads.
        value = tl.load(
            activations
            + row.to(tl.int64) * row_stride
            + (token_offset[:, None] + unit_offset[None, :]),
            mask=present[:, None] & there[None, :],
            other=0.0,
        )
        # A product, because Triton's minus gives +0 for 0.
        signed = tl.where(present[:, None], value.to(tl.float32) * sign, 0.0)
        tl.store(
            rows + (unit_place + place)[None, :] * length + token[:, None],
            signed,
            mask=(place >= 0)[None, :] & (token < length)[:, None],
        )
        row = _smallest(tl.where(origin > row, origin, none))


@triton.jit
@no_type_check
def _smallest(tile):
    return tl.min(tl.min(tile, axis=1), axis=0)
