"""Which implementation runs: the Triton kernel on an NVIDIA or AMD GPU, else the PyTorch twin.

Both give the same results, so the choice is about speed alone. What keeps a kernel from being used
is logged once, when it is first met.
"""

import functools
import importlib
import importlib.util
import logging
from types import ModuleType

import torch

_LOGGER = logging.getLogger("neuroscribe")
_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def triton_twin(package: str, device: torch.device, dtype: torch.dtype) -> ModuleType | None:
    """The module `PACKAGE.triton` if it can work on such tensors; None for the PyTorch twin."""
    if device.type != "cuda":
        return None
    reason = _obstacle(dtype)
    if reason is None:
        return importlib.import_module(f"{package}.triton")
    _say_once(reason)
    return None


@functools.cache
def _obstacle(dtype: torch.dtype) -> str | None:
    """Why the kernels cannot be used on a GPU; None if they can."""
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed (pip install 'neuroscribe[gpu]')"
    if dtype not in _DTYPES:
        return f"the kernels do not take {dtype}"
    return None


@functools.cache
def _say_once(reason: str) -> None:
    _LOGGER.warning("computing with PyTorch in place of the Triton kernels: %s", reason)
