"""The K best sequences of every unit, in PyTorch: the readable twin and the CPU path.

Exactness rests on a total order. A sequence's key for a unit is one int64: the order-preserving
bits of its peak in the upper half, `2^32 - 1 - sequence id` in the lower. Larger peaks have larger
keys, and of equal peaks the earlier sequence has the larger key. No two sequences share a key, so
"the K largest" is a set that does not depend on batch size, shard or order, and a merge is the top
K of a union. Peaks are taken without their positions (on a CPU `amax` is ten times as fast as `max`
with indices); positions are read off the few rows that are kept.
"""

import torch
from torch import Tensor

from neuroscribe.shapes import Bool, Float, Int64

EMPTY = torch.iinfo(torch.int64).min
"""The key of a place that holds no sequence; smaller than every real key."""

MAX_SEQUENCE_ID = 2**32 - 1

_MAGNITUDE = 0x7FFFFFFF


def sequence_peaks(
    activations: Float[Tensor, "batch sequence units"], present: Bool[Tensor, "batch sequence"]
) -> Float[Tensor, "batch units"]:
    """The largest activation of each sequence; -inf where none is present.

    A NaN counts as absent, so it is never an exemplar's peak.
    """
    if not bool(present.all()):
        activations = activations.masked_fill(~present[:, :, None], -torch.inf)
    peaks = activations.amax(1)
    if bool(peaks.isnan().any()):
        peaks = activations.masked_fill(activations.isnan(), -torch.inf).amax(1)
    return peaks


def peak_keys(
    peaks: Float[Tensor, "batch units"], sequence_ids: Int64[Tensor, " batch"]
) -> Int64[Tensor, "batch units"]:
    """Order-preserving keys; `EMPTY` for a peak of -inf."""
    # Adding 0 turns -0 into +0: the two are equal, so the earlier sequence must win.
    bits = (peaks.float() + 0.0).contiguous().view(torch.int32)
    ordered = bits ^ ((bits >> 31) & _MAGNITUDE)
    keys = (ordered.long() << 32) | (MAX_SEQUENCE_ID - sequence_ids)[:, None]
    return keys.masked_fill_(peaks == -torch.inf, EMPTY)


def key_sequence_ids(keys: Int64[Tensor, "..."]) -> Int64[Tensor, "..."]:
    """The sequence ids in keys; meaningless for `EMPTY`."""
    return MAX_SEQUENCE_ID - (keys & MAX_SEQUENCE_ID)


def key_peaks(keys: Int64[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The peaks in keys; meaningless for `EMPTY`."""
    ordered = (keys >> 32).int()
    return (ordered ^ ((ordered >> 31) & _MAGNITUDE)).view(torch.float32)


def insert_top(
    kept: Int64[Tensor, "units k"], new: Int64[Tensor, "batch units"]
) -> tuple[Int64[Tensor, " n"], Int64[Tensor, " n"], Int64[Tensor, " n"]]:
    """Replace the smallest kept keys by larger new ones, in place.

    Almost no unit survives the first test (is the largest new key above the smallest kept one?),
    and only the survivors are looked at further: over N sequences in batches of B a unit takes
    about `K (1 + ln(N / B))` insertions.

    Args:
        kept: each unit's keys, in any order; `EMPTY` where fewer than `k` have been seen. Changed.
        new: keys of the next sequences.

    Returns:
        For each insertion: the unit, the place in `kept`, and the row of `new`.
    """
    survivors = (new.amax(0) > kept.amin(1)).nonzero()[:, 0]
    old_keys, new_keys = kept[survivors], new[:, survivors].T
    k = kept.shape[1]
    threshold = torch.cat([old_keys, new_keys], 1).topk(k, dim=1).values[:, -1:]
    enters = (new_keys >= threshold) & (new_keys > EMPTY)
    smallest_first = old_keys.argsort(1)
    survivor, batch_row = enters.nonzero(as_tuple=True)
    turn = enters.cumsum(1)[survivor, batch_row] - 1
    unit, place = survivors[survivor], smallest_first[survivor, turn]
    kept[unit, place] = new_keys[survivor, batch_row]
    return unit, place, batch_row


def merge_top(
    left: Int64[Tensor, "units k"], right: Int64[Tensor, "units k"]
) -> tuple[Int64[Tensor, "units k"], Int64[Tensor, "units k"]]:
    """The K largest keys of two disjoint halves of a corpus, falling.

    Returns:
        The keys, and where each came from: 0..k-1 in `left`, k..2k-1 in `right`.
    """
    merged = torch.cat([left, right], 1).topk(left.shape[1], dim=1)
    return merged.values, merged.indices
