"""The sequences: do tokens, offsets and text agree?"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow.compute as pc

from neuroscribe.datasets.token_boundaries import show_bytes
from neuroscribe.records import SPLITS
from neuroscribe.study.verifying.parts import Parts
from neuroscribe.study.verifying.report import Inspection
from neuroscribe.study.verifying.rows import Mask, Numbers, Rows
from neuroscribe.study.verifying.sequence_index import Seen, SequenceIndex
from neuroscribe.study.verifying.split_overlap import check_splits

_LONGEST_FRAGMENT = 3
"""Bytes of a character that a sequence may begin or end inside of."""


def check_sequences(
    manifest: Mapping[str, Any], parts: Parts, inspection: Inspection
) -> SequenceIndex | None:
    """Check the table `sequences`.

    Returns:
        An index of it; None where it cannot be read whole.
    """
    tables = parts.of("sequences")
    if parts.incomplete("sequences"):
        inspection["sequences"].leave("a part of `sequences` cannot be read")
    seen = Seen()
    for part in tables:
        last = -1
        for rows in part.batches():
            ids = rows.numbers("sequence_id")
            _check_rows(rows, ids, last, manifest, inspection)
            seen.add(rows, ids)
            last = int(ids[-1]) if len(ids) else last
    index = seen.index(inspection)
    check_splits(seen, tables, inspection)
    return None if parts.incomplete("sequences") else index


def _check_rows(
    rows: Rows, ids: Numbers, last: int, manifest: Mapping[str, Any], inspection: Inspection
) -> None:
    check = inspection["sequences"]
    check.cover("sequences", len(rows))
    before = np.concatenate([[last], ids[:-1]])
    rows.find(check, ids <= before, lambda at: f"id {ids[at]} comes after {before[at]}; ids ascend")
    recorded = manifest.get("recorded", {}).get("sequences")
    if recorded is not None:
        rows.find(
            check,
            (ids < 0) | (ids >= recorded),
            lambda at: f"id {ids[at]} is not one of the {recorded:,} sequences of the recording",
        )
    rows.find_unknown(check, "split", SPLITS)
    tokens, offsets = rows.lists("token_ids"), rows.lists("token_bytes_offsets")
    shown = pc.list_value_length(rows.column("tokens")).to_numpy(zero_copy_only=False)
    counts_differ = (tokens.lengths != shown) | (tokens.lengths + 1 != offsets.lengths)
    rows.find(
        check,
        counts_differ,
        lambda at: (
            f"{tokens.lengths[at]} token ids, {shown[at]} tokens and {offsets.lengths[at]} "
            "offsets; the first two are equal and the third is one more"
        ),
    )
    rows.find(check, tokens.lengths == 0, lambda _: "has no token")
    longest = manifest.get("recorder", {}).get("sequence_length")
    if longest is not None:
        rows.find(
            check,
            tokens.lengths > longest,
            lambda at: f"{tokens.lengths[at]} tokens, over the recording's {longest}",
        )
    rows.find(check, tokens.any_of(tokens.values < 0), lambda _: "has a negative token id")
    _check_offsets(rows, counts_differ, inspection)


def _check_offsets(rows: Rows, counts_differ: Mask, inspection: Inspection) -> None:
    check = inspection["sequences"]
    offsets = rows.lists("token_bytes_offsets")
    falls = offsets.descends()
    rows.find(check, falls, lambda _: "the offsets of its tokens do not ascend")
    size = pc.binary_length(rows.column("text")).to_numpy(zero_copy_only=False)
    filled = offsets.lengths > 0
    first, end = np.zeros(len(rows), dtype=np.int64), size.astype(np.int64)
    first[filled] = offsets.values[offsets.starts[:-1][filled]]
    end[filled] = offsets.values[offsets.starts[1:][filled] - 1]
    outside = (
        (first < 0) | (first > _LONGEST_FRAGMENT) | (end > size) | (end < size - _LONGEST_FRAGMENT)
    )
    rows.find(
        check,
        outside,
        lambda at: f"tokens go from byte {first[at]} to {end[at]} of a text of {size[at]} bytes",
    )
    # Nearly all texts are their tokens put together; the others have cut characters.
    joined = pc.binary_join(rows.column("tokens"), "")
    differ = pc.not_equal(joined, rows.column("text")).to_numpy(zero_copy_only=False)
    looked_at = differ & ~(counts_differ | falls | outside)
    wrong = looked_at.copy()
    for row in np.flatnonzero(looked_at).tolist():
        wrong[row] = _shown(rows, row) != rows.column("tokens")[row].as_py()
    rows.find(check, wrong, lambda at: f"its tokens are not its text, {_short(rows, at)}")


def _shown(rows: Rows, row: int) -> list[str]:
    """What the tokens show by offsets and text."""
    data = rows.text("text", row).encode()
    offsets = rows.column("token_bytes_offsets")[row].as_py()
    return [show_bytes(data[start:end]) for start, end in pairwise(offsets)]


def _short(rows: Rows, row: int) -> str:
    text = rows.text("text", row)
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
