"""Sums of rows and their gradients against the dense matrix product and torch's own gradients."""

import pytest
import torch
from hypothesis import given, settings, strategies as st

from neuroscribe.kernels import sparse_decode as package
from neuroscribe.kernels.sparse_decode import naive

some = settings(max_examples=30, deadline=None)


@st.composite
def matrices(draw):
    """(offsets, latents, values, decoder, gradient); latents may come up repeatedly."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    fired = torch.tensor(draw(st.lists(st.integers(0, 11), min_size=1, max_size=9)))
    n_latents, width = draw(st.sampled_from([(1, 1), (13, 5), (40, 9)]))
    n = int(fired.sum())
    return (
        torch.cat([fired.new_zeros(1), fired.cumsum(0)]),
        torch.randint(n_latents, (n,), generator=generator),
        torch.randn(n, generator=generator),
        torch.randn((n_latents, width), generator=generator),
        torch.randn((len(fired), width), generator=generator),
    )


def dense(offsets, latents, values, n_latents):
    tokens = torch.arange(len(offsets) - 1).repeat_interleave(offsets.diff())
    matrix = values.new_zeros(len(offsets) - 1, n_latents)
    return matrix.index_put((tokens, latents), values, accumulate=True)


@some
@given(matrices())
def test_decoding_is_the_dense_product(case):
    *sparse, decoder, _ = case
    found = naive.sparse_decode(*sparse, decoder)
    torch.testing.assert_close(found, dense(*sparse, len(decoder)) @ decoder, atol=1e-5, rtol=1e-5)


@some
@given(matrices())
def test_the_transpose_holds_the_same_entries_by_latents(case):
    *sparse, decoder, gradient = case
    rows = naive.transpose(*sparse, n_latents=len(decoder))
    assert torch.equal(dense(*rows, len(gradient)), dense(*sparse, len(decoder)).T)
    for start, end in zip(rows.offsets, rows.offsets[1:], strict=False):
        assert bool((rows.columns[start:end].diff() >= 0).all())


@some
@given(matrices())
def test_gradients_are_those_of_the_dense_product(case):
    offsets, latents, values, decoder, gradient = case
    values.requires_grad_()
    decoder.requires_grad_()
    truth = torch.autograd.grad(
        dense(offsets, latents, values, len(decoder)) @ decoder, [values, decoder], gradient
    )
    found = torch.autograd.grad(
        package.sparse_decode(offsets, latents, values, decoder), [values, decoder], gradient
    )
    torch.testing.assert_close(found, truth, atol=1e-5, rtol=1e-5)


def test_the_decoders_gradient_is_the_same_to_the_bit_each_time():
    generator = torch.Generator().manual_seed(0)
    offsets, latents = torch.arange(0, 2001, 10), torch.randint(7, (2000,), generator=generator)
    values, gradient = torch.rand(2000, generator=generator), torch.randn(200, 6)
    decoder = torch.randn(7, 6, requires_grad=True)
    once, again = (
        torch.autograd.grad(
            package.sparse_decode(offsets, latents, values, decoder), decoder, gradient
        )[0]
        for _ in range(2)
    )
    assert torch.equal(once, again)


@some
@given(matrices(), st.sampled_from([torch.float64, torch.bfloat16]))
def test_products_with_rows_are_those_of_other_types_too(case, dtype):
    offsets, latents, _, decoder, gradient = case
    tokens = torch.arange(len(gradient)).repeat_interleave(offsets.diff())
    decoder, gradient = decoder.to(dtype), gradient.to(dtype)
    found = naive.row_products(offsets, latents, gradient, decoder)
    assert found.dtype == dtype
    truth = (decoder.double()[latents] * gradient.double()[tokens]).sum(1)
    torch.testing.assert_close(found, truth.to(dtype))


@pytest.mark.parametrize(
    ("value", "row", "expected"),
    [
        (0.0, torch.inf, torch.nan),
        (2.0, -torch.inf, -torch.inf),
        (torch.nan, 1.0, torch.nan),
        (torch.inf, 1.0, torch.inf),
    ],
)
def test_what_is_not_finite_is_passed_on(value, row, expected):
    offsets, latents = torch.tensor([0, 2, 3]), torch.tensor([0, 1, 1])
    decoder = torch.tensor([[row], [3.0]])
    found = naive.sparse_decode(offsets, latents, torch.tensor([value, 1.0, 1.0]), decoder)
    torch.testing.assert_close(found, torch.tensor([[expected], [3.0]]), equal_nan=True)


def test_a_token_without_entries_is_a_row_of_zeros():
    offsets, none = torch.zeros(4, dtype=torch.int64), torch.zeros(0, dtype=torch.int64)
    decoder = torch.randn(5, 3, requires_grad=True)
    output = package.sparse_decode(offsets, none, torch.zeros(0), decoder)
    assert torch.equal(output, torch.zeros(3, 3))
    output.sum().backward()
    assert torch.equal(decoder.grad, torch.zeros(5, 3))
