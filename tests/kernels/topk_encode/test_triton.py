"""The kernel against its twin, where tokens, latents, widths and k fill no block exactly."""

import pytest
import torch

from neuroscribe.kernels import topk_encode as package
from neuroscribe.kernels.topk_encode import Choice, naive

pytest.importorskip("triton", reason="triton is not installed")
kernel = pytest.importorskip("neuroscribe.kernels.topk_encode.triton")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Less to compute in the interpreter, and more blocks."""
    block = kernel._Block(tokens=16, latents=32)
    monkeypatch.setattr(kernel, "_BLOCKS", {13: block, 40: block._replace(latents=16)})
    monkeypatch.setattr(kernel, "_WIDTHS", dict.fromkeys(kernel._WIDTHS, 16))


def make(tokens, width, latents, dtype=torch.float32):
    generator = torch.Generator().manual_seed(tokens)
    return [
        torch.randn(shape, generator=generator).to(dtype)
        for shape in ((tokens, width), (latents, width), (latents,))
    ]


def assert_same(device, tensors, choices):
    """The same latents, and values within 1e-5."""
    on_device = [Choice(k, None if m is None else m.to(device)) for k, m in choices]
    found = kernel.topk_encode(*(tensor.to(device) for tensor in tensors), on_device)
    for ours, twins in zip(found, naive.topk_encode(*tensors, choices), strict=True):
        assert torch.equal(ours.latents.cpu(), twins.latents)
        torch.testing.assert_close(
            ours.values.cpu(), twins.values, atol=1e-5, rtol=1e-5, equal_nan=True
        )


@pytest.mark.parametrize("filling", [1, 4, 256])
@pytest.mark.parametrize(
    ("tokens", "width", "latents", "k"),
    [(1, 1, 1, 1), (17, 5, 75, 13), (33, 20, 100, 3), (3, 37, 41, 40)],
)
def test_the_kernel_chooses_what_its_twin_chooses(
    device, monkeypatch, tokens, width, latents, k, filling
):
    monkeypatch.setattr(kernel, "_FILLING", filling)
    members = torch.arange(0, latents, 2)
    choices = [Choice(k), Choice(min(k, len(members), 5), members)]
    assert_same(device, make(tokens, width, latents), choices)


@pytest.mark.parametrize("filling", [1, 256])
def test_equal_latents_are_chosen_from_the_lowest_on(device, monkeypatch, filling):
    monkeypatch.setattr(kernel, "_FILLING", filling)
    x, encoder, bias = make(5, 4, 70)
    encoder[:], bias[:] = encoder[0], bias[0]
    assert_same(device, [x, encoder, bias], [Choice(7), Choice(40)])
    levels = torch.tensor([-1.0, -0.0, 0.0, 0.5])[torch.arange(70) % 4]
    assert_same(device, [x * 0, encoder, levels], [Choice(7), Choice(40)])


@pytest.mark.parametrize("odd", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_is_where_the_twin_has_it(device, odd):
    x, encoder, bias = make(6, 3, 50)
    x[1, 2] = odd
    encoder[5, 0] = odd
    bias[7] = odd
    bias[40] = -torch.inf
    assert_same(device, [x, encoder, bias], [Choice(13), Choice(40), Choice(2, torch.arange(50))])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_rounded_before_it_is_compared(device, dtype):
    if (device, dtype) == ("cpu", torch.bfloat16):
        pytest.skip("the interpreter multiplies the bits of bfloat16 matrices as whole numbers")
    # Small whole numbers: their sums are the same in any order and need rounding only at the end.
    x, encoder, bias = ((3 * tensor).round() for tensor in make(9, 40, 60))
    tensors = [(x * 5).to(dtype), (encoder * 5).to(dtype), bias.to(dtype)]
    assert_same(device, tensors, [Choice(13)])


def test_gradients_through_the_kernels_are_those_of_the_twins(device):
    decode = pytest.importorskip("neuroscribe.kernels.sparse_decode.triton")
    tensors = make(19, 11, 45)
    weights = torch.randn(19, 8)

    def gradients(device):
        leaves = [tensor.to(device).requires_grad_() for tensor in tensors]
        members = torch.arange(0, 45, 4, device=device)
        few, among = package.topk_encode(*leaves, [Choice(5), Choice(3, members)])
        values = torch.cat([few.values, among.values], 1)
        whole = (values * weights.to(device)).sum()
        return [each.cpu() for each in torch.autograd.grad(whole, leaves)]

    truth = gradients("cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package, "triton_twin", lambda *_: kernel)
        patch.setattr("neuroscribe.kernels.sparse_decode.triton_twin", lambda *_: decode)
        for found, expected in zip(gradients(device), truth, strict=True):
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_more_than_registers_hold_goes_to_the_twin(device):
    assert_same(device, make(3, 4, 60), [Choice(50)])


def test_no_tokens_give_no_latents(device):
    x, encoder, bias = make(2, 4, 20)
    assert_same(device, [x[:0], encoder, bias], [Choice(3)])
