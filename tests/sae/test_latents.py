"""The sparse form of [tokens x latents]."""

import torch
from hypothesis import given, settings, strategies as st

from neuroscribe.sae import SparseLatents

MATRIX = torch.tensor([[0.0, 2.0, 0.5], [0.0, 0.0, 0.0], [-1.0, 0.0, 3.0]])


def test_only_what_fires_is_kept():
    latents = SparseLatents.from_dense(MATRIX)
    assert latents.offsets.tolist() == [0, 2, 2, 3]
    assert latents.latents.tolist() == [1, 2, 2]
    assert latents.values.tolist() == [2.0, 0.5, 3.0]
    assert latents.tokens.tolist() == [0, 0, 2]
    assert latents.fired.tolist() == [2, 0, 1]


def test_slots_in_any_order_give_latents_that_ascend():
    latents = SparseLatents.from_slots(
        torch.tensor([[0.5, 2.0], [0.0, -1.0], [3.0, 0.0]]),
        torch.tensor([[2, 1], [0, 1], [2, 0]]),
        n_latents=3,
    )
    assert torch.equal(latents.dense(), MATRIX.clamp(min=0))
    assert latents.latents.tolist() == [1, 2, 2]


@settings(max_examples=50, deadline=None)
@given(
    tokens=st.integers(0, 6),
    latents=st.integers(1, 5),
    cut=st.integers(0, 6),
    seed=st.integers(0, 99),
)
def test_dense_and_sparse_say_the_same_and_parts_join(tokens, latents, cut, seed):
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(tokens, latents, generator=generator).clamp(min=0)
    whole = SparseLatents.from_dense(matrix)
    assert torch.equal(whole.dense(), matrix)
    parts = [SparseLatents.from_dense(part) for part in (matrix[:cut], matrix[cut:])]
    joined = SparseLatents.concatenate(parts)
    assert torch.equal(joined.offsets, whole.offsets)
    assert torch.equal(joined.latents, whole.latents)
    assert torch.equal(joined.values, whole.values)
