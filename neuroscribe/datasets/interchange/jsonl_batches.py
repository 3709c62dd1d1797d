"""Lines of JSON in compressed files, so many items a file, the same bytes for the same lines.

A gzip header usually holds a name and the time; here it holds neither. A file is made for its first
line: readers of such files take the columns from it, and an empty file stops them.
"""

import gzip
import io
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import final


@final
class JsonlBatches:
    """Writes `KIND/batch-N.jsonl.gz` below a folder; a context manager that closes what is open."""

    def __init__(self, place: Path, *, size: int) -> None:
        """Write below `place`, `size` items a file."""
        self.lines: Counter[str] = Counter()
        """Written so far, by kind."""
        self._place = place
        self._size = size
        self._items = 0
        self._open: dict[str, tuple[gzip.GzipFile, io.BufferedWriter]] = {}

    def __enter__(self) -> "JsonlBatches":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def add(self, item: Mapping[str, Iterable[bytes]]) -> None:
        """Write the lines of one item, by kind; each ends with a line feed."""
        if self._items % self._size == 0:
            self._close()
        for kind, lines in item.items():
            for line in lines:
                if kind not in self._open:
                    self._open[kind] = self._begin(kind)
                self._open[kind][0].write(line)
                self.lines[kind] += 1
        self._items += 1

    def _begin(self, kind: str) -> tuple[gzip.GzipFile, io.BufferedWriter]:
        path = self._place / kind / f"batch-{self._items // self._size}.jsonl.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("wb")
        return gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0), file

    def _close(self) -> None:
        for compressed, file in self._open.values():
            compressed.close()
            file.close()
        self._open.clear()
