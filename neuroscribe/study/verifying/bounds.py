"""Do the bounds in a part's footer hold? Readers that filter pass over what lies outside of them.

They are no part of the content, so its hash says nothing of them; and a wrong bound loses rows
without a word.
"""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


def wrong_bounds(parquet: pq.ParquetFile, group: int, name: str, values: pa.ChunkedArray) -> bool:
    """Whether what the footer says of a column of one row group is not so.

    Args:
        parquet: an open part.
        group: number of the row group.
        name: of the column; of lists nothing is checked.
        values: its values there.
    """
    if not _has_order(values.type):
        return False
    row_group = parquet.metadata.row_group(group)
    (column,) = (
        found
        for found in map(row_group.column, range(row_group.num_columns))
        if found.path_in_schema == name
    )
    stated = column.statistics
    if stated is None:
        return False
    if stated.has_null_count and stated.null_count != values.null_count:
        return True
    held = pc.min_max(values).as_py()
    # Of NaN alone there are no bounds, and of none but nulls neither.
    if not stated.has_min_max or held["min"] is None or held["min"] != held["min"]:
        return False
    return bool(stated.min > held["min"] or stated.max < held["max"])


def _has_order(kind: pa.DataType) -> bool:
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_string, pa.types.is_boolean)
    return any(test(kind) for test in tests)
