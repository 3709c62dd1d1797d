"""All rows of the units of a site, unit by unit, for what goes through a whole study.

Exemplars are read by blocks of units, as the files lie. Sequences and simulations are not sorted by
unit, so those of one site are read once and stay in memory as Arrow tables: about half a gigabyte
for 6,400 units with 120 exemplars of different sequences each.

Activations are float32; as Python floats they are given as the shortest decimal that is the same
float32 (0.1, not 0.10000000149011612), which halves any text made of them and loses nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from neuroscribe.datasets import store
from neuroscribe.records import UnitId

UNITS_AT_ONCE = 128
"""Units whose rows are in memory as Python objects: some 50 megabytes."""

Row = Mapping[str, Any]
Source = tuple[str | None, str | None]
"""Simulator and LLM."""


@dataclass(frozen=True, kw_only=True)
class ExplanationRows:
    """The current rows of one explanation."""

    explanation: Row
    simulations: Mapping[Source, Sequence[Row]]
    """Each with its `tokens`."""
    scores: Mapping[Source, Sequence[Row]]


@dataclass(frozen=True, kw_only=True)
class UnitRows:
    """The current rows of one unit."""

    unit: UnitId
    statistics: Row
    exemplars: Sequence[Row]
    """As they are sorted on disk, each with its `tokens`."""
    explanations: Sequence[ExplanationRows]
    """Selected ones first, then by method and candidate."""


def stream_units(
    study: str | Path, site: str, *, units: Collection[UnitId] | None = None
) -> Iterator[UnitRows]:
    """The rows of a site's units in order of index, the positive side first.

    Args:
        study: its directory, or an fsspec URL.
        site: a site's name.
        units: which ones (of any site); None is all.
    """
    statistics = {
        UnitId(site, row["unit"], row["polarity"]): row for row in _rows(study, "units", site)
    }
    chosen = [unit for unit in statistics if units is None or unit in units]
    chosen.sort(key=lambda unit: (unit.index, -unit.polarity))
    if not chosen:
        return
    sequences = _Sequences(study, site)
    explained = _Explained(study, site, sequences)
    for start in range(0, len(chosen), UNITS_AT_ONCE):
        block = chosen[start : start + UNITS_AT_ONCE]
        exemplars = defaultdict(list)
        where = pc.field("unit").isin(sorted({unit.index for unit in block}))
        for row in sequences.with_tokens(store.read(study, "exemplars", site=site, where=where)):
            exemplars[row["unit"], row["polarity"]].append(row)
        explanations = explained.of(block)
        for unit in block:
            yield UnitRows(
                unit=unit,
                statistics=statistics[unit],
                exemplars=exemplars[unit.index, unit.polarity],
                explanations=explanations[unit],
            )


class _Sequences:
    """The tokens of the sequences that a site's exemplars name."""

    def __init__(self, study: str | Path, site: str) -> None:
        ids = store.read(study, "exemplars", site=site, columns=["sequence_id"])["sequence_id"]
        table = store.read(
            study,
            "sequences",
            columns=["sequence_id", "tokens"],
            where=pc.field("sequence_id").isin(pc.unique(ids)),
        )
        self._ids = table["sequence_id"]
        self._tokens = table["tokens"]

    def with_tokens(self, table: pa.Table) -> list[dict[str, Any]]:
        """Rows that have a `sequence_id`, with the `tokens` of that sequence."""
        needed = pc.unique(table["sequence_id"])
        places = pc.index_in(needed, value_set=self._ids)
        tokens = dict(zip(needed.to_pylist(), self._tokens.take(places).to_pylist(), strict=True))
        return [row | {"tokens": tokens[row["sequence_id"]]} for row in _pylist(table)]


class _Explained:
    """The explanations of a site with all that is about them."""

    def __init__(self, study: str | Path, site: str, sequences: _Sequences) -> None:
        self._sequences = sequences
        self._explanations = defaultdict(list)
        for row in _rows(study, "explanations", site):
            self._explanations[UnitId(site, row["unit"], row["polarity"])].append(row)
        ids = [row["explanation_id"] for rows in self._explanations.values() for row in rows]
        simulations = pa.table({"explanation_id": pa.array([], pa.string())})
        if ids:
            where = pc.field("explanation_id").isin(ids)
            simulations = store.current(
                "simulations", store.read(study, "simulations", where=where)
            )
        self._simulations = simulations
        self._scores = defaultdict(list)
        for row in _rows(study, "scores", site):
            self._scores[row["explanation_id"]].append(row)

    def of(self, units: Sequence[UnitId]) -> dict[UnitId, list[ExplanationRows]]:
        """What there is of some units."""
        ids = [row["explanation_id"] for unit in units for row in self._explanations[unit]]
        simulations = defaultdict(list)
        if ids and self._simulations.num_rows:
            rows = self._simulations.filter(pc.field("explanation_id").isin(ids))
            for row in self._sequences.with_tokens(rows):
                simulations[row["explanation_id"]].append(row)
        return {
            unit: [
                ExplanationRows(
                    explanation=row,
                    simulations=_by_source(simulations[row["explanation_id"]]),
                    scores=_by_source(self._scores[row["explanation_id"]]),
                )
                for row in sorted(self._explanations[unit], key=_explanation_order)
            ]
            for unit in units
        }


def _rows(study: str | Path, table: str, site: str) -> list[dict[str, Any]]:
    return _pylist(store.current(table, store.read(study, table, site=site)))


def _pylist(table: pa.Table) -> list[dict[str, Any]]:
    """The rows, with float32 numbers in their shortest form."""
    for place, field in enumerate(table.schema):
        if field.type == pa.float32():
            shorter = table.column(place).cast(pa.string()).cast(pa.float64())
        elif field.type == pa.list_(pa.float32()):
            texts = table.column(place).cast(pa.list_(pa.string()))
            shorter = texts.cast(pa.list_(pa.float64()))
        else:
            continue
        table = table.set_column(place, field.name, shorter)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _by_source(rows: Sequence[Row]) -> dict[Source, list[Row]]:
    found = defaultdict(list)
    for row in rows:
        found[row["simulator"], row["llm"]].append(row)
    return found


def _explanation_order(row: Row) -> tuple[Any, ...]:
    method = (row["explainer"], row["exemplars"] or "", row["form"] or "", row["llm"])
    return (not row["selected"], *method, row["candidate"], row["explanation_id"])
