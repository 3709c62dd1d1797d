"""The K best sequences of every unit, in PyTorch: the readable twin and the CPU path.

Exactness rests on a total order of (value, sequence id): the larger value is better, and of equal
values the earlier sequence. No two sequences of a unit are equal in it, so "the K best" is a set
that does not depend on batch size, shard or order, and a merge is the K best of a union. A place
holds its value as float32 and its id as int64, the two words of one key: ids have no limit, and
values are compared alone wherever they differ. Places of one unit are in no particular order; only
the set is defined.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from neuroscribe.shapes import Float, Int32, Int64

NO_SEQUENCE = torch.iinfo(torch.int64).max
"""The id in a place that holds no sequence; its value is -inf, which no sequence in it has."""

_ID_WORD = 2**32 - 1
_MAGNITUDE = 0x7FFFFFFF


def insert_top(
    values: Float[Tensor, "groups units k"],
    ids: Int64[Tensor, "groups units k"],
    new_values: Float[Tensor, "batch units"],
    new_ids: Int64[Tensor, " batch"],
    groups: Int64[Tensor, " batch"],
) -> Int32[Tensor, "groups units k"]:
    """Put the next sequences in the places of worse ones, in place.

    Almost nothing survives the first test (is it larger than the smallest that is kept?), and only
    survivors are looked at further: over N sequences in batches of B a unit takes about
    `K (1 + ln(N / B))` insertions.

    Args:
        values: kept values of each group and unit; -inf in empty places. Changed.
        ids: their sequences; `NO_SEQUENCE` in empty places. Changed.
        new_values: float32 without NaN; -inf is never kept.
        new_ids: of the new sequences, none of which has been inserted before.
        groups: where each new sequence belongs, such as its split.

    Returns:
        For each place the row of `new_values` that it took, or -1 if it stayed as it was.
    """
    source = torch.full(ids.shape, -1, dtype=torch.int32, device=ids.device)
    found = _candidates(values, ids, new_values, new_ids, groups)
    if found is None:
        return source
    k = values.shape[2]
    kept_values, kept_ids = values.view(-1, k), ids.view(-1, k)
    keys = order_keys(
        torch.cat([kept_values[found.lines], found.values], 1),
        torch.cat([kept_ids[found.lines], found.ids], 1),
    )
    # What only fills a row up must not take the place of an empty one.
    keys[:, k:].masked_fill_(found.values == -torch.inf, torch.iinfo(torch.int64).min)
    stays = torch.zeros(keys.shape, dtype=torch.bool, device=keys.device)
    stays.scatter_(1, keys.topk(k, dim=1, sorted=False).indices, value=True)
    # As many candidates enter a unit as places become free in it, so the two lists pair up.
    among, place = (~stays[:, :k]).nonzero(as_tuple=True)
    _, candidate = stays[:, k:].nonzero(as_tuple=True)
    line = found.lines[among]
    kept_values[line, place] = found.values[among, candidate]
    kept_ids[line, place] = found.ids[among, candidate]
    source.view(-1, k)[line, place] = found.rows[among, candidate].int()
    return source


class _Candidates(NamedTuple):
    """What may enter, gathered to the left of a row per line; -inf fills up.

    A line is one unit of one group: `group * units + unit`.
    """

    lines: Int64[Tensor, " lines"]
    values: Float[Tensor, "lines most"]
    ids: Int64[Tensor, "lines most"]
    rows: Int64[Tensor, "lines most"]


def _candidates(
    values: Float[Tensor, "groups units k"],
    ids: Int64[Tensor, "groups units k"],
    new_values: Float[Tensor, "batch units"],
    new_ids: Int64[Tensor, " batch"],
    groups: Int64[Tensor, " batch"],
) -> _Candidates | None:
    """The new sequences that beat the worst kept one of their unit."""
    if len(new_ids) == 0:
        return None
    floor = values.amin(2)
    enters = new_values > floor[groups]
    latest = ids.where(ids != NO_SEQUENCE, -1).amax()
    if bool(new_ids.amin() < latest):
        # Only an earlier sequence wins a tie, and there are none while ids ascend.
        last_at_floor = ids.where(values == floor[:, :, None], -1).amax(2)
        ties = (new_values == floor[groups]) & (new_values > -torch.inf)
        enters |= ties & (new_ids[:, None] < last_at_floor[groups])
    row, unit = enters.nonzero(as_tuple=True)
    if len(row) == 0:
        return None
    line, order = (groups[row] * values.shape[1] + unit).sort(stable=True)
    row, unit = row[order], unit[order]
    lines, counts = line.unique_consecutive(return_counts=True)
    among = torch.arange(len(lines), device=row.device).repeat_interleave(counts)
    turn = torch.arange(len(row), device=row.device) - (counts.cumsum(0) - counts)[among]
    shape = (len(lines), int(counts.amax()))
    found = _Candidates(
        lines=lines,
        values=torch.full(shape, -torch.inf, device=row.device),
        ids=torch.full(shape, NO_SEQUENCE, device=row.device),
        rows=torch.zeros(shape, dtype=torch.int64, device=row.device),
    )
    found.values[among, turn] = new_values[row, unit]
    found.ids[among, turn] = new_ids[row]
    found.rows[among, turn] = row
    return found


def copy_rows(
    rows: Float[Tensor, "groups units k length"],
    source: Int32[Tensor, "groups units k"],
    activations: Float[Tensor, "batch sequence units"],
    lengths: Int64[Tensor, " batch"],
    sign: int = 1,
) -> None:
    """Copy the activations of the sequences that were just inserted to their places.

    Args:
        rows: float32, at least as long as a sequence; positions beyond one become 0. Changed. They
            may be on another device.
        source: from `insert_top`.
        activations: any floating type.
        lengths: tokens of each sequence.
        sign: -1 copies them negated.
    """
    group, unit, place = (source >= 0).nonzero(as_tuple=True)
    row = source[group, unit, place].long()
    width = activations.shape[1]
    copied = activations.transpose(1, 2)[row, unit].float() * sign
    beyond = torch.arange(width, device=row.device) >= lengths[row, None]
    if bool(beyond.any()):
        copied = copied.masked_fill(beyond, 0.0)
    group, unit, place = (index.to(rows.device) for index in (group, unit, place))
    rows[group, unit, place, :width] = copied.to(rows.device)
    rows[group, unit, place, width:] = 0.0


def order_keys(
    values: Float[Tensor, "units n"], ids: Int64[Tensor, "units n"]
) -> Int64[Tensor, "units n"]:
    """One integer for each (value, id), larger for larger values and, of equal ones, smaller ids.

    The value's order-preserving bits are the upper half, the id's complement the lower. Ids that
    need more than 32 bits are replaced by their ranks among all ids given, so keys compare within
    one call only.
    """
    ids = ids.where(ids != NO_SEQUENCE, _ID_WORD)
    if bool((ids > _ID_WORD).any()):
        ids = ids.unique(return_inverse=True)[1]
    # Adding 0 turns -0 into +0: the two are equal, so the earlier sequence must win.
    bits = (values + 0.0).contiguous().view(torch.int32)
    ordered = bits ^ ((bits >> 31) & _MAGNITUDE)
    return (ordered.long() << 32) | (_ID_WORD - ids)


def merge_top(
    values: Float[Tensor, "units both"], ids: Int64[Tensor, "units both"], k: int
) -> Int64[Tensor, "units k"]:
    """Where the K best of two disjoint halves of a corpus stand, best first.

    Args:
        values: of both halves, side by side.
        ids: of both halves.
        k: how many.
    """
    return order_keys(values, ids).topk(k, dim=1).indices
