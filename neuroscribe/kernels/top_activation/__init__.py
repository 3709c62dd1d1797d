"""Each unit's K best sequences, exactly, in one pass: insertion, rows, merge."""

import torch
from torch import Tensor

from neuroscribe.kernels.choice import triton_twin
from neuroscribe.kernels.top_activation import naive
from neuroscribe.kernels.top_activation.naive import NO_SEQUENCE, merge_top, order_keys

__all__ = ["NO_SEQUENCE", "copy_rows", "insert_top", "merge_top", "order_keys"]


def insert_top(
    values: Tensor, ids: Tensor, new_values: Tensor, new_ids: Tensor, groups: Tensor
) -> Tensor:
    """`naive.insert_top`, by the kernel where there is one."""
    if values.shape[2] == 0:
        return torch.empty_like(ids, dtype=torch.int32)
    twin = triton_twin(__name__, new_values.device, new_values.dtype) or naive
    source: Tensor = twin.insert_top(values, ids, new_values, new_ids, groups)
    return source


def copy_rows(
    rows: Tensor, source: Tensor, activations: Tensor, lengths: Tensor, sign: int = 1
) -> None:
    """`naive.copy_rows`, by the kernel where there is one."""
    device = activations.device
    twin = triton_twin(__name__, device, activations.dtype) if rows.device == device else None
    (twin or naive).copy_rows(rows, source, activations, lengths, sign)
