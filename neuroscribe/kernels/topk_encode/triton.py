"""The largest pre-activations of each token, in Triton.

First stage: a program owns some tokens and a stretch of the latents, and computes their product
tile by tile. A tile never leaves the registers: each of its tokens offers its largest value, which
replaces the worst of the `k` it has kept, until no token of the tile has anything better; almost
always that is soon. Second stage: the stretches' kept keys, `k` a token from each, are merged by
`torch.topk`. What is written is 8 bytes for each of `stretches * k` keys a token in place of 4 for
each latent: at 131,072 latents, k=32 and 8 stretches 2 KB in place of 512.

A key is the value's order-preserving bits above the complement of the latent's number, so no two
are equal, ties go to the lower latent and neither tiles nor stretches show in the result. NaN is
mapped above infinity and -0 to +0, as the twin orders them. Products of half precision are summed
as float32 and rounded to the inputs' type before they are compared, as torch gives them to the
twin; those of float32 are not shortened to tf32.

Block shapes are chosen by arithmetic and disassembly, not by timing: for sm_90 and k=32 ptxas gives
bfloat16 146 registers of 256 threads and tensor cores, float32 230, and no spills up to k=512
(`test_ahead_of_time`). Above that the twin runs. The interpreter cannot multiply bfloat16, so that
product is compiled but untested where there is no GPU.
"""

from collections.abc import Sequence
from typing import NamedTuple, no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

from neuroscribe.kernels.topk_encode import naive
from neuroscribe.kernels.topk_encode.naive import Choice, Chosen
from neuroscribe.shapes import Float, Int64

_FILLING = 256
"""Programs that keep a large GPU busy; the latents are cut into so many stretches."""

_MAGNITUDE = 0x7FFFFFFF
_NUMBER = 0xFFFFFFFF


_WARPS = 8


class _Block(NamedTuple):
    tokens: int
    latents: int


_BLOCKS = {
    32: _Block(tokens=64, latents=128),
    64: _Block(tokens=32, latents=128),
    512: _Block(tokens=16, latents=128),
}
"""By the `k` up to which a shape serves; the twin takes what is above."""

_WIDTHS = {torch.float32: 16, torch.bfloat16: 64, torch.float16: 64}
"""Components of the inputs that are multiplied at once; more of float32 would spill."""


@torch.no_grad()
def topk_encode(
    x: Float[Tensor, "tokens width"],
    encoder: Float[Tensor, "latents width"],
    bias: Float[Tensor, " latents"],
    choices: Sequence[Choice],
) -> list[Chosen]:
    """As `naive.topk_encode`, without waiting for the device; each choice has its own product."""
    x, encoder, bias = x.contiguous(), encoder.contiguous(), bias.contiguous()
    return [_choose(x, encoder, bias, choice) for choice in choices]


def _choose(x: Tensor, encoder: Tensor, bias: Tensor, choice: Choice) -> Chosen:
    block = next((block for most, block in _BLOCKS.items() if choice.k <= most), None)
    if block is None or len(x) == 0:
        return naive.topk_encode(x, encoder, bias, [choice])[0]
    merged = _keys(x, encoder, bias, choice, block).topk(choice.k, dim=1).values
    latents = _NUMBER - (merged & _NUMBER)
    bits = (merged >> 32).int()
    values = (bits ^ ((bits >> 31) & _MAGNITUDE)).view(torch.float32)
    if choice.members is not None:
        latents = choice.members[latents]
    return Chosen(latents, values.to(x.dtype).relu())


def _keys(
    x: Tensor, encoder: Tensor, bias: Tensor, choice: Choice, block: _Block
) -> Int64[Tensor, "tokens kept"]:
    """The best keys of every stretch of latents, side by side, in no order."""
    k, members = choice
    n_tokens, width = x.shape
    n_latents = len(encoder) if members is None else len(members)
    token_blocks, tiles = triton.cdiv(n_tokens, block.tokens), triton.cdiv(n_latents, block.latents)
    tiles_each = triton.cdiv(tiles, max(1, min(tiles, _FILLING // token_blocks)))
    stretches = triton.cdiv(tiles, tiles_each)
    keys = x.new_empty((n_tokens, stretches, k), dtype=torch.int64)
    _encode_kernel[(token_blocks, stretches)](
        x,
        encoder,
        bias,
        # Not read where there are none.
        bias if members is None else members.contiguous(),
        keys,
        n_tokens,
        n_latents,
        tiles_each,
        stretches,
        k,
        width=width,
        some=members is not None,
        block_tokens=block.tokens,
        block_latents=block.latents,
        block_width=_WIDTHS[x.dtype],
        block_k=max(16, triton.next_power_of_2(k)),
        num_warps=_WARPS,
    )
    return keys.flatten(1)


@triton.jit
@no_type_check
def _encode_kernel(  # noqa: PLR0917 - a kernel is launched by position
    x,
    encoder,
    bias,
    members,
    keys,
    n_tokens,
    n_latents,
    tiles_each,
    stretches,
    k,
    width: tl.constexpr,
    some: tl.constexpr,
    block_tokens: tl.constexpr,
    block_latents: tl.constexpr,
    block_width: tl.constexpr,
    block_k: tl.constexpr,
):
    token = tl.program_id(0) * block_tokens + tl.arange(0, block_tokens)
    is_token = token < n_tokens
    # In 64 bits: a stretch's end and products with the width may leave 32.
    row = token.to(tl.int64)
    stretch = tl.program_id(1).to(tl.int64)
    column = tl.arange(0, block_latents)
    slot = tl.arange(0, block_k)
    # Empty places are below every key, each in its own way; what is no place is above all.
    lowest = -0x80000000
    empty = tl.full([block_k], lowest, tl.int64) << 32
    empty = tl.where(slot < k, empty + slot, 0x7FFFFFFFFFFFFFFF)
    kept = tl.zeros([block_tokens, block_k], tl.int64) + empty[None, :]
    worst = tl.min(kept, axis=1)
    first = stretch * tiles_each * block_latents
    end = tl.minimum(first + tiles_each.to(tl.int64) * block_latents, n_latents)
    while first < end:
        place = first + column
        there = place < end
        latent = tl.load(members + place, mask=there, other=0) if some else place
        pre = _product(
            x, encoder, row, latent, is_token, there,
            width, block_tokens, block_latents, block_width,
        )  # fmt: skip
        pre += tl.load(bias + latent, mask=there, other=0.0).to(tl.float32)[None, :]
        tile = tl.where(there[None, :], _order(pre.to(x.dtype.element_ty).to(tl.float32)), lowest)
        best, best_column = tl.max(tile, axis=1, return_indices=True)
        key = _key(best, first + best_column)
        enters = (best > lowest) & (key > worst)
        while tl.max(enters.to(tl.int32), axis=0) > 0:
            replaced = enters[:, None] & (kept == worst[:, None])
            kept = tl.where(replaced, key[:, None], kept)
            worst = tl.min(kept, axis=1)
            tile = tl.where(column[None, :] == best_column[:, None], lowest, tile)
            best, best_column = tl.max(tile, axis=1, return_indices=True)
            key = _key(best, first + best_column)
            enters = (best > lowest) & (key > worst)
        first += block_latents
    target = keys + (row[:, None] * stretches + stretch) * k + slot[None, :]
    tl.store(target, kept, mask=is_token[:, None] & (slot < k)[None, :])


@triton.jit
@no_type_check
def _product(
    x,
    encoder,
    row,
    latent,
    is_token,
    there,
    width: tl.constexpr,
    block_tokens: tl.constexpr,
    block_latents: tl.constexpr,
    block_width: tl.constexpr,
):
    """The product of some tokens with some latents, float32."""
    total = tl.zeros([block_tokens, block_latents], tl.float32)
    # The width is a constant, so that the compiler can load ahead.
    for start in range(0, width, block_width):
        component = start + tl.arange(0, block_width)
        inside = component < width
        left = tl.load(
            x + row[:, None] * width + component[None, :],
            mask=is_token[:, None] & inside[None, :],
            other=0.0,
        )
        right = tl.load(
            encoder + latent.to(tl.int64)[None, :] * width + component[:, None],
            mask=inside[:, None] & there[None, :],
            other=0.0,
        )
        total = tl.dot(left, right, total, input_precision="ieee")
    return total


@triton.jit
@no_type_check
def _order(value):
    """Integers that are ordered as the twin orders values; all are above the smallest integer."""
    bits = value.to(tl.int32, bitcast=True)
    ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    ordered = tl.where(value == 0.0, 0, ordered)
    return tl.where(value == value, ordered, 0x7FFFFFFF)  # noqa: PLR0124 - NaN is not itself


@triton.jit
@no_type_check
def _key(ordered, latent):
    return (ordered.to(tl.int64) << 32) | (0xFFFFFFFF - latent)
