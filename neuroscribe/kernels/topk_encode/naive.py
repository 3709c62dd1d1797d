"""The largest pre-activations of each token, in PyTorch: the readable twin and the CPU path.

`ReLU(TopK(x @ encoder.T + bias))` without the dense matrix: blocks of `BLOCK_TOKENS` tokens and
`BLOCK_LATENTS` latents are computed into one buffer that is used again (fresh memory costs its page
faults: a tenth of the time at 131,072 latents), each block gives its best, and the best of those
are the token's. Within a block the search has two stages, exact for any input: the largest of every
group of some columns, then the `n` groups with the largest, in which the `n` best columns must lie.

Order: by pre-activation, before ReLU; of equal ones the lower latent comes first (+0 equals -0),
and NaN is above infinity, as for `torch.topk`. So what is chosen depends on the pre-activations
alone and not on blocks. They are IEEE's: an infinite input gives infinities and NaN, and an input
with a NaN makes all of a token's NaN. ReLU keeps NaN, so nothing that is not finite is hidden.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from neuroscribe.shapes import Bool, Float, Int64

BLOCK_TOKENS = 512
"""Tokens of a block: fewer make the product slower (64: by a third)."""

BLOCK_LATENTS = 2**14
"""Latents of a block of so many tokens, 32 MB of float32, about what a cache holds; with fewer
tokens it has more latents."""

_LARGEST_GROUP, _SMALLEST_GROUP = 8, 4
_SMALL_MATRIX = 2**18
"""Below so many values two stages are not faster than one; all four by timing on one core."""


class Choice(NamedTuple):
    """How many latents are chosen for each token, and among which."""

    k: int
    members: Int64[Tensor, " members"] | None = None
    """Ascending; None for all latents."""


class Chosen(NamedTuple):
    """Latents of each token and their values, largest first."""

    latents: Int64[Tensor, "tokens k"]
    values: Float[Tensor, "tokens k"]


@torch.no_grad()
def topk_encode(
    x: Float[Tensor, "tokens width"],
    encoder: Float[Tensor, "latents width"],
    bias: Float[Tensor, " latents"],
    choices: Sequence[Choice],
) -> list[Chosen]:
    """For each choice the `k` latents with the largest pre-activations, and ReLU of those.

    All choices share one product, whose results are rounded to the inputs' type before they are
    compared.

    Args:
        x: inputs, less the decoder's bias.
        encoder: one row per latent, of the type of `x`.
        bias: of the type of `x`.
        choices: each with no more latents than there are to choose among.
    """
    found: list[list[Chosen]] = [[] for _ in choices]
    n_latents = len(encoder)
    most = BLOCK_TOKENS * BLOCK_LATENTS
    room = x.new_empty(min(most, len(x) * n_latents))
    for tokens in x.split(BLOCK_TOKENS):
        parts: list[list[Chosen]] = [[] for _ in choices]
        step = most // max(1, len(tokens))
        for start in range(0, n_latents, step):
            end = min(start + step, n_latents)
            pre = room[: len(tokens) * (end - start)].view(len(tokens), end - start)
            torch.addmm(bias[start:end], tokens, encoder[start:end].T, out=pre)
            for choice, best in zip(choices, parts, strict=True):
                best.append(_best_of_block(pre, choice, start))
        for choice, best, rows in zip(choices, parts, found, strict=True):
            rows.append(_best_of_all(best, choice.k))
    return [_joined(rows, 0) for rows in found]


def _best_of_block(pre: Tensor, choice: Choice, start: int) -> Chosen:
    """The best of the latents from `start` on, as many as there are of `k`."""
    if choice.members is None:
        best = best_columns(pre, choice.k)
        return best if start == 0 else Chosen(best.latents + start, best.values)
    edges = torch.tensor([start, start + pre.shape[1]], device=pre.device)
    first, last = torch.searchsorted(choice.members, edges).tolist()
    members = choice.members[first:last]
    best = best_columns(pre[:, members - start], choice.k)
    return Chosen(members[best.latents], best.values)


def _best_of_all(parts: list[Chosen], k: int) -> Chosen:
    """The best of the blocks' best; blocks ascend, so among equal ones the first is the lowest."""
    latents, values = _joined(parts, 1)
    if len(parts) > 1:
        best = best_columns(values, k)
        latents, values = latents.gather(1, best.latents), best.values
    return Chosen(latents, values.relu())


def _joined(parts: list[Chosen], dim: int) -> Chosen:
    """The parts beside or below each other."""
    if len(parts) == 1:
        return parts[0]
    return Chosen(*(torch.cat(column, dim=dim) for column in zip(*parts, strict=True)))


def best_columns(matrix: Float[Tensor, "rows columns"], k: int) -> Chosen:
    """The `k` largest of each row, or all where there are fewer, in the order stated above."""
    if k >= matrix.shape[1]:
        values, columns = matrix.sort(dim=1, descending=True, stable=True)
        return Chosen(columns, values)
    # One more than asked for, which shows whether the last has an equal that was left out.
    values, columns = _largest(matrix, k + 1)
    all_fall = bool((values[:, :-1] > values[:, 1:]).all())
    same = None if all_fall else _same(values[:, 1:], values[:, :-1])
    values, columns = values[:, :k], columns[:, :k]
    if same is not None:
        tied = same[:, -1]
        columns[tied] = _lowest_of_equal(matrix[tied], values[tied], columns[tied])
        mixed = same.any(dim=1)
        ascending, order = columns[mixed].sort(dim=1)
        fallen = values[mixed].gather(1, order).sort(dim=1, descending=True, stable=True)
        values[mixed], columns[mixed] = fallen.values, ascending.gather(1, fallen.indices)
    return Chosen(columns, values)


def _largest(matrix: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The `n` largest values of each row, falling, and columns where such values stand."""
    rows, width = matrix.shape
    size = _group_size(width, n)
    if size < _SMALLEST_GROUP or matrix.numel() < _SMALL_MATRIX:
        values, columns = matrix.topk(n, dim=1)
        return values, columns
    # A group's columns lie `n_groups` apart, so that maxima are taken of whole stretches.
    n_groups = width // size
    grouped = matrix[:, : size * n_groups].unflatten(1, (size, n_groups))
    groups = grouped.amax(dim=1).topk(n, dim=1, sorted=False).indices
    inside = grouped.gather(2, groups[:, None, :].expand(rows, size, n)).flatten(1)
    values, places = torch.cat([inside, matrix[:, size * n_groups :]], dim=1).topk(n, dim=1)
    columns = places // n * n_groups + groups.gather(1, places % n)
    in_rest = places >= size * n
    return values, columns.where(~in_rest, places - size * n + size * n_groups)


def _group_size(width: int, n: int) -> int:
    """About `sqrt(width / n)`, where both stages look at as much; larger than 8 is not faster."""
    size = _LARGEST_GROUP
    while size > 1 and size * size * n > width:
        size //= 2
    return size


def _lowest_of_equal(matrix: Tensor, values: Tensor, columns: Tensor) -> Tensor:
    """`columns`, where those with the last value are the lowest that have it."""
    k, width = values.shape[1], matrix.shape[1]
    last = values[:, -1:]
    n_above = (~_same(values, last)).sum(dim=1, keepdim=True)
    fallen = torch.arange(width, 0, -1, dtype=torch.int32, device=matrix.device)
    lowest = width - fallen.where(_same(matrix, last), 0).topk(k, dim=1).values.long()
    turn = torch.arange(k, device=matrix.device) - n_above
    return columns.where(turn < 0, lowest.gather(1, turn.clamp(min=0)))


def _same(one: Tensor, other: Tensor) -> Bool[Tensor, "..."]:
    """Equal, or both not a number."""
    return (one == other) | (one.isnan() & other.isnan())
