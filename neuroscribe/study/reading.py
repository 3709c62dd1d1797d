"""A study's tables as records: units with their exemplars, explanations, scores."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from neuroscribe.datasets import store
from neuroscribe.datasets.point_reads import PointReads
from neuroscribe.datasets.rows import explanation_of, sequence_of, unit_record_of
from neuroscribe.errors import SubjectError
from neuroscribe.records import Explanation, Sequence as TokenSequence, Split, UnitId, UnitRecord

UNITS_AT_ONCE = 64
"""Units whose exemplars are read together: a few megabytes."""


class Reader:
    """Reads records from the tables at `root`, a directory or an fsspec URL.

    It remembers where rows lie and the sequences it has seen: the second unit costs less.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = root
        self._point_reads = PointReads(root)
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

    def unit_explanations(self, unit: UnitId) -> list[Explanation]:
        """The current explanations of one unit, whatever their status, in order of candidate."""
        rows = store.current("explanations", self._of_unit("explanations", unit)).to_pylist()
        return sorted((explanation_of(row) for row in rows), key=lambda each: each.candidate)

    def unit_scores(self, unit: UnitId) -> list[dict[str, Any]]:
        """The current score rows of one unit."""
        rows = store.current("scores", self._of_unit("scores", unit))
        current: list[dict[str, Any]] = rows.to_pylist()
        return current

    def units(self) -> list[UnitId]:
        """Every unit and side that was recorded, in order."""
        rows = store.read(self.root, "units", columns=["site", "unit", "polarity"]).to_pylist()
        return sorted(UnitId(row["site"], row["unit"], row["polarity"]) for row in rows)

    def density_by_index(self, site: str) -> dict[int, float | None]:
        """How often each unit of a site fires (positive side), by index."""
        rows = store.read(self.root, "units", columns=["unit", "polarity", "density"], site=site)
        positive = rows.filter(pc.field("polarity") == 1).sort_by("unit")
        return dict(zip(positive["unit"].to_pylist(), positive["density"].to_pylist(), strict=True))

    def indices(self) -> dict[str, frozenset[int]]:
        """The indices of the units there are, by site."""
        there = defaultdict(set)
        for unit in self.units():
            there[unit.site].add(unit.index)
        return {site: frozenset(indices) for site, indices in there.items()}

    def _some(
        self, site: str, units: Sequence[UnitId], splits: Iterable[Split] | None
    ) -> Iterator[UnitRecord]:
        indices = [unit.index for unit in units]
        units_table = self._point_reads.rows("units", "unit", indices, site=site)
        unit_rows = {_key(row): row for row in units_table.to_pylist()}
        exemplars = self._point_reads.rows("exemplars", "unit", indices, site=site)
        if splits is not None:
            exemplars = exemplars.filter(pc.is_in(exemplars["split"], pa.array(list(splits))))
        exemplar_rows = defaultdict(list)
        for row in exemplars.to_pylist():
            exemplar_rows[_key(row)].append(row)
        self._load_sequences(row["sequence_id"] for rows in exemplar_rows.values() for row in rows)
        for unit in units:
            key = (unit.index, unit.polarity)
            if key not in unit_rows:
                raise SubjectError(f"unit {unit} was not recorded in {self.root}")
            yield unit_record_of(unit_rows[key], exemplar_rows[key], self._sequences)

    def _of_unit(self, table: str, unit: UnitId) -> pa.Table:
        rows = self._point_reads.rows(table, "unit", [unit.index], site=unit.site)
        # A mask, since an expression starts a whole plan of execution.
        return rows.filter(pc.equal(rows["polarity"], unit.polarity))

    def _load_sequences(self, ids: Iterable[int]) -> None:
        missing = set(ids) - self._sequences.keys()
        if missing:
            for row in self._point_reads.rows("sequences", "sequence_id", missing).to_pylist():
                self._sequences[row["sequence_id"]] = sequence_of(row)


def _key(row: Mapping[str, Any]) -> tuple[int, int]:
    return row["unit"], row["polarity"]
