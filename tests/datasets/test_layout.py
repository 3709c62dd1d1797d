"""The files that are written read everywhere as the same values, and are laid out as is said."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from neuroscribe.datasets import store
from neuroscribe.datasets.layout import ROW_GROUP_ROWS, writing
from neuroscribe.datasets.schema import SCHEMAS
from tests.datasets.stated_rows import stated

N = ROW_GROUP_ROWS["exemplars"] + 4


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Exemplars and units in their files, and what is in them."""
    root = tmp_path_factory.mktemp("study")
    values = np.random.default_rng(0).normal(size=(N, 4)).astype(np.float32)
    exemplars = [
        {"site": "mlp.0", "unit": i // 100, "activations": row, "split": "test", "kind": "top"}
        for i, row in enumerate(values.tolist())
    ]
    units = [{"site": "mlp.0", "unit": i, "mean": i / 7, "lookup_means": [i / 3]} for i in range(9)]
    tables = {"exemplars": stated("exemplars", *exemplars), "units": stated("units", *units)}
    for name, rows in tables.items():
        store.write_part(root, name, rows, site="mlp.0")
    return root, {name: rows.to_pylist() for name, rows in tables.items()}


def files(root, table):
    return sorted(map(str, (root / table).rglob("*.parquet")))


@pytest.mark.parametrize("table", ["exemplars", "units"])
def test_pyarrow_and_pandas_read_them(written, table):
    root, rows = written
    assert pq.read_table(f"{root}/{table}").to_pylist() == rows[table]
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(f"{root}/{table}")
    for column in frame:
        got = [x.tolist() if isinstance(x, np.ndarray) else x for x in frame[column].tolist()]
        expected = [row[column] for row in rows[table]]
        if any(value is None for value in expected):
            assert all(pandas.isna(value) for value in got)
        else:
            assert got == expected, column


@pytest.mark.parametrize("table", ["exemplars", "units"])
def test_polars_reads_them(written, table):
    polars = pytest.importorskip("polars")
    root, rows = written
    assert polars.read_parquet(files(root, table)).to_dicts() == rows[table]
    found = polars.scan_parquet(files(root, table)).filter(polars.col("unit") == 8).collect()
    assert found.to_dicts() == [row for row in rows[table] if row["unit"] == 8]


@pytest.mark.parametrize("table", ["exemplars", "units"])
def test_duckdb_reads_them(written, table):
    duckdb = pytest.importorskip("duckdb")
    root, rows = written
    with duckdb.connect() as connection:
        source = f"read_parquet('{root}/{table}/**/*.parquet')"
        result = connection.sql(f"SELECT * FROM {source} WHERE unit = 8")
        names = result.columns
        found = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    assert found == [row for row in rows[table] if row["unit"] == 8]


@pytest.mark.parametrize("table", ["exemplars", "units"])
def test_hugging_face_datasets_reads_them(written, table, tmp_path):
    datasets = pytest.importorskip("datasets")
    root, rows = written
    loaded = datasets.load_dataset(
        "parquet", data_files=files(root, table), split="train", cache_dir=str(tmp_path)
    )
    assert loaded.to_list() == rows[table]


def test_activations_are_split_into_bytes_and_groups_have_the_stated_size(written):
    root, _ = written
    metadata = pq.read_metadata(files(root, "exemplars")[0])
    assert [metadata.row_group(i).num_rows for i in range(2)] == [4096, 4]
    columns = [metadata.row_group(0).column(i) for i in range(metadata.num_columns)]
    encodings = {column.path_in_schema: column.encodings for column in columns}
    assert "BYTE_STREAM_SPLIT" in encodings["activations.list.element"]
    assert "RLE_DICTIONARY" in encodings["unit"]
    bounded = {column.path_in_schema for column in columns if column.statistics is not None}
    assert "unit" in bounded
    assert "activations.list.element" not in bounded


def test_every_table_has_a_layout_that_names_its_columns():
    assert set(ROW_GROUP_ROWS) == set(SCHEMAS)
    for table, schema in SCHEMAS.items():
        dictionary = {
            name.removesuffix(".list.element") for name in writing(table)["use_dictionary"]
        }
        assert dictionary <= set(schema.names)
