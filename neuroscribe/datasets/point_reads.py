"""Find a few rows of a large table: footers first, then only the row groups that can hold them.

A scan of the table looks at every part each time it is asked. This remembers the footers of the
parts it has seen (a part never changes), compares the bounds of each row group with the numbers
that are wanted, and reads the groups that are left. On this machine they are read one by one; from
elsewhere, where a request costs more than its bytes, neighbours are joined until there are at most
`MOST_SPANS` requests a part.
"""

import io
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem
from numpy.typing import NDArray

from neuroscribe.datasets.parts import consistently
from neuroscribe.datasets.schema import SCHEMAS
from neuroscribe.datasets.store import folder_of
from neuroscribe.errors import StoreError

MOST_SPANS: Final = 2
"""Requests a part and reading, beside the one for its footer; not on this machine."""
TAIL_BYTES: Final = 2**18
"""First read of a part elsewhere: the footers of a site of 10,000 units fit, or a small part."""

_LENGTH_BYTES: Final = 8
"""At the end of every Parquet file: the length of its footer, and its name."""


class Span(NamedTuple):
    """Consecutive bytes of a file."""

    start: int
    end: int


class PointReads:
    """Looks up rows of the tables at `root`, a directory or an fsspec URL."""

    def __init__(self, root: str | Path) -> None:
        self.root = root
        self._parts: dict[str, _Part] = {}

    def rows(
        self, table: str, column: str, values: Iterable[int], *, site: str | None = None
    ) -> pa.Table:
        """The rows in which a column has one of some values, in the order of the parts.

        Args:
            table: name of the table.
            column: of integers.
            values: the wanted ones.
            site: look only into this site's folder.

        Raises:
            StoreError: there is no such table, or a part is damaged.
        """
        filesystem, folder = folder_of(self.root, table, site)
        schema = SCHEMAS[table]
        wanted = np.unique(np.fromiter(values, dtype=np.int64))

        def read(paths: list[str]) -> pa.Table:
            found = [self._part(filesystem, path).rows(schema, column, wanted) for path in paths]
            return pa.concat_tables([schema.empty_table(), *found])

        try:
            return consistently(filesystem, folder, read)
        except (pa.ArrowException, OSError) as error:
            raise StoreError(f"table {table!r} of {self.root} cannot be read: {error}") from error

    def _part(self, filesystem: Any, path: str) -> "_Part":
        if path not in self._parts:
            local = isinstance(filesystem, LocalFileSystem)
            self._parts[path] = _LocalPart(path) if local else _DistantPart(filesystem, path)
        return self._parts[path]


class _Part:
    """A file whose footer is known."""

    metadata: pq.FileMetaData

    def __init__(self) -> None:
        self._bounds: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}

    def open(self, groups: Sequence[int]) -> pq.ParquetFile:
        """The file, of which these row groups will be read."""
        raise NotImplementedError

    def rows(self, schema: pa.Schema, column: str, wanted: NDArray[np.int64]) -> pa.Table:
        """The rows with a wanted number in a column; wanted numbers ascend."""
        low, high = self._bounds_of(column)
        # A group may hold a wanted number if one that is not below it is not above it either.
        next_wanted = np.append(wanted, np.iinfo(np.int64).max)[np.searchsorted(wanted, low)]
        groups = np.flatnonzero((next_wanted <= high) & (len(wanted) > 0)).tolist()
        if not groups:
            return schema.empty_table()
        with self.open(groups) as file:
            known = set(file.schema_arrow.names)
            rows = file.read_row_groups(groups, columns=[n for n in schema.names if n in known])
        rows = rows.filter(pc.is_in(rows[column], pa.array(wanted, rows[column].type)))
        columns = [
            rows[field.name].cast(field.type)
            if field.name in known
            else pa.nulls(rows.num_rows, field.type)
            for field in schema
        ]
        return pa.table(columns, schema=schema)

    def _bounds_of(self, column: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Smallest and largest number of every row group; as wide as can be where unknown."""
        if column not in self._bounds:
            place = self.metadata.schema.names.index(column)
            limits = np.iinfo(np.int64)
            bounds = []
            for group in range(self.metadata.num_row_groups):
                known = self.metadata.row_group(group).column(place).statistics
                there = known is not None and known.has_min_max
                bounds.append((known.min, known.max) if there else (limits.min, limits.max))
            low, high = np.array(bounds, dtype=np.int64).reshape(-1, 2).T
            self._bounds[column] = low, high
        return self._bounds[column]


class _LocalPart(_Part):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self.metadata = pq.read_metadata(path)

    def open(self, groups: Sequence[int]) -> pq.ParquetFile:  # noqa: ARG002 -- reads by itself
        """The file, of which these row groups will be read."""
        return pq.ParquetFile(self._path, metadata=self.metadata, pre_buffer=True)


class _DistantPart(_Part):
    def __init__(self, filesystem: Any, path: str) -> None:
        super().__init__()
        self._filesystem, self._path = filesystem, path
        self._size = filesystem.info(path)["size"]
        start = max(self._size - TAIL_BYTES, 0)
        tail = filesystem.cat_file(path, start=start, end=self._size)
        length = int.from_bytes(tail[-_LENGTH_BYTES:][:4], "little") + _LENGTH_BYTES
        if len(tail) < length <= self._size:
            start = self._size - length
            tail = filesystem.cat_file(path, start=start, end=self._size)
        self._tail = start, tail
        self.metadata = pq.read_metadata(pa.PythonFile(_Pieces(self._size, [self._tail]), "r"))

    def open(self, groups: Sequence[int]) -> pq.ParquetFile:
        """The file, of which these row groups will be read."""
        start, _ = self._tail
        missing = [span for span in map(self._span, groups) if span.start < start]
        spans = joined(missing, MOST_SPANS)
        pieces = self._filesystem.cat_ranges(
            [self._path] * len(spans), [span.start for span in spans], [span.end for span in spans]
        )
        held = [(span.start, piece) for span, piece in zip(spans, pieces, strict=True)]
        file = _Pieces(self._size, [*held, self._tail])
        return pq.ParquetFile(pa.PythonFile(file, "r"), metadata=self.metadata, pre_buffer=False)

    def _span(self, group: int) -> Span:
        chunks = self.metadata.row_group(group)
        columns = [chunks.column(place) for place in range(chunks.num_columns)]
        starts = [
            column.data_page_offset
            if column.dictionary_page_offset is None
            else min(column.dictionary_page_offset, column.data_page_offset)
            for column in columns
        ]
        ends = [
            start + column.total_compressed_size
            for start, column in zip(starts, columns, strict=True)
        ]
        return Span(min(starts), max(ends))


class _Pieces(io.RawIOBase):
    """A file of which some pieces are at hand."""

    def __init__(self, size: int, pieces: Sequence[tuple[int, bytes]]) -> None:
        self._size, self._pieces, self._at = size, pieces, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._size if size < 0 else min(self._at + size, self._size)
        for start, piece in self._pieces:
            if start <= self._at and end <= start + len(piece):
                found = piece[self._at - start : end - start]
                self._at = end
                return found
        raise OSError(f"bytes {self._at} to {end} were not fetched")


def joined(spans: Iterable[Span], most: int) -> list[Span]:
    """Spans that do not overlap, in order, joined over the smallest gaps until they are few.

    Args:
        spans: in any order.
        most: how many they may be.

    >>> joined([Span(0, 2), Span(3, 4), Span(90, 95), Span(96, 99)], 2)
    [Span(start=0, end=4), Span(start=90, end=99)]
    """
    ordered = sorted(spans)
    gaps = [after.start - before.end for before, after in pairwise(ordered)]
    wide = sorted(range(len(gaps)), key=lambda place: gaps[place], reverse=True)[: most - 1]
    # Touching spans are one, however few there are.
    cuts = sorted(place for place in wide if gaps[place] > 0)
    starts = [0, *(place + 1 for place in cuts)]
    ends = [*(place + 1 for place in cuts), len(ordered)]
    return [
        Span(ordered[first].start, max(span.end for span in ordered[first:last]))
        for first, last in zip(starts, ends, strict=True)
        if last > first
    ]
