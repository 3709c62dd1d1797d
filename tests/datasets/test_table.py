"""A table is read when it is asked for."""

import pyarrow.compute as pc

from neuroscribe.datasets import store
from neuroscribe.datasets.rows import sequences_table
from neuroscribe.datasets.table import Table


def test_a_table_describes_itself_without_being_read():
    text = repr(Table("nowhere", "scores"))
    assert "value: double -- Null where undefined" in text


def test_rows_come_as_pandas_with_filter_and_columns(tmp_path, make_sequence):
    rows = sequences_table([make_sequence("a", "b", sequence_id=i) for i in range(3)])
    store.write_part(tmp_path, "sequences", rows)
    frame = Table(tmp_path, "sequences").to_pandas(
        columns=["sequence_id", "text"], where=pc.field("sequence_id") > 0
    )
    assert frame["sequence_id"].tolist() == [1, 2]
    assert frame["text"].tolist() == ["ab", "ab"]
