"""Results of an LLM stage on their way to the store: in parts, often enough to lose little.

A part is written every `RESULTS` results or `SECONDS` seconds and at the end, also when the stage
is interrupted. What a kill loses is in the journal, so doing it again sends nothing.
"""

import time
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar, final

import pyarrow as pa

from neuroscribe.datasets.store import write_part
from neuroscribe.records import Explanation, Lesson, Score

ResultT = TypeVar("ResultT")
RecordT = TypeVar("RecordT", Explanation, Lesson, Score)

RESULTS = 500
SECONDS = 30.0


@final
class Buffer(Generic[ResultT]):
    """Collects results and hands them over in batches."""

    def __init__(
        self,
        write: Callable[[list[ResultT]], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Collect for `write`, which is given at least one result at a time."""
        self._write = write
        self._clock = clock
        self._results: list[ResultT] = []
        self._last = clock()

    def add(self, result: ResultT) -> None:
        """Keep one result, and write if it is time."""
        self._results.append(result)
        if len(self._results) >= RESULTS or self._clock() - self._last >= SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is there."""
        if self._results:
            self._write(self._results)
            self._results = []
        self._last = self._clock()

    def __enter__(self) -> "Buffer[ResultT]":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.flush()


def write_by_site(
    root: Path,
    table: str,
    records: Iterable[RecordT],
    rows: Callable[[Iterable[RecordT]], pa.Table],
) -> None:
    """Add one part per site to a table whose rows belong to units, in order of unit.

    Args:
        root: the study's directory.
        table: name of the table.
        records: of any sites, in any order.
        rows: makes the table's rows from records.
    """
    ordered = sorted(records, key=lambda record: record.unit)
    for site, members in groupby(ordered, key=lambda record: record.unit.site):
        write_part(root, table, rows(members), site=site)
