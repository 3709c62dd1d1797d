"""How the rows of each table lie in a Parquet file: row groups, encodings, statistics.

Chosen by `benchmarks/dataset.py`; docs/dataset.md has the figures. A row group is what must be read
and decoded for one of its rows, and costs some hundred bytes of the file's footer, which must be
read for any row. Numbers without repetition are byte-stream-split: of floats, their first bytes are
alike and their last ones noise (or, where they were rounded, zeros), so each compresses best among
its own; a dictionary only adds to them. Integers are left in the encodings that every reader knows.

Statistics are of plain columns: the bounds of lists and of free text find nothing. There is no page
index: a column of one row group is one page or two, whose bounds say what those of the group say.
zstd beyond level 1 costs time and saves nothing where almost all bytes are, in activations.
"""

from typing import Any, Final

import pyarrow as pa

from neuroscribe.datasets.schema import SCHEMAS

ROW_GROUP_ROWS: Final[dict[str, int]] = {
    # 128 texts are 50 kB. The exemplars of one unit name a hundred of them, anywhere.
    "sequences": 128,
    "units": 256,
    # The exemplars of 20 to 40 units, 450 kB.
    "exemplars": 4096,
    # A row is as wide as a site: megabytes all the same.
    "vectors": 128,
    "bits": 4096,
    "explanations": 1024,
    "simulations": 4096,
    "judgements": 4096,
    "lessons": 1024,
    "scores": 4096,
}
"""Rows a group, by table."""

_SPLIT_BYTES: Final[dict[str, frozenset[str]]] = {
    "units": frozenset({"lookup_means"}),
    "exemplars": frozenset({"activations"}),
    "vectors": frozenset({"activations"}),
}
_UNLIKE: Final[dict[str, frozenset[str]]] = {
    "sequences": frozenset({"sequence_id", "text", "token_bytes_offsets"}),
}
"""Columns whose values hardly recur."""
_FREE_TEXT: Final = ("text", "reason")


def writing(table: str) -> dict[str, Any]:
    """The arguments of `pyarrow.parquet.write_table` for the rows of a table."""
    split = _SPLIT_BYTES.get(table, frozenset())
    plain = split | _UNLIKE.get(table, frozenset())
    schema = SCHEMAS[table]
    return {
        "compression": "zstd",
        "compression_level": 1,
        "row_group_size": ROW_GROUP_ROWS[table],
        "use_dictionary": [_leaf(field) for field in schema if field.name not in plain],
        "column_encoding": {_leaf(schema.field(name)): "BYTE_STREAM_SPLIT" for name in split},
        "write_statistics": [
            field.name
            for field in schema
            if not pa.types.is_list(field.type) and field.name not in _FREE_TEXT
        ],
        "write_page_index": False,
    }


def _leaf(field: pa.Field) -> str:
    """What Parquet calls the column that holds the values."""
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name
