"""Which implementation runs, and what is said about it."""

import logging

import pytest
import torch

from neuroscribe.kernels import choice

PACKAGE = "neuroscribe.kernels.sequence_summary"


SAID = "computing with PyTorch in place of the Triton kernels"
CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def forget():
    choice._obstacle.cache_clear()
    choice._say_once.cache_clear()


def test_on_a_cpu_the_twin_runs_and_nothing_is_said(caplog):
    assert choice.triton_twin(PACKAGE, CPU, torch.float32) is None
    assert caplog.text == ""


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_on_a_gpu_the_kernel_runs(dtype):
    module = choice.triton_twin(PACKAGE, GPU, dtype)
    assert module is not None
    assert module.__name__ == f"{PACKAGE}.triton"


def test_a_dtype_the_kernels_do_not_take_is_said_once(caplog):
    with caplog.at_level(logging.WARNING, logger="neuroscribe"):
        for _ in range(3):
            assert choice.triton_twin(PACKAGE, GPU, torch.float64) is None
    assert [record.getMessage() for record in caplog.records] == [
        f"{SAID}: the kernels do not take torch.float64"
    ]


def test_a_missing_triton_is_said_once_with_what_to_do(caplog, monkeypatch):
    monkeypatch.setattr(choice.importlib.util, "find_spec", lambda name: None)
    with caplog.at_level(logging.WARNING, logger="neuroscribe"):
        for _ in range(3):
            assert choice.triton_twin(PACKAGE, GPU, torch.float32) is None
    assert len(caplog.records) == 1
    assert "pip install 'neuroscribe[gpu]'" in caplog.text
