"""One table of a study, read when it is asked for, in whichever library people work with.

What is read are the current rows: a failed item that was repaired later counts once. `to_batches`
and `dataset` read the files as they are, for tables larger than memory.
"""

import html
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from neuroscribe.datasets import sql as questions, store
from neuroscribe.datasets.parts import live_parts
from neuroscribe.datasets.schema import IDENTITY, SCHEMAS, describe
from neuroscribe.errors import InputError, StoreError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

BATCH_ROWS = 8192
"""Rows a batch of `to_batches`; of exemplars two megabytes."""


class Table:
    """A table by name; nothing is read before a method is called."""

    def __init__(self, root: str | Path, name: str) -> None:
        """Name a table.

        Args:
            root: the study's directory, or an fsspec URL of one.
            name: of the table.

        Raises:
            StoreError: there is no such table.
        """
        if name not in SCHEMAS:
            raise StoreError(f"no table is called {name!r}; there are: {', '.join(SCHEMAS)}")
        self.root = root
        self.name = name

    def __repr__(self) -> str:
        columns = "\n".join(
            f"  {name}: {kind} -- {text}" for name, kind, text in describe(self.name)
        )
        return f"Table {self.name!r} of {self.root}\n{columns}"

    def _repr_html_(self) -> str:
        """The columns with their descriptions, for notebooks."""
        rows = "".join(
            f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>"
            for row in describe(self.name)
        )
        return (
            f"<p>Table <b>{html.escape(self.name)}</b> of {html.escape(str(self.root))}</p>"
            f"<table><tr><th>column</th><th>type</th><th>meaning</th></tr>{rows}</table>"
        )

    def describe(self) -> "pd.DataFrame":
        """What each column holds: one row per column; nothing is read."""
        import pandas as pd  # noqa: PLC0415 -- only data frames need it

        return pd.DataFrame(describe(self.name), columns=["column", "type", "meaning"])

    def to_arrow(
        self, *, columns: Sequence[str] | None = None, where: pc.Expression | None = None
    ) -> pa.Table:
        """The current rows (repaired failures counted once) as a pyarrow table.

        Args:
            columns: all if None.
            where: a pyarrow filter, pushed down to the files.

        Raises:
            StoreError: a part is damaged.
        """
        return store.load(self.root, self.name, columns=columns, where=where)

    def to_pandas(
        self, *, columns: Sequence[str] | None = None, where: pc.Expression | None = None
    ) -> "pd.DataFrame":
        """The current rows as a pandas data frame; see `to_arrow`."""
        frame: pd.DataFrame = self.to_arrow(columns=columns, where=where).to_pandas()
        return frame

    def to_polars(
        self, *, columns: Sequence[str] | None = None, where: pc.Expression | None = None
    ) -> "pl.DataFrame":
        """The current rows as a polars data frame; see `to_arrow`.

        Raises:
            InputError: polars is not installed.
        """
        try:
            import polars as pl  # noqa: PLC0415 -- an optional library
        except ImportError as error:
            raise InputError(
                'polars is not installed: pip install "neuroscribe[polars]"'
            ) from error
        frame = pl.from_arrow(self.to_arrow(columns=columns, where=where))
        assert isinstance(frame, pl.DataFrame)  # noqa: S101 -- of a table; a series of an array
        return frame

    def to_batches(
        self,
        *,
        columns: Sequence[str] | None = None,
        where: pc.Expression | None = None,
        batch_rows: int = BATCH_ROWS,
    ) -> Iterator[pa.RecordBatch]:
        """The rows in batches, in memory that does not depend on how many there are.

        Args:
            columns: all if None.
            where: a pyarrow filter, pushed down to the files.
            batch_rows: the most rows in a batch.

        Raises:
            StoreError: the table may hold superseded rows, which only the whole can tell; or a part
                is damaged, or was replaced by a compaction meanwhile.
        """
        if self.name in IDENTITY:
            raise StoreError(
                f"rows of {self.name!r} may supersede each other, so they are read at once: use "
                "to_arrow() with a filter, or sql()"
            )
        return self._batches(columns, where, batch_rows)

    def _batches(
        self, columns: Sequence[str] | None, where: pc.Expression | None, batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        chosen = None if columns is None else list(columns)
        try:
            # Left to itself, pyarrow reads whole files ahead.
            yield from self.dataset().to_batches(
                columns=chosen,
                filter=where,
                batch_size=batch_rows,
                batch_readahead=2,
                fragment_readahead=1,
                fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=False),
            )
        except FileNotFoundError as error:
            raise StoreError(
                f"table {self.name!r} of {self.root} was compacted while it was read; start again"
            ) from error
        except (pa.ArrowInvalid, OSError) as error:
            raise StoreError(
                f"table {self.name!r} of {self.root} cannot be read: {error}"
            ) from error

    def dataset(self) -> ds.Dataset:
        """The files as a lazy pyarrow dataset: every row that was written, superseded ones too.

        Raises:
            StoreError: a part is damaged.
        """
        filesystem, folder = store.folder_of(self.root, self.name)
        schema = SCHEMAS[self.name]
        try:
            parts = live_parts(filesystem, folder)
            return ds.dataset(parts, schema=schema, format="parquet", filesystem=filesystem)
        except (pa.ArrowInvalid, OSError) as error:
            raise StoreError(
                f"table {self.name!r} of {self.root} cannot be read: {error}"
            ) from error

    def sql(self, query: str) -> pa.Table:
        """The answer to a question in SQL, as a pyarrow table.

        All tables of the study are there by name, with their current rows:
        `study.table("scores").sql("SELECT site, avg(value) FROM scores GROUP BY site")`.

        Args:
            query: one SELECT in DuckDB's SQL.

        Raises:
            InputError: the question cannot be answered, or DuckDB is not installed.
        """
        return questions.query(self.root, query)
