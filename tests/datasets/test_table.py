"""A table is read when it is asked for."""

import sys

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from neuroscribe.datasets import store
from neuroscribe.datasets.manifest import write_manifest
from neuroscribe.datasets.rows import sequences_table
from neuroscribe.datasets.schema import SCHEMAS
from neuroscribe.datasets.table import Table
from neuroscribe.errors import InputError, StoreError
from tests.datasets.stated_rows import stated


@pytest.fixture
def sequences(tmp_path, make_sequence):
    rows = sequences_table([make_sequence("a", "b", sequence_id=i) for i in range(3)])
    store.write_part(tmp_path, "sequences", rows)
    return Table(tmp_path, "sequences")


@pytest.fixture
def repaired(tmp_path):
    """A study in which a failed explanation was repaired."""
    write_manifest(tmp_path, {})
    for row in ({"status": "failed"}, {"status": "ok", "text": "rain"}):
        store.write_part(tmp_path, "explanations", stated("explanations", row), site="mlp.0")
    return Table(tmp_path, "explanations")


def test_a_table_describes_itself_without_being_read():
    table = Table("nowhere", "scores")
    assert "value: double -- Null where undefined" in repr(table)
    row = table.describe().set_index("column").loc["value"]
    assert (row["type"], row["meaning"]) == ("double", "Null where undefined")


def test_in_a_notebook_names_are_text():
    page = Table("<img src=x onerror=alert(1)>", "simulations")._repr_html_()
    assert "<img" not in page
    assert "&lt;img" in page
    assert "list&lt;" in page


def test_an_unknown_table_names_those_there_are():
    with pytest.raises(StoreError, match="no table is called 'neurons'; there are: sequences"):
        Table("nowhere", "neurons")


def test_rows_come_as_pandas_with_filter_and_columns(sequences):
    frame = sequences.to_pandas(columns=["sequence_id", "text"], where=pc.field("sequence_id") > 0)
    assert frame["sequence_id"].tolist() == [1, 2]
    assert frame["text"].tolist() == ["ab", "ab"]


def test_rows_come_as_polars(sequences):
    pytest.importorskip("polars")
    frame = sequences.to_polars(columns=["sequence_id", "tokens"])
    assert frame.rows() == [(0, ["a", "b"]), (1, ["a", "b"]), (2, ["a", "b"])]


def test_without_polars_the_extra_is_named(sequences, monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(InputError, match=r"neuroscribe\[polars\]"):
        sequences.to_polars()


def test_batches_hold_all_rows(sequences):
    batches = list(sequences.to_batches(columns=["sequence_id"], batch_rows=2))
    assert [batch.num_rows for batch in batches] == [2, 1]
    chosen = sequences.to_batches(columns=["sequence_id"], where=pc.field("sequence_id") == 2)
    assert pa.Table.from_batches(chosen)["sequence_id"].to_pylist() == [2]


def test_batches_of_an_absent_table_are_none(tmp_path):
    assert [batch for batch in Table(tmp_path, "units").to_batches() if batch.num_rows] == []


def test_rows_that_may_be_superseded_do_not_come_in_batches(repaired):
    with pytest.raises(StoreError, match="may supersede each other"):
        repaired.to_batches()


def test_the_dataset_holds_superseded_rows_and_the_tables_do_not(repaired):
    assert sorted(repaired.dataset().to_table()["status"].to_pylist()) == ["failed", "ok"]
    assert repaired.to_arrow()["status"].to_pylist() == ["ok"]
    assert repaired.to_pandas()["status"].tolist() == ["ok"]


def test_a_question_is_answered_from_the_current_rows_of_all_tables(repaired):
    pytest.importorskip("duckdb")
    answer = repaired.sql(
        "SELECT count(*) AS n, (SELECT count(*) FROM units) AS u FROM explanations"
    )
    assert answer.to_pylist() == [{"n": 1, "u": 0}]


def test_a_study_behind_a_url_reads_the_same(repaired, make_sequence):
    memory = fsspec.filesystem("memory")
    memory.put(str(repaired.root), "/a-study", recursive=True)
    try:
        away = Table("memory://a-study", "explanations")
        assert away.to_arrow().equals(repaired.to_arrow())
        assert away.dataset().count_rows() == 2
        pytest.importorskip("duckdb")
        assert away.sql("SELECT text FROM explanations").to_pylist() == [{"text": "rain"}]
    finally:
        memory.rm("/a-study", recursive=True)


def test_a_damaged_part_is_a_sentence(sequences):
    (part,) = sequences.root.rglob("*.parquet")
    part.write_bytes(part.read_bytes()[:100])
    for read in (sequences.to_arrow, lambda: list(sequences.to_batches())):
        with pytest.raises(StoreError, match=r"table 'sequences' of .* cannot be read"):
            read()


def test_batches_take_little_memory(tmp_path):
    """A file of two hundred megabytes passes in a quarter of that."""
    rows, width = 80_000, 640
    values = pa.array(np.random.default_rng(0).random(rows * width, dtype=np.float32))
    offsets = pa.array(np.arange(0, rows * width + 1, width, dtype=np.int32))
    columns = {
        "site": pa.array(["mlp.0"] * rows),
        "sequence_id": pa.array(range(rows)),
        "position": pa.array([0] * rows, pa.int32()),
        "activations": pa.ListArray.from_arrays(offsets, values),
    }
    store.write_part(tmp_path, "vectors", pa.table(columns, schema=SCHEMAS["vectors"]))
    del columns, values, offsets
    pool = pa.default_memory_pool()
    before, peak, seen = pool.bytes_allocated(), 0, 0
    for batch in Table(tmp_path, "vectors").to_batches(batch_rows=1024):
        seen += batch.num_rows
        peak = max(peak, pool.bytes_allocated() - before)
    assert seen == rows
    assert peak < 56 * 2**20
