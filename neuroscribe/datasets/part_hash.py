"""The hash of a part's content, which is its name.

It is taken one column at a time and fed to the digest as the column is serialised, so a part of any
size needs no more memory than its largest column. What lies behind a null is undefined and comes
back from a file as anything; taking the values anew makes it zero, so the name can be checked
against the file.
"""

import hashlib
import io
from collections.abc import Iterable

import numpy as np
import pyarrow as pa


def hash_of_columns(columns: Iterable[pa.ChunkedArray]) -> str:
    """Hash of a part's content, however it is chunked.

    Args:
        columns: in the order and with the types of the table's schema.
    """
    digest = hashlib.sha256()
    for column in columns:
        for chunk in pa.table({"column": column}).combine_chunks()["column"].chunks:
            sink = pa.PythonFile(_Hashing(digest), mode="w")
            with pa.ipc.new_stream(sink, pa.schema([("column", chunk.type)])) as stream:
                stream.write_batch(pa.record_batch({"column": _settled(chunk)}))
    return digest.hexdigest()[:16]


class _Hashing(io.RawIOBase):
    """A file that only hashes what is written to it."""

    def __init__(self, digest: "hashlib._Hash") -> None:
        self._digest = digest

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | memoryview | pa.Buffer") -> int:
        view = memoryview(data)
        self._digest.update(view)
        return view.nbytes


def _settled(values: pa.Array) -> pa.Array:
    """The values with zeros behind the nulls."""
    within = pa.types.is_list(values.type) and values.values.null_count > 0
    if values.null_count == 0 and not within:
        return values
    return values.take(pa.array(np.arange(len(values))))
