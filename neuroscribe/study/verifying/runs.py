"""Exemplars in runs of whole units, as columns of numbers.

A run ends where a unit ends, so ranks, ties and duplicates can be told within it, and memory does
not depend on how many units a site has.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from neuroscribe.records import KINDS, SPLITS
from neuroscribe.study.verifying.parts import ROWS_AT_ONCE, Part
from neuroscribe.study.verifying.rows import Mask, Numbers, Rows
from neuroscribe.study.verifying.units import side

TOP, RANDOM, QUANTILE = (KINDS.index(kind) for kind in ("top", "random", "quantile"))
BANDS = 8
"""More than there are quantile bands."""
RANKS = 2**16
"""More than a rank can be."""


@dataclass(frozen=True)
class Run:
    """The columns of some units' rows as numbers."""

    rows: Rows
    unit: Numbers
    side: Numbers
    split: Numbers
    kind: Numbers
    band: Numbers
    """0 where it is null."""
    rank: Numbers
    sequence: Numbers
    peak: Numbers
    group: Numbers
    """One number per unit, side, split, kind and band; ascending in a sound part."""
    first: Mask
    """Where a group begins."""

    @classmethod
    def of(cls, rows: Rows) -> "Run":
        """Read the columns off."""
        unit, place = rows.numbers("unit").astype(np.int64), side(rows.numbers("polarity"))
        split, kind = rows.codes("split", SPLITS), rows.codes("kind", KINDS)
        band = rows.numbers("quantile").astype(np.int64)
        group = unit
        for part, size in ((place, 2), (split, len(SPLITS)), (kind, len(KINDS)), (band, BANDS)):
            group = group * size + part
        return cls(
            rows,
            unit,
            place,
            split,
            kind,
            band,
            rows.numbers("rank").astype(np.int64),
            rows.numbers("sequence_id"),
            rows.floats("peak_activation"),
            group,
            np.concatenate([[True], group[1:] != group[:-1]]),
        )


def whole_units(part: Part, *, rows_at_once: int = ROWS_AT_ONCE) -> Iterator[Rows]:
    """The rows in runs that end where a unit ends, about so many at a time."""
    left: list[pa.RecordBatch] = []
    first = 0
    for rows in part.batches(rows=rows_at_once):
        unit = rows.numbers("unit")
        changes = np.flatnonzero(unit[1:] != unit[:-1])
        if len(changes) == 0:
            left.append(rows.batch)
            continue
        cut = int(changes[-1]) + 1
        batch = _joined([*left, rows.batch.slice(0, cut)])
        yield Rows(batch, table=part.table, file=part.file, first=first)
        first += batch.num_rows
        left = [rows.batch.slice(cut)]
    if left:
        yield Rows(_joined(left), table=part.table, file=part.file, first=first)


def _joined(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    whole = pa.Table.from_batches(batches).combine_chunks()
    (batch,) = whole.to_batches() or [batches[0]]
    return batch


def rounding_of(manifest: Mapping[str, Any]) -> float:
    """How far stored activations may be from what was recorded, relative to it; 0 if exact.

    Twice what rounding to the manifest's `stored.activation_bits` can do.
    """
    stored = manifest.get("stored")
    bits = stored.get("activation_bits") if isinstance(stored, dict) else None
    return 2.0 ** (1 - bits) if isinstance(bits, int) else 0.0
