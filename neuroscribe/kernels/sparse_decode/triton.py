"""Sums of weighted rows, and products with rows, in Triton.

Decoding: a program owns one token and a stretch of the width, and adds that stretch of its latents'
rows, some latents at a time. The width is cut into tiles, because a whole row in registers spills
where it is wide (d = 8,192). The transposed product is the same kernel on entries sorted by
latents: a latent's sum has one writer, so there are no atomics and the result is the same each
time. A latent that fires on most tokens makes one program long; nothing is done about that.

Products: a program owns one token and goes through its latents, some at a time, tile by tile.

Sums are float32 whatever the type of the rows. Latents are not checked: one that is out of range
reads other memory, where the twin raises. Block shapes are chosen by arithmetic and disassembly,
not by timing.
"""

from typing import no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

from neuroscribe.kernels.sparse_decode.naive import transpose
from neuroscribe.shapes import Float, Int64

__all__ = ["row_products", "sparse_decode", "transpose"]

_ENTRIES = 8
"""Entries whose rows are loaded together; part of the order of additions."""

_TILE = 512
"""Components of a row that a program holds, of 4 bytes each at most."""

_WARPS = 4


def sparse_decode(
    offsets: Int64[Tensor, " boundaries"],
    latents: Int64[Tensor, " entries"],
    values: Float[Tensor, " entries"],
    decoder: Float[Tensor, "latents width"],
) -> Float[Tensor, "tokens width"]:
    """As `naive.sparse_decode`."""
    n_tokens, width = len(offsets) - 1, decoder.shape[1]
    output = decoder.new_empty((n_tokens, width))
    if output.numel() == 0:
        return output
    tile = min(_TILE, triton.next_power_of_2(width))
    _decode_kernel[(n_tokens, triton.cdiv(width, tile))](
        offsets.contiguous(),
        latents.contiguous(),
        values.contiguous(),
        decoder.contiguous(),
        output,
        width,
        entries=_ENTRIES,
        tile=tile,
        num_warps=_WARPS,
        enable_fp_fusion=False,
    )
    return output


def row_products(
    offsets: Int64[Tensor, " boundaries"],
    latents: Int64[Tensor, " entries"],
    gradient: Float[Tensor, "tokens width"],
    decoder: Float[Tensor, "latents width"],
) -> Float[Tensor, " entries"]:
    """As `naive.row_products`."""
    products = torch.empty_like(latents, dtype=decoder.dtype)
    if products.numel() == 0:
        return products
    width = decoder.shape[1]
    _products_kernel[(len(gradient),)](
        offsets.contiguous(),
        latents.contiguous(),
        gradient.contiguous(),
        decoder.contiguous(),
        products,
        width,
        entries=_ENTRIES,
        tile=min(_TILE, triton.next_power_of_2(width)),
        num_warps=_WARPS,
        enable_fp_fusion=False,
    )
    return products


@triton.jit
@no_type_check
def _decode_kernel(
    offsets,
    latents,
    values,
    decoder,
    output,
    width,
    entries: tl.constexpr,
    tile: tl.constexpr,
):
    token = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * tile + tl.arange(0, tile)
    there = column < width
    first = tl.load(offsets + token)
    end = tl.load(offsets + token + 1)
    total = tl.zeros([tile], tl.float32)
    while first < end:
        place = first + tl.arange(0, entries)
        present = place < end
        latent = tl.load(latents + place, mask=present, other=0)
        value = tl.load(values + place, mask=present, other=0.0).to(tl.float32)
        rows = tl.load(
            decoder + latent[:, None] * width + column[None, :],
            mask=present[:, None] & there[None, :],
            other=0.0,
        ).to(tl.float32)
        total += tl.sum(value[:, None] * rows, axis=0)
        first += entries
    tl.store(output + token * width + column, total, mask=there)


@triton.jit
@no_type_check
def _products_kernel(
    offsets,
    latents,
    gradient,
    decoder,
    products,
    width,
    entries: tl.constexpr,
    tile: tl.constexpr,
):
    token = tl.program_id(0).to(tl.int64)
    first = tl.load(offsets + token)
    end = tl.load(offsets + token + 1)
    while first < end:
        place = first + tl.arange(0, entries)
        present = place < end
        latent = tl.load(latents + place, mask=present, other=0)
        total = tl.zeros([entries], tl.float32)
        start = 0
        while start < width:
            column = start + tl.arange(0, tile)
            there = column < width
            of_token = tl.load(gradient + token * width + column, mask=there, other=0.0)
            rows = tl.load(
                decoder + latent[:, None] * width + column[None, :],
                mask=present[:, None] & there[None, :],
                other=0.0,
            )
            total += tl.sum(rows.to(tl.float32) * of_token.to(tl.float32)[None, :], axis=1)
            start += tile
        tl.store(products + place, total, mask=present)
        first += entries
