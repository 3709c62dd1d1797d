"""What one read of a batch's activations gives: extremes of each sequence, sums and counts."""

from torch import Tensor

from neuroscribe.kernels.choice import triton_twin
from neuroscribe.kernels.sequence_summary import inductor, naive
from neuroscribe.kernels.sequence_summary.naive import POWERS, Summary, sum_quanta

__all__ = ["POWERS", "Summary", "sequence_peaks", "sequence_summary", "sum_quanta"]


def sequence_peaks(activations: Tensor, lengths: Tensor, sign: int = 1) -> Tensor:
    """`naive.sequence_peaks`, by the kernel where there is one."""
    twin = triton_twin(__name__, activations.device, activations.dtype) or naive
    peaks: Tensor = twin.sequence_peaks(activations, lengths, sign)
    return peaks


def sequence_summary(
    activations: Tensor,
    lengths: Tensor,
    quanta: Tensor,
    *,
    both_signs: bool = False,
    compiled: bool = False,
) -> Summary:
    """`naive.sequence_summary`, by the kernel where there is one, or compiled."""
    twin = triton_twin(__name__, activations.device, activations.dtype) or (
        inductor if compiled else naive
    )
    summary: Summary = twin.sequence_summary(activations, lengths, quanta, both_signs=both_signs)
    return summary
