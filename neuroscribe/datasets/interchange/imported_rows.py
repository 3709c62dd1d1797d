"""Rows of an imported study on their way to the disk: in parts, sorted as a recording sorts them.

An importer yields rows unit by unit, for hours where the source is large. They are written by the
ten thousand, so memory does not depend on the size of the source. Within a part rows lie by unit
and, for exemplars, by split, kind, band and rank; an importer that goes through the units in order
thus leaves files in which one unit is found by reading a little.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from neuroscribe.datasets.rows import (
    explanations_table,
    judgements_table,
    scores_table,
    sequences_table,
    simulations_table,
)
from neuroscribe.datasets.schema import SCHEMAS
from neuroscribe.datasets.store import write_part
from neuroscribe.errors import RecordError
from neuroscribe.records import KINDS, SPLITS, Exemplar, UnitId

ROWS_AT_ONCE = 20_000
"""Rows of a table in memory before they are written: some 60 megabytes of exemplars."""


class RowBuffer:
    """Collects rows by table and writes a part whenever there are many."""

    def __init__(self, root: Path, *, rows_at_once: int = ROWS_AT_ONCE) -> None:
        """Collect for the study at `root`."""
        self.written: dict[str, int] = {}
        """Rows on disk, by table."""
        self._root = root
        self._rows_at_once = rows_at_once
        self._waiting: dict[str, list[Any]] = defaultdict(list)

    def add(self, table: str, rows: Iterable[Any]) -> None:
        """Keep rows (of `units` and `exemplars`) or records (of other tables)."""
        self._waiting[table].extend(rows)
        if len(self._waiting[table]) >= self._rows_at_once:
            self._write(table)

    def flush(self) -> None:
        """Write what is there."""
        for table in list(self._waiting):
            self._write(table)

    def _write(self, table: str) -> None:
        rows = self._waiting.pop(table)
        if not rows:
            return
        self.written[table] = self.written.get(table, 0) + len(rows)
        whole = _TABLES[table](rows)
        if "site" not in whole.column_names:
            write_part(self._root, table, whole)
            return
        sites = whole["site"].to_pylist()
        units, polarities = whole["unit"].to_pylist(), whole["polarity"].to_pylist()
        places: dict[str, list[int]] = defaultdict(list)
        for place in sorted(range(len(rows)), key=lambda at: (units[at], -polarities[at])):
            places[sites[place]].append(place)
        for site, members in places.items():
            write_part(self._root, table, whole.take(members), site=site)


def unit_row(unit: UnitId, statistics: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `units` in which what is not stated is missing.

    Raises:
        RecordError: a statistic has no column.
    """
    unknown = statistics.keys() - set(SCHEMAS["units"].names)
    if unknown:
        raise RecordError(f"the table of units has no column {', '.join(sorted(unknown))}")
    missing = {field.name: _missing(field) for field in SCHEMAS["units"]}
    return missing | dict(statistics) | _named(unit)


def exemplar_row(unit: UnitId, exemplar: Exemplar) -> dict[str, Any]:
    """A row of `exemplars`.

    Raises:
        RecordError: the sequence has no token.
    """
    if not exemplar.activations:
        raise RecordError(f"a sequence of {unit} has no token")
    # A NaN is never a peak; `max` would name one that comes first.
    values = [-math.inf if math.isnan(value) else value for value in exemplar.activations]
    peak = max(values)
    return {
        **_named(unit),
        "split": exemplar.sequence.split,
        "kind": exemplar.kind,
        "quantile": exemplar.quantile,
        "rank": exemplar.rank,
        "sequence_id": exemplar.sequence.sequence_id,
        "peak_position": values.index(peak),
        "peak_activation": peak,
        "activations": exemplar.activations,
    }


def _missing(field: pa.Field) -> Any:
    """What stands for a column of a unit that the source does not tell."""
    if field.nullable:
        return None
    return [] if pa.types.is_list(field.type) else 0


def _named(unit: UnitId) -> dict[str, Any]:
    return {"site": unit.site, "unit": unit.index, "polarity": unit.polarity}


def _exemplar_order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    split, kind = SPLITS.index(row["split"]), KINDS.index(row["kind"])
    return (row["unit"], -row["polarity"], split, kind, row["quantile"] or 0, row["rank"])


_TABLES: dict[str, Callable[[list[Any]], pa.Table]] = {
    "sequences": sequences_table,
    "units": lambda rows: pa.Table.from_pylist(rows, schema=SCHEMAS["units"]),
    "exemplars": lambda rows: pa.Table.from_pylist(
        sorted(rows, key=_exemplar_order), schema=SCHEMAS["exemplars"]
    ),
    "explanations": explanations_table,
    "judgements": judgements_table,
    "simulations": simulations_table,
    "scores": scores_table,
}
