"""A few rows of a large table are found by reading little, here and from elsewhere."""

import random
from itertools import pairwise
from typing import ClassVar

import fsspec
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem
from hypothesis import given, settings, strategies as st

from neuroscribe.datasets import store
from neuroscribe.datasets.layout import ROW_GROUP_ROWS
from neuroscribe.datasets.point_reads import MOST_SPANS, TAIL_BYTES, PointReads, Span, joined
from neuroscribe.errors import StoreError
from tests.datasets.stated_rows import stated

MANY = 16 * ROW_GROUP_ROWS["sequences"]


class Counting(fsspec.AbstractFileSystem):
    """Local files that pass for distant ones."""

    protocol = "counted"
    cachable = False
    ranges: ClassVar[list[tuple[int, int]]] = []
    files = LocalFileSystem()

    def ls(self, path, detail=True, **_):
        return self.files.ls(self._strip_protocol(path), detail=detail)

    def info(self, path, **_):
        return self.files.info(self._strip_protocol(path))

    def cat_file(self, path, start=None, end=None, **_):
        self.ranges.append((start, end))
        return self.files.cat_file(self._strip_protocol(path), start=start, end=end)


@pytest.fixture
def counted():
    fsspec.register_implementation("counted", Counting, clobber=True)
    Counting.ranges.clear()
    return Counting.ranges


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two parts of sequences, every third id; texts that do not compress."""
    root = tmp_path_factory.mktemp("study")
    texts = [random.Random(i).randbytes(400).hex() for i in range(MANY)]
    rows = [{"sequence_id": 3 * i, "split": "test", "text": texts[i]} for i in range(MANY)]
    for part in (rows[: MANY // 2], rows[MANY // 2 :]):
        store.write_part(root, "sequences", stated("sequences", *part))
    return root


def sequences(root, wanted):
    return PointReads(root).rows("sequences", "sequence_id", wanted)


@pytest.mark.parametrize("elsewhere", [False, True])
@settings(max_examples=15, deadline=None)
@given(wanted=st.sets(st.integers(-5, 3 * MANY + 5), max_size=20))
def test_the_rows_are_those_of_a_scan(study, elsewhere, wanted):
    fsspec.register_implementation("counted", Counting, clobber=True)
    found = sequences(f"counted://{study}" if elsewhere else study, wanted)
    rows = store.read(study, "sequences", where=pc.field("sequence_id").isin(sorted(wanted)))
    assert found.schema.equals(rows.schema, check_metadata=True)
    assert found.equals(rows)


def test_from_elsewhere_a_row_costs_its_row_group_and_footers_are_read_once(study, counted):
    reads = PointReads(f"counted://{study}")
    reads.rows("sequences", "sequence_id", [0])
    first = list(counted)
    assert len(first) <= 3
    counted.clear()
    assert reads.rows("sequences", "sequence_id", [3])["sequence_id"].to_pylist() == [3]
    assert len(counted) <= 1
    assert sum(end - start for start, end in counted) < TAIL_BYTES


def test_from_elsewhere_scattered_rows_cost_few_requests(study, counted):
    wanted = [3 * i for i in range(0, MANY, 40)]
    assert sequences(f"counted://{study}", wanted).num_rows == len(wanted)
    assert len(counted) <= 2 * (1 + MOST_SPANS)


def test_a_part_that_is_added_later_is_seen(tmp_path):
    reads = PointReads(tmp_path)
    assert reads.rows("units", "unit", [1, 2], site="mlp.0").num_rows == 0
    for unit in (1, 2):
        row = {"site": "mlp.0", "unit": unit, "polarity": 1}
        store.write_part(tmp_path, "units", stated("units", row), site="mlp.0")
        found = reads.rows("units", "unit", [1, 2], site="mlp.0")["unit"].to_pylist()
        assert sorted(found) == list(range(1, unit + 1))


def test_a_column_that_an_older_study_lacks_is_null(tmp_path):
    rows = stated("explanations", {"site": "mlp.0", "unit": 1, "text": "rain"})
    path = store.write_part(tmp_path, "explanations", rows, site="mlp.0")
    pq.write_table(rows.drop(["form", "inputs"]), path)
    (row,) = PointReads(tmp_path).rows("explanations", "unit", [1], site="mlp.0").to_pylist()
    assert (row["text"], row["form"], row["inputs"]) == ("rain", None, None)


def test_parts_without_statistics_are_read_whole(tmp_path):
    rows = stated("units", *({"site": "mlp.0", "unit": unit} for unit in range(9)))
    path = store.write_part(tmp_path, "units", rows, site="mlp.0")
    pq.write_table(rows, path, write_statistics=False, row_group_size=2)
    found = PointReads(tmp_path).rows("units", "unit", [3, 7], site="mlp.0")
    assert found["unit"].to_pylist() == [3, 7]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_damaged_part_is_named(tmp_path, elsewhere, counted):
    path = store.write_part(tmp_path, "sequences", stated("sequences", {"sequence_id": 1}))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(StoreError, match=r"table 'sequences' of .* cannot be read"):
        sequences(f"counted://{tmp_path}" if elsewhere else tmp_path, [1])


def test_an_unknown_table_names_those_there_are(tmp_path):
    with pytest.raises(StoreError, match="no table is called 'neurons'; there are: sequences"):
        PointReads(tmp_path).rows("neurons", "unit", [1])


@given(
    steps=st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), min_size=1, max_size=12),
    most=st.integers(1, 5),
)
def test_joined_spans_are_few_apart_and_cover_all(steps, most):
    spans, at = [], 0
    for gap, length in steps:
        spans.append(Span(at + gap, at + gap + length))
        at += gap + length
    result = joined(reversed(spans), most)
    assert len(result) <= most
    assert all(before.end < after.start for before, after in pairwise(result))
    assert all(any(s.start <= a.start and a.end <= s.end for s in result) for a in spans)


def test_no_spans_are_no_requests():
    assert joined([], 2) == []
