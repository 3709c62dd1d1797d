"""`parquet:PATH`: a Parquet file, or a folder of them, with a column `text` and maybe an `id`.

Without ids a document is called by its row number, counted over all files in the order of their
paths. Rows whose text is null hold no document and are passed over. Rows are read in small batches.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from neuroscribe.datasets.corpus import Document, existing_path
from neuroscribe.errors import CorpusError

_BATCH_ROWS = 1024


@dataclass(frozen=True, kw_only=True)
class ParquetCorpus:
    """Parquet files with a column of texts."""

    name: str
    files: tuple[Path, ...]

    def documents(self) -> Iterator[Document]:
        """One document per row that has a text."""
        row_number = 0
        for path in self.files:
            with pq.ParquetFile(path) as file:
                columns = ["text", "id"] if "id" in file.schema_arrow.names else ["text"]
                try:
                    for batch in file.iter_batches(_BATCH_ROWS, columns=columns):
                        for row in batch.to_pylist():
                            if row["text"] is not None:
                                document_id = row.get("id")
                                name = row_number if document_id is None else document_id
                                yield Document(document_id=str(name), text=row["text"])
                            row_number += 1
                except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                    raise CorpusError(f"{path} cannot be read: {error}") from error

    def provenance(self) -> dict[str, Any]:
        """The revision is a hash over the files' contents."""
        digest = hashlib.sha256()
        for path in self.files:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return {"name": self.name, "revision": digest.hexdigest(), "licence": None}


def open_parquet(argument: str) -> ParquetCorpus:
    """Find the files and look at their columns.

    Raises:
        CorpusError: nothing is there, a file is no Parquet, has no texts, or there are no rows.
    """
    root = existing_path("parquet", argument)
    files = tuple(sorted(root.rglob("*.parquet"))) if root.is_dir() else (root,)
    if not files:
        raise CorpusError(f"folder {argument} holds no file that ends in .parquet")
    if not sum(_count_rows(path) for path in files):
        raise CorpusError(f"{argument} is empty")
    return ParquetCorpus(name=f"parquet:{argument}", files=files)


PLUGIN = open_parquet


def _count_rows(path: Path) -> int:
    try:
        with pq.ParquetFile(path) as file:
            schema, n_rows = file.schema_arrow, file.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        raise CorpusError(f"{path} is no readable Parquet file: {error}") from error
    if "text" not in schema.names:
        raise CorpusError(f'{path} has no column "text"; its columns: {", ".join(schema.names)}')
    kind = schema.field("text").type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise CorpusError(f'{path} has a column "text" of type {kind}, not of text')
    return int(n_rows)
