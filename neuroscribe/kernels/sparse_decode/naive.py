"""Sums of weighted rows, and their gradients, in PyTorch: the readable twin and the CPU path.

A sparse matrix `S[token, latent]` is given by rows (`offsets`, `latents`, `values`): the entries of
token `t` stand from `offsets[t]` up to `offsets[t + 1]`. Three products are all that decoding and
training need, and none of them forms `S`:

    out = S @ decoder                 `sparse_decode`
    dS  = gradient @ decoder.T        `row_products`, at the entries of `S` alone
    dD  = S.T @ gradient              `transpose`, then `sparse_decode` again

`embedding_bag` reads each row once and stores nothing between: at 131,072 latents, k=32 and 1,024
tokens 13 ms on one core, where the dense product takes 2,549. Zeros count as entries, so an
infinite row with the value 0 gives NaN, as the dense product does. Duplicates of a latent add up.
"""

import functools
import math
import warnings
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from neuroscribe.shapes import Float, Int64


class Rows(NamedTuple):
    """A sparse matrix by rows."""

    offsets: Int64[Tensor, " boundaries"]
    columns: Int64[Tensor, " entries"]
    values: Float[Tensor, " entries"]


def sparse_decode(
    offsets: Int64[Tensor, " boundaries"],
    latents: Int64[Tensor, " entries"],
    values: Float[Tensor, " entries"],
    decoder: Float[Tensor, "latents width"],
) -> Float[Tensor, "tokens width"]:
    """For each token the sum of its latents' rows, weighted by its values.

    Args:
        offsets: where each token's entries begin, and where the last one's end.
        latents: of the entries, any order within a token.
        values: of the type of `decoder`.
        decoder: one row per latent.
    """
    return functional.embedding_bag(
        latents,
        decoder,
        offsets,
        mode="sum",
        per_sample_weights=values,
        include_last_offset=True,
    )


def row_products(
    offsets: Int64[Tensor, " boundaries"],
    latents: Int64[Tensor, " entries"],
    gradient: Float[Tensor, "tokens width"],
    decoder: Float[Tensor, "latents width"],
) -> Float[Tensor, " entries"]:
    """For each entry the product of its token's `gradient` with its latent's row of `decoder`.

    It is the gradient of `sparse_decode` with respect to `values`. By copies of rows it takes 6 to
    30 times as long as by torch's product at the entries of a sparse matrix. That one takes no half
    precision, for which the gradient is taken as one, in twice the time. Latents are not checked.
    """
    shape = (len(gradient), len(decoder))
    # More entries than there are places, which only repeated latents give, torch does not take.
    if decoder.dtype in (torch.float32, torch.float64) and len(latents) <= math.prod(shape):
        _let_torch_warn()
        zeros = decoder.new_zeros(len(latents))
        entries = torch.sparse_csr_tensor(offsets, latents, zeros, shape, check_invariants=False)
        found: Tensor = torch.sparse.sampled_addmm(entries, gradient, decoder.T).values()
        return found
    with torch.enable_grad():
        values = decoder.new_zeros(len(latents), requires_grad=True)
        output = sparse_decode(offsets, latents, values, decoder.detach())
        (products,) = torch.autograd.grad(output, values, gradient)
    return products


@functools.cache
def _let_torch_warn() -> None:
    """Hear once, and not pass on, that sparse matrices may still change in torch."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support", category=UserWarning)
        nothing = torch.zeros(0)
        torch.sparse_csr_tensor(
            torch.zeros(1, dtype=torch.int64), nothing.long(), nothing, (0, 1),
            check_invariants=False,
        )  # fmt: skip


def transpose(
    offsets: Int64[Tensor, " boundaries"],
    latents: Int64[Tensor, " entries"],
    values: Float[Tensor, " entries"],
    *,
    n_latents: int,
) -> Rows:
    """The same entries by latents: `columns` are tokens, ascending for each latent.

    Sums over its rows have one writer each and a fixed order, so they are the same each time.
    """
    each = torch.arange(len(offsets) - 1, device=offsets.device)
    tokens = each.repeat_interleave(offsets.diff(), output_size=len(latents))
    ordered, order = latents.int().sort(stable=True)
    boundaries = torch.arange(n_latents + 1, dtype=torch.int32, device=latents.device)
    return Rows(torch.searchsorted(ordered, boundaries), tokens[order], values[order])
