"""Which rows share which beginning.

Prompts of a run begin alike (instructions, solved units), and the questions about one input share
that input as well. The rows are sorted and walked as a trie: rows that go on alike for long enough
form a group of their own, the others stay with the beginning that all share. Rows seen shortly
before count too, so that requests that come one at a time find the prefix as well.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from neuroscribe.llm.local.rows import Ids, Row, shared_length

SHORTEST_PREFIX = 32
"""Tokens that a group must share beyond what it shares with others; less is not worth a pass."""


class Group(NamedTuple):
    """Rows with a common beginning."""

    prefix: Ids
    """Empty where nothing is shared."""
    places: tuple[int, ...]
    """Of the rows."""


def group_by_prefix(rows: Sequence[Row], recent: Sequence[Ids] = ()) -> list[Group]:
    """Every row once, with the longest beginning that it is worth sharing.

    A prefix ends before the first token after which something is wanted of any of its rows, because
    that token must go through the model again.

    Args:
        rows: to be computed.
        recent: beginnings of rows seen before.
    """
    entries = [(row.trunk[: row.first_needed], place) for place, row in enumerate(rows)]
    entries += [(ids, -1) for ids in recent]
    groups = _split(sorted(entries), 0)
    return [group for group in groups if group.places]


def _split(entries: list[tuple[Ids, int]], inherited: int) -> list[Group]:
    """Groups of sorted entries that share at least `inherited` tokens."""
    first, last = entries[0][0], entries[-1][0]
    shared = shared_length(first, last)
    if shared - inherited < SHORTEST_PREFIX or len(entries) == 1:
        shared = inherited
    staying: list[int] = []
    groups: list[Group] = []
    for _, members in groupby(entries, lambda entry: entry[0][: shared + SHORTEST_PREFIX]):
        child = list(members)
        if len(child) > 1 and len(child[0][0]) >= shared + SHORTEST_PREFIX:
            groups += _split(child, shared)
        else:
            staying += [place for _, place in child if place >= 0]
    return [Group(first[:shared], tuple(sorted(staying))), *groups]
