"""Pre-activations of chosen latents, with gradients that cost what the chosen ones cost.

Choosing needs the pre-activation of every latent, but only the chosen ones have a gradient. So the
dense matrix is computed chunk by chunk without a graph and dropped, and the backward pass works on
(token, latent) pairs: the encoder's gradient is the product of the sparse gradient's transpose with
the inputs, which is a sum of rows of inputs for each latent, in the order of the latents, so it is
the same to the bit each time.
A choice among some latents alone (the dead ones) is a choice like any other: what is chosen has a
gradient, whoever else was chosen for the token. (One popular trainer hands its auxiliary loss the
dense pre-activations out of a function whose backward pass knows the top k alone, so that loss
never reaches the encoder.)
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from neuroscribe.shapes import Bool, Float, Int64

CHUNK_BYTES = 2**27
"""Size of the dense pre-activations that are held at once."""


class Choice(NamedTuple):
    """How many latents are chosen for each token, and among which."""

    k: int
    among: Bool[Tensor, " latents"] | None = None
    """None for all of them."""


class Chosen(NamedTuple):
    """Latents of each token and their pre-activations, differentiable, largest first."""

    latents: Int64[Tensor, "tokens k"]
    values: Float[Tensor, "tokens k"]


def chosen_pre_activations(
    x: Float[Tensor, "tokens width"],
    encoder: Float[Tensor, "latents width"],
    bias: Float[Tensor, " latents"],
    choices: Sequence[Choice],
    *,
    product_dtype: torch.dtype = torch.float32,
) -> list[Chosen]:
    """For each choice, the latents with the largest pre-activations `x @ encoder.T + bias`.

    Args:
        x: inputs, less the decoder's bias; differentiable.
        encoder: one row per latent; differentiable.
        bias: differentiable.
        choices: each with no more latents than there are to choose among.
        product_dtype: of the dense product; values come back as float32.
    """
    found = _choose(x, encoder, bias, choices, product_dtype)
    joined = Chosen(*(torch.cat(column, dim=1) for column in zip(*found, strict=True)))
    values = _At.apply(x, encoder, bias, *joined)  # type: ignore[no-untyped-call]
    split = values.split([choice.k for choice in choices], dim=1)
    return [Chosen(latents, own) for (latents, _), own in zip(found, split, strict=True)]


@torch.no_grad()
def _choose(
    x: Tensor,
    encoder: Tensor,
    bias: Tensor,
    choices: Sequence[Choice],
    product_dtype: torch.dtype,
) -> list[Chosen]:
    """What each choice chooses, not differentiable."""
    rows, offsets = encoder.to(product_dtype), bias.to(product_dtype)
    members = [None if c.among is None else c.among.nonzero()[:, 0] for c in choices]
    found: list[list[Chosen]] = [[] for _ in choices]
    for part in x.split(max(1, CHUNK_BYTES // (len(encoder) * product_dtype.itemsize))):
        pre = functional.linear(part.to(product_dtype), rows, offsets)
        for choice, among, parts in zip(choices, members, found, strict=True):
            values, places = (pre if among is None else pre[:, among]).topk(choice.k, dim=1)
            parts.append(Chosen(places if among is None else among[places], values.to(x.dtype)))
    return [Chosen(*(torch.cat(column) for column in zip(*parts, strict=True))) for parts in found]


class _At(torch.autograd.Function):
    """Makes pre-activations that were computed without a graph differentiable."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, encoder: Tensor, _bias: Tensor, latents: Tensor, values: Tensor
    ) -> Tensor:
        ctx.save_for_backward(x, encoder, latents)
        return values.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, encoder, latents = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        of_x = functional.embedding_bag(latents, encoder, mode="sum", per_sample_weights=gradient)
        of_encoder = transpose_product(latents, gradient, x, n_latents=len(encoder))
        of_bias = encoder.new_zeros(len(encoder)).index_add_(
            0, latents.flatten(), gradient.flatten()
        )
        return of_x, of_encoder, of_bias, None, None


def transpose_product(
    latents: Int64[Tensor, "tokens k"],
    values: Float[Tensor, "tokens k"],
    dense: Float[Tensor, "tokens width"],
    *,
    n_latents: int,
) -> Float[Tensor, "latents width"]:
    """`S.T @ dense`, where `S[token, latent]` holds the values; a latent may come up repeatedly.

    The pairs are sorted by latent and each latent's rows of `dense` are summed in the order of the
    tokens, so no two writers meet and the result is the same each time.
    """
    order = latents.flatten().argsort(stable=True)
    ends = torch.bincount(latents.flatten(), minlength=n_latents).cumsum(0)
    return functional.embedding_bag(
        order // latents.shape[1],
        dense,
        torch.cat([ends.new_zeros(1), ends]),
        mode="sum",
        per_sample_weights=values.flatten()[order],
        include_last_offset=True,
    )
