"""Kernels run on a GPU if there is one, else in Triton's interpreter.

Memory that nobody wrote holds NaN or a huge integer, so that an output which a kernel leaves out
shows.
"""

from collections.abc import Iterator

import numpy as np
import pytest
import torch


@pytest.fixture(scope="module")
def device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


@pytest.fixture(scope="module", autouse=True)
def unwritten_memory_shows() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    assert bool(torch.empty(3).isnan().all())
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="module", autouse=True)
def infinity_is_no_surprise() -> Iterator[None]:
    """The interpreter computes with numpy, which warns of overflow and of infinity less itself."""
    with np.errstate(all="ignore"):
        yield
