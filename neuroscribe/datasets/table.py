"""One table of a study, read when it is asked for."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from neuroscribe.datasets import store
from neuroscribe.datasets.schema import describe

if TYPE_CHECKING:
    import pandas as pd


class Table:
    """A table by name; nothing is read before a `to_` method is called."""

    def __init__(self, root: str | Path, name: str) -> None:
        self.root = root
        self.name = name

    def __repr__(self) -> str:
        columns = "\n".join(
            f"  {name}: {kind} -- {text}" for name, kind, text in describe(self.name)
        )
        return f"Table {self.name!r} of {self.root}\n{columns}"

    def to_arrow(
        self, *, columns: Sequence[str] | None = None, where: pc.Expression | None = None
    ) -> pa.Table:
        """The current rows (repaired failures counted once) as a pyarrow table.

        Args:
            columns: all if None.
            where: a pyarrow filter, pushed down to the files.
        """
        return store.load(self.root, self.name, columns=columns, where=where)

    def to_pandas(
        self, *, columns: Sequence[str] | None = None, where: pc.Expression | None = None
    ) -> "pd.DataFrame":
        """The current rows as a pandas data frame; see `to_arrow`."""
        frame: pd.DataFrame = self.to_arrow(columns=columns, where=where).to_pandas()
        return frame
