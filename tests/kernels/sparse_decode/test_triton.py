"""The kernels against their twins, where widths, entries and tokens fill no block exactly."""

import pytest
import torch
from hypothesis import given, settings, strategies as st

from neuroscribe.kernels import sparse_decode as package
from neuroscribe.kernels.sparse_decode import naive

pytest.importorskip("triton", reason="triton is not installed")
kernel = pytest.importorskip("neuroscribe.kernels.sparse_decode.triton")

few = settings(max_examples=10, deadline=None)


@st.composite
def matrices(draw):
    """(offsets, latents, values, decoder, gradient) of random sizes."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    fired = torch.tensor(draw(st.lists(st.integers(0, 19), min_size=1, max_size=5)))
    n_latents, width = draw(st.sampled_from([(1, 1), (13, 5), (40, 67)]))
    n = int(fired.sum())
    return (
        torch.cat([fired.new_zeros(1), fired.cumsum(0)]),
        torch.randint(n_latents, (n,), generator=generator),
        torch.randn(n, generator=generator),
        torch.randn((n_latents, width), generator=generator),
        torch.randn((len(fired), width), generator=generator),
    )


def assert_close(found, truth):
    torch.testing.assert_close(found.cpu(), truth, atol=1e-5, rtol=1e-5, equal_nan=True)


@few
@given(matrices(), st.sampled_from([16, 512]))
def test_sums_products_and_transposed_sums_are_the_twins(device, case, tile):
    offsets, latents, values, decoder, gradient = case
    there = [tensor.to(device) for tensor in case]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "_TILE", tile)
        assert_close(kernel.sparse_decode(*there[:4]), naive.sparse_decode(*case[:4]))
        assert_close(
            kernel.row_products(*there[:2], there[4], there[3]),
            naive.row_products(offsets, latents, gradient, decoder),
        )
        by_latent = naive.transpose(offsets, latents, values, n_latents=len(decoder))
        assert_close(
            kernel.sparse_decode(*(part.to(device) for part in by_latent), there[4]),
            naive.sparse_decode(*by_latent, gradient),
        )


@few
@given(matrices())
def test_gradients_through_the_kernels_are_those_of_the_twins(device, case):
    def gradients(device):
        offsets, latents, values, decoder, gradient = (tensor.to(device) for tensor in case)
        leaves = [values.requires_grad_(), decoder.requires_grad_()]
        output = package.sparse_decode(offsets, latents, values, decoder)
        return [each.cpu() for each in torch.autograd.grad(output, leaves, gradient)]

    truth = gradients("cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package, "triton_twin", lambda *_: kernel)
        for found, expected in zip(gradients(device), truth, strict=True):
            assert_close(found, expected)


@pytest.mark.parametrize("odd", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_is_where_the_twin_has_it(device, odd):
    generator = torch.Generator().manual_seed(0)
    offsets, latents = torch.tensor([0, 3, 3, 12]), torch.arange(12) % 5
    values = torch.randn(12, generator=generator)
    decoder = torch.randn((5, 6), generator=generator)
    values[0] = 0.0
    decoder[0, 2] = odd
    values[4] = odd
    gradient = torch.randn((3, 6), generator=generator)
    gradient[2, 5] = odd
    case = (offsets, latents, values, decoder, gradient)
    there = [tensor.to(device) for tensor in case]
    assert_close(kernel.sparse_decode(*there[:4]), naive.sparse_decode(*case[:4]))
    assert_close(
        kernel.row_products(*there[:2], there[4], there[3]),
        naive.row_products(offsets, latents, gradient, decoder),
    )


def test_half_precision_is_summed_as_float32(device):
    offsets, latents = torch.tensor([0, 300]), torch.zeros(300, dtype=torch.int64)
    values = torch.ones(300, dtype=torch.bfloat16)
    decoder = torch.ones((1, 3), dtype=torch.bfloat16)
    found = kernel.sparse_decode(*(t.to(device) for t in (offsets, latents, values, decoder)))
    assert found.tolist() == [[300.0] * 3]


def test_nothing_gives_nothing(device):
    none = torch.zeros(0, dtype=torch.int64, device=device)
    decoder = torch.zeros((4, 3), device=device)
    offsets = torch.zeros(1, dtype=torch.int64, device=device)
    values = torch.zeros(0, device=device)
    assert kernel.sparse_decode(offsets, none, values, decoder).shape == (0, 3)
    assert kernel.row_products(offsets, none, decoder[:0], decoder).shape == (0,)
