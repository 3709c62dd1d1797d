"""A study's tables as records: units with their exemplars, explanations, scores."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from neuroscribe.datasets import store
from neuroscribe.datasets.rows import explanation_of, of_unit, sequence_of, unit_record_of
from neuroscribe.errors import SubjectError
from neuroscribe.records import Explanation, Sequence as TokenSequence, Split, UnitId, UnitRecord

UNITS_AT_ONCE = 64
"""Units whose exemplars are read together: a few megabytes."""


class Reader:
    """Reads records from the tables at `root`, a directory or an fsspec URL."""

    def __init__(self, root: str | Path) -> None:
        self.root = root
        self._sequences: dict[int, TokenSequence] = {}

    def unit_records(
        self, units: Sequence[UnitId], *, splits: Iterable[Split] | None = None
    ) -> Iterator[UnitRecord]:
        """The records of units, site by site, reading ahead only a little.

        Args:
            units: which ones.
            splits: leave out exemplars of other splits; None keeps all.

        Raises:
            SubjectError: a unit was not recorded.
        """
        by_site: dict[str, list[UnitId]] = defaultdict(list)
        for unit in units:
            by_site[unit.site].append(unit)
        for site, members in by_site.items():
            members.sort()
            for start in range(0, len(members), UNITS_AT_ONCE):
                yield from self._some(site, members[start : start + UNITS_AT_ONCE], splits)

    def explanations(self) -> list[Explanation]:
        """The current explanations, whatever their status, in order of unit."""
        rows = store.load(self.root, "explanations").to_pylist()
        return sorted((explanation_of(row) for row in rows), key=lambda e: (e.unit, e.candidate))

    def unit_scores(self, unit: UnitId) -> list[dict[str, Any]]:
        """The current score rows of one unit."""
        rows = store.read(self.root, "scores", site=unit.site, where=of_unit(unit))
        current: list[dict[str, Any]] = store.current("scores", rows).to_pylist()
        return current

    def units(self) -> list[UnitId]:
        """Every unit and side that was recorded, in order."""
        rows = store.read(self.root, "units", columns=["site", "unit", "polarity"]).to_pylist()
        return sorted(UnitId(row["site"], row["unit"], row["polarity"]) for row in rows)

    def density_by_index(self, site: str) -> list[float]:
        """How often each unit of a site fires (positive side), by index."""
        rows = store.read(self.root, "units", columns=["unit", "polarity", "density"], site=site)
        positive = rows.filter(pc.field("polarity") == 1).sort_by("unit")
        densities: list[float] = positive["density"].to_pylist()
        return densities

    def _some(
        self, site: str, units: Sequence[UnitId], splits: Iterable[Split] | None
    ) -> Iterator[UnitRecord]:
        where = pc.field("unit").isin([unit.index for unit in units])
        unit_rows = {_key(row): row for row in self._rows("units", site, where)}
        if splits is not None:
            where &= pc.field("split").isin(list(splits))
        exemplar_rows = defaultdict(list)
        for row in self._rows("exemplars", site, where):
            exemplar_rows[_key(row)].append(row)
        self._load_sequences(row["sequence_id"] for rows in exemplar_rows.values() for row in rows)
        for unit in units:
            key = (unit.index, unit.polarity)
            if key not in unit_rows:
                raise SubjectError(f"unit {unit} was not recorded in {self.root}")
            yield unit_record_of(unit_rows[key], exemplar_rows[key], self._sequences)

    def _rows(self, table: str, site: str, where: pc.Expression) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = store.read(
            self.root, table, site=site, where=where
        ).to_pylist()
        return rows

    def _load_sequences(self, ids: Iterable[int]) -> None:
        missing = set(ids) - self._sequences.keys()
        if missing:
            where = pc.field("sequence_id").isin(sorted(missing))
            for row in store.read(self.root, "sequences", where=where).to_pylist():
                self._sequences[row["sequence_id"]] = sequence_of(row)


def _key(row: Mapping[str, Any]) -> tuple[int, int]:
    return row["unit"], row["polarity"]
