"""One read of a batch's activations, compiled by torch for the CPU: one loop for every quantity.

Several times as fast as the twin, at the price of half a minute of compilation when it is first
used and of a C++ compiler. It adds up in an order of its own, so sums may differ from the twin's in
their last bits; they are rounded to the same grid and merge just as exactly. What it is not made
for (ragged batches, long sequences, numbers that are not finite) goes to the twin.
"""

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from neuroscribe.kernels.sequence_summary import naive
from neuroscribe.kernels.sequence_summary.naive import TILE_TOKENS, Summary, round_and_add
from neuroscribe.shapes import Float, Float64, Int64


def sequence_summary(
    activations: Float[Tensor, "batch sequence units"],
    lengths: Int64[Tensor, " batch"],
    quanta: Float64[Tensor, "powers units"],
    *,
    both_signs: bool = False,
) -> Summary:
    """As `naive.sequence_summary`."""
    length = activations.shape[1]
    if length <= TILE_TOKENS and bool((lengths == length).all()):
        peaks, troughs, sums, positive, negative = _compiled()(activations)
        totals = round_and_add(sums, quanta)
        if bool(totals.isfinite().all()):
            none = torch.zeros_like(positive)
            return Summary(
                peaks=peaks,
                troughs=troughs,
                sums=totals,
                positive=positive,
                negative=negative,
                not_finite=none,
                nan=none,
            )
    return naive.sequence_summary(activations, lengths, quanta, both_signs=both_signs)


@functools.cache
def _compiled() -> Callable[[Tensor], tuple[Tensor, Tensor, Tensor, Tensor, Tensor]]:
    return torch.compile(_read, dynamic=True)


def _read(values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    values = values.float()
    square = values * values
    sums = torch.stack(
        [values.sum(1), square.sum(1), (square * values).sum(1), (square * square).sum(1)]
    )
    positive = (values > 0).float().sum(1).sum(0).long()
    negative = (values < 0).float().sum(1).sum(0).long()
    return values.amax(1), values.amin(1), sums, positive, negative
