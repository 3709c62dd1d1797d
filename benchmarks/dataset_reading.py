"""How fast one unit of a study is opened, and how fast a study answers questions in SQL.

Opening is what a unit's page needs: its row, its exemplars with their tokens, its explanations and
scores, by a reader that knows nothing yet, from files that the system was asked to drop from its
memory. Requests are counted by a filesystem that passes for a distant one: a range is what an HTTP
server would be asked for (listing folders and asking for sizes come on top).
"""

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import fsspec
import numpy as np
from fsspec.implementations.local import LocalFileSystem

from neuroscribe.datasets.point_reads import PointReads
from neuroscribe.records import UnitId
from neuroscribe.study.reading import Reader

TIMES = 15
"""Units that are opened."""


def opening(root: Path, sites: int, units_a_site: int) -> dict[str, Any]:
    """Milliseconds to open a random unit, in all and by table, and requests from elsewhere."""
    draw = np.random.default_rng(0)
    units = [
        UnitId(f"mlp.{draw.integers(sites)}", int(draw.integers(units_a_site)))
        for _ in range(TIMES)
    ]
    cold, computing, warm, next_one, seconds_of = [], [], [], [], []
    for unit in units:
        _forget(root)
        cold.append(_seconds(lambda unit=unit: open_unit(Reader(root), unit)))
        computing.append(processor_seconds(lambda unit=unit: open_unit(Reader(root), unit)))
        reader = Reader(root)
        warm.append(_seconds(lambda unit=unit, reader=reader: open_unit(reader, unit)))
        other = UnitId(unit.site, (unit.index + 1) % units_a_site)
        next_one.append(_seconds(lambda reader=reader, unit=other: open_unit(reader, unit)))
        seconds_of.append(_by_part(root, unit))
    fsspec.register_implementation(Counting.protocol, Counting, clobber=True)
    counts = []
    for unit in units:
        Counting.requests.clear()
        open_unit(Reader(f"{Counting.protocol}://{root.resolve()}"), unit)
        counts.append(list(Counting.requests))
    return {
        "cold_ms": 1000 * statistics.median(cold),
        "cold_ms_least": 1000 * min(cold),
        "processor_ms": 1000 * statistics.median(computing),
        "cached_ms": 1000 * statistics.median(warm),
        "next_of_the_same_reader_ms": 1000 * statistics.median(next_one),
        "processor_ms_of": {
            name: 1000 * statistics.median(each[name] for each in seconds_of)
            for name in seconds_of[0]
        },
        "range_requests": max(map(len, counts)),
        "megabytes_requested": statistics.median(sum(each) for each in counts) / 1e6,
    }


def open_unit(reader: Reader, unit: UnitId) -> int:
    """Everything of one unit; returns how many tokens its exemplars have."""
    (record,) = reader.unit_records([unit])
    reader.unit_explanations(unit)
    reader.unit_scores(unit)
    return sum(len(exemplar.sequence.tokens) for exemplar in record.exemplars)


def questions(root: Path) -> dict[str, float]:
    """Seconds that DuckDB takes for three questions."""
    tables = {name: f"read_parquet('{root}/{name}/**/*.parquet')"
              for name in ("units", "explanations", "scores")}  # fmt: skip
    asked = {
        "mean score by layer": "SELECT site, avg(value) FROM {scores} WHERE metric = 'pearson' "
        "GROUP BY site ORDER BY site",
        "good explanations that mention a word": "SELECT e.site, e.unit, e.text, s.value "
        "FROM {explanations} e JOIN {scores} s USING (explanation_id) "
        "WHERE e.text ILIKE '%context of%' AND s.metric = 'pearson' AND s.value > 0.7",
        "density against score": "SELECT round(log10(u.density), 1) AS density, avg(s.value) "
        "FROM {units} u JOIN {scores} s USING (site, unit, polarity) "
        "WHERE s.metric = 'pearson' GROUP BY 1 ORDER BY 1",
    }
    with duckdb.connect() as connection:
        return {
            name: _seconds(lambda sql=sql: connection.sql(sql.format(**tables)).fetchall())
            for name, sql in asked.items()
        }


class Counting(fsspec.AbstractFileSystem):  # type: ignore[misc] -- fsspec has no types
    """Local files that pass for distant ones; counts the ranges a server would be asked for."""

    protocol = "counted"
    cachable = False
    requests: ClassVar[list[int]] = []
    """Bytes of each range."""
    _files = LocalFileSystem()

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:  # noqa: FBT001, FBT002 -- fsspec's
        """What is in a folder."""
        listed: list[Any] = self._files.ls(self._strip_protocol(path), detail=detail)
        return listed

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Size and kind of a file."""
        about: dict[str, Any] = self._files.info(self._strip_protocol(path))
        return about

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_: Any
    ) -> bytes:
        """One range of a file."""
        content: bytes = self._files.cat_file(self._strip_protocol(path), start=start, end=end)
        self.requests.append(len(content))
        return content


def processor_seconds(work: Callable[[], object]) -> float:
    """Seconds of the processor."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _seconds(work: Callable[[], object]) -> float:
    """Seconds of the clock."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _by_part(root: Path, unit: UnitId) -> dict[str, float]:
    reads = PointReads(root)
    exemplars = reads.rows("exemplars", "unit", [unit.index], site=unit.site)
    ids = exemplars["sequence_id"].to_pylist()
    parts: dict[str, tuple[str, list[int], str | None]] = {
        name: ("unit", [unit.index], unit.site)
        for name in ("units", "exemplars", "explanations", "scores")
    }
    parts["sequences"] = ("sequence_id", ids, None)
    return {
        name: processor_seconds(
            lambda name=name, column=column, values=values, site=site: PointReads(root).rows(
                name, column, values, site=site
            )
        )
        for name, (column, values, site) in parts.items()
    }


def _forget(root: Path) -> None:
    """Ask the system to drop the study's files from its memory."""
    for path in root.rglob("*.parquet"):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
