"""The largest latents of each token, with gradients that cost what the chosen ones cost.

Choosing needs the pre-activation of every latent, but only the chosen ones have a gradient. So the
dense matrix never exists as a whole, and the backward pass works on (token, latent) pairs: the
encoder's gradient is the product of the sparse gradient's transpose with the inputs, a sum of rows
of inputs for each latent in a fixed order, so it is the same to the bit each time.
A choice among some latents alone (the dead ones) is a choice like any other: what is chosen has a
gradient, whoever else was chosen for the token. (One popular trainer hands its auxiliary loss the
dense pre-activations out of a function whose backward pass knows the top k alone, so that loss
never reaches the encoder.)
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function, once_differentiable

from neuroscribe.kernels.choice import triton_twin
from neuroscribe.kernels.sparse_decode import transpose, weighted_sum
from neuroscribe.kernels.topk_encode import naive
from neuroscribe.kernels.topk_encode.naive import Choice, Chosen, best_columns

__all__ = ["Choice", "Chosen", "best_columns", "choose", "topk_encode"]


def topk_encode(
    x: Tensor,
    encoder: Tensor,
    bias: Tensor,
    choices: Sequence[Choice],
    *,
    product_dtype: torch.dtype | None = None,
) -> list[Chosen]:
    """`naive.topk_encode`, with values that are differentiable in `x`, `encoder` and `bias`.

    Args:
        x: inputs, less the decoder's bias.
        encoder: one row per latent.
        bias: of the latents.
        choices: among which latents, and how many.
        product_dtype: of the product and of what is compared; that of `x` if None. Values come
            back in the type of `x`.

    Raises:
        ValueError: a choice asks for more latents than there are to choose among.
    """
    for k, members in choices:
        there = len(encoder) if members is None else len(members)
        if not 1 <= k <= there:
            raise ValueError(f"{k} latents a token cannot be chosen among {there}")
    dtype = product_dtype or x.dtype
    leaves = (x, encoder, bias)
    if any(leaf.dtype != dtype for leaf in leaves):
        found = choose(
            x.detach().to(dtype), encoder.detach().to(dtype), bias.detach().to(dtype), choices
        )
        found = [Chosen(latents, values.to(x.dtype)) for latents, values in found]
    else:
        found = choose(x, encoder, bias, choices)
    if not (torch.is_grad_enabled() and any(leaf.requires_grad for leaf in leaves)):
        return found
    latents, values = (torch.cat(column, dim=1) for column in zip(*found, strict=True))
    values = _Differentiable.apply(x, encoder, bias, latents, values)  # type: ignore[no-untyped-call]
    sizes = [choice.k for choice in choices]
    return list(map(Chosen, latents.split(sizes, dim=1), values.split(sizes, dim=1)))


def choose(x: Tensor, encoder: Tensor, bias: Tensor, choices: Sequence[Choice]) -> list[Chosen]:
    """`naive.topk_encode`, by the kernel where there is one; not differentiable.

    Choices among the same latents are made once, with the largest `k`.
    """
    twin = triton_twin(__name__, x.device, x.dtype) or naive
    if len(choices) == 1:
        chosen: list[Chosen] = twin.topk_encode(x, encoder, bias, choices)
        return chosen
    widest: dict[int, Choice] = {}
    for choice in choices:
        widest[id(choice.members)] = max(widest.get(id(choice.members), choice), choice, key=_k)
    found = dict(
        zip(widest, twin.topk_encode(x, encoder, bias, list(widest.values())), strict=True)
    )
    return [
        Chosen(*(part[:, : choice.k] for part in found[id(choice.members)])) for choice in choices
    ]


def _k(choice: Choice) -> int:
    return choice.k


class _Differentiable(Function):
    """Makes values that were computed without a graph differentiable."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, encoder: Tensor, _bias: Tensor, latents: Tensor, values: Tensor
    ) -> Tensor:
        ctx.save_for_backward(x, encoder, latents, values)
        return values.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, encoder, latents, values = ctx.saved_tensors
        n_tokens, k = latents.shape
        # As ReLU: nothing where the value is 0; NaN passes.
        entries = gradient.masked_fill(values <= 0, 0.0).flatten()
        offsets = torch.arange(0, n_tokens * k + 1, k, device=x.device)
        of_x = of_encoder = of_bias = None
        if ctx.needs_input_grad[0]:
            of_x = weighted_sum(offsets, latents.flatten(), entries, encoder)
        if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:
            by_latent = transpose(offsets, latents.flatten(), entries, n_latents=len(encoder))
            of_encoder = weighted_sum(*by_latent, x)
            of_bias = weighted_sum(*by_latent, x.new_ones((n_tokens, 1)))[:, 0]
        return of_x, of_encoder, of_bias, None, None
