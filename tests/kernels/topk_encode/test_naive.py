"""The best latents against a stable sort of the dense pre-activations."""

import pytest
import torch
from hypothesis import given, settings, strategies as st

from neuroscribe.kernels import topk_encode as package
from neuroscribe.kernels.topk_encode import Choice, naive, topk_encode

some = settings(max_examples=60, deadline=None)
LEVELS = torch.tensor([-torch.inf, -1.0, -0.0, 0.0, 0.5, 2.0, torch.inf, torch.nan])


def in_order(matrix, k):
    """Values and columns by the definition: falling, NaN first, equal ones by column."""
    return [part[:, :k] for part in matrix.sort(dim=1, descending=True, stable=True)]


@st.composite
def matrices(draw):
    rows, columns = draw(st.integers(1, 5)), draw(st.sampled_from([1, 7, 64, 301]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    matrix = torch.randn((rows, columns), generator=generator)
    kind = draw(st.sampled_from(["spread", "coarse", "levels", "equal"]))
    if kind == "coarse":
        matrix = (4 * matrix).round()
    elif kind == "levels":
        matrix = LEVELS[torch.randint(len(LEVELS), (rows, columns), generator=generator)]
    elif kind == "equal":
        matrix = torch.full_like(matrix, 1.5)
    return matrix


@some
@given(matrices(), st.integers(1, 20), st.booleans(), st.booleans())
def test_the_k_best_columns_are_those_of_a_stable_sort(matrix, k, half, two_stages):
    matrix = matrix.bfloat16() if half else matrix
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(naive, "_SMALL_MATRIX", 0 if two_stages else 2**18)
        found = naive.best_columns(matrix, k)
    values, columns = in_order(matrix, k)
    assert torch.equal(found.latents, columns)
    torch.testing.assert_close(found.values, values, atol=0, rtol=0, equal_nan=True)


@pytest.mark.parametrize(
    ("width", "n", "size"), [(64, 2, 4), (20, 2, 2), (300, 3, 8), (10**6, 2, 8), (131_072, 33, 8)]
)
def test_groups_are_of_about_the_root_and_at_most_eight(width, n, size):
    assert naive._group_size(width, n) == size


def make(tokens, width, latents, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn((tokens, width), generator=generator),
        torch.randn((latents, width), generator=generator),
        torch.randn(latents, generator=generator),
    )


def test_blocks_show_nowhere(monkeypatch):
    x, encoder, bias = make(11, 6, 50)
    # Pairs of equal latents, of which some stand in different blocks.
    encoder[30:] = encoder[:20]
    bias[30:] = bias[:20]
    choices = [Choice(7), Choice(3, torch.arange(1, 50, 2)), Choice(50)]
    values, order = in_order(x @ encoder.T + bias, 50)
    for tokens, latents in ((512, 2**14), (4, 9), (1, 1), (11, 50)):
        monkeypatch.setattr(naive, "BLOCK_TOKENS", tokens)
        monkeypatch.setattr(naive, "BLOCK_LATENTS", latents)
        first, odd, whole = naive.topk_encode(x, encoder, bias, choices)
        torch.testing.assert_close(whole.values, values.relu(), atol=1e-5, rtol=1e-5)
        assert torch.equal(first.latents, whole.latents[:, :7])
        assert odd.latents.tolist() == [[i for i in row if i % 2][:3] for row in order.tolist()]
        # Products of equal rows are equal to the bit within one block alone.
        if latents >= 50:
            assert torch.equal(whole.latents, order)


def test_no_block_is_larger_than_stated(monkeypatch):
    seen = []

    def watch(matrix, k):
        seen.append(tuple(matrix.shape))
        return original(matrix, k)

    original = naive.best_columns
    monkeypatch.setattr(naive, "best_columns", watch)
    monkeypatch.setattr(naive, "BLOCK_TOKENS", 4)
    monkeypatch.setattr(naive, "BLOCK_LATENTS", 20)
    naive.topk_encode(*make(9, 3, 45), [Choice(2)])
    blocks = [(4, columns) for columns in (20, 20, 5, 3 * 2)]
    assert seen == [*blocks, *blocks, (1, 45)]


@pytest.mark.parametrize("odd", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_is_ordered_and_passed_on_as_torch_does(odd):
    x, encoder, bias = make(4, 3, 12)
    x[1, 2] = odd
    encoder[5, 0] = odd
    bias[7] = odd
    values, latents = in_order(x @ encoder.T + bias, 6)
    (found,) = naive.topk_encode(x, encoder, bias, [Choice(6)])
    assert torch.equal(found.latents, latents)
    torch.testing.assert_close(found.values, values.relu(), equal_nan=True)


def dense_values(x, encoder, bias, choices):
    """Of each choice the values by the definition, differentiable."""
    pre = x @ encoder.T + bias
    return [
        pre.gather(1, in_order(pre, k)[1]).relu()
        if members is None
        else pre[:, members].gather(1, in_order(pre[:, members], k)[1]).relu()
        for k, members in choices
    ]


def test_gradients_are_those_of_the_dense_formula():
    leaves = [leaf.requires_grad_() for leaf in make(30, 6, 40)]
    choices = [Choice(5), Choice(20), Choice(9, torch.arange(0, 40, 3))]
    weights = [torch.randn(30, k) for k, _ in choices]

    def gradients(values):
        whole = sum((v * w).sum() for v, w in zip(values, weights, strict=True))
        return torch.autograd.grad(whole, leaves)

    found = [chosen.values for chosen in topk_encode(*leaves, choices)]
    truth = dense_values(*leaves, choices)
    torch.testing.assert_close(found, truth, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(gradients(found), gradients(truth), atol=1e-5, rtol=1e-4)


def test_what_needs_no_gradient_gets_none():
    x, encoder, bias = make(3, 4, 9)
    encoder.requires_grad_()
    (chosen,) = topk_encode(x, encoder, bias, [Choice(2)])
    chosen.values.sum().backward()
    assert encoder.grad is not None
    assert not topk_encode(x, encoder.detach(), bias, [Choice(2)])[0].values.requires_grad


def test_the_product_may_be_of_another_type():
    x, encoder, bias = make(3, 4, 9)
    (chosen,) = topk_encode(x, encoder, bias, [Choice(2)], product_dtype=torch.bfloat16)
    assert chosen.values.dtype == torch.float32
    assert torch.equal(chosen.values, chosen.values.bfloat16().float())


def test_choices_among_the_same_latents_are_made_once(monkeypatch):
    asked = []

    def watch(x, encoder, bias, choices):
        asked.extend(choice.k for choice in choices)
        return original(x, encoder, bias, choices)

    original = naive.topk_encode
    monkeypatch.setattr(naive, "topk_encode", watch)
    few, many = package.topk_encode(*make(3, 4, 9), [Choice(2), Choice(6)])
    assert asked == [6]
    assert torch.equal(few.latents, many.latents[:, :2])


@pytest.mark.parametrize(("k", "members", "there"), [(10, None, 9), (0, None, 9), (3, 2, 2)])
def test_more_than_there_are_cannot_be_chosen(k, members, there):
    among = None if members is None else torch.arange(members)
    with pytest.raises(ValueError, match=f"{k} latents a token cannot be chosen among {there}"):
        topk_encode(*make(3, 4, 9), [Choice(k, among)])


def test_no_tokens_give_no_latents():
    x, encoder, bias = make(3, 4, 9)
    (chosen,) = topk_encode(x[:0], encoder.requires_grad_(), bias, [Choice(2)])
    assert chosen.latents.shape == chosen.values.shape == (0, 2)
    chosen.values.sum().backward()
    assert torch.equal(encoder.grad, torch.zeros(9, 4))
