"""The output that sparse latents stand for, with gradients that cost what the entries cost.

Nothing as large as [tokens x latents] exists in either direction, and the decoder's gradient is a
sum in a fixed order, so it is the same to the bit each time.
"""

from typing import Any

from torch import Tensor
from torch.autograd.function import Function, once_differentiable

from neuroscribe.kernels.choice import triton_twin
from neuroscribe.kernels.sparse_decode import naive
from neuroscribe.kernels.sparse_decode.naive import Rows, transpose

__all__ = ["Rows", "row_products", "sparse_decode", "transpose", "weighted_sum"]


def sparse_decode(offsets: Tensor, latents: Tensor, values: Tensor, decoder: Tensor) -> Tensor:
    """`naive.sparse_decode`, differentiable in `values` and `decoder`."""
    output: Tensor = _SparseDecode.apply(offsets, latents, values, decoder)  # type: ignore[no-untyped-call]
    return output


def weighted_sum(offsets: Tensor, latents: Tensor, values: Tensor, decoder: Tensor) -> Tensor:
    """`naive.sparse_decode`, by the kernel where there is one; not differentiable."""
    twin = triton_twin(__name__, decoder.device, decoder.dtype) or naive
    output: Tensor = twin.sparse_decode(offsets, latents, values, decoder)
    return output


def row_products(offsets: Tensor, latents: Tensor, gradient: Tensor, decoder: Tensor) -> Tensor:
    """`naive.row_products`, by the kernel where there is one; not differentiable."""
    twin = triton_twin(__name__, decoder.device, decoder.dtype) or naive
    products: Tensor = twin.row_products(offsets, latents, gradient, decoder)
    return products


class _SparseDecode(Function):
    @staticmethod
    def forward(
        ctx: Any, offsets: Tensor, latents: Tensor, values: Tensor, decoder: Tensor
    ) -> Tensor:
        ctx.save_for_backward(offsets, latents, values, decoder)
        return weighted_sum(offsets, latents, values, decoder)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        offsets, latents, values, decoder = ctx.saved_tensors
        of_values = of_decoder = None
        if ctx.needs_input_grad[2]:
            of_values = row_products(offsets, latents, gradient, decoder)
        if ctx.needs_input_grad[3]:
            by_latent = transpose(offsets, latents, values, n_latents=len(decoder))
            of_decoder = weighted_sum(*by_latent, gradient)
        return None, None, of_values, of_decoder
