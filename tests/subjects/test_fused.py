"""Activation functions in one pass."""

import pytest
import torch
from transformers import GPT2Config, GPT2Model
from transformers.activations import NewGELUActivation

from neuroscribe.subjects.fused import fused_activations


def test_the_one_pass_form_differs_by_rounding_alone():
    values = torch.linspace(-10, 10, 200_001)
    model = torch.nn.Sequential(NewGELUActivation())
    expected = model(values)
    with fused_activations(model) as count:
        assert count == 1
        assert float((model(values) - expected).abs().max()) <= 1e-6


def test_the_model_is_put_back_even_after_an_error():
    model = GPT2Model(GPT2Config(n_layer=2, n_head=2, n_embd=8, vocab_size=11))
    before = [type(module).__name__ for module in model.modules()]

    def fail() -> None:
        with fused_activations(model) as count:
            assert count == 2
            assert [type(module).__name__ for module in model.modules()] != before
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [type(module).__name__ for module in model.modules()] == before


def test_other_activation_functions_are_left_alone():
    model = torch.nn.Sequential(torch.nn.GELU(), torch.nn.ReLU())
    with fused_activations(model) as count:
        assert count == 0
