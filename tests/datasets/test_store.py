"""Parts are written whole or not at all, and read back as they were."""

import dataclasses
import errno
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from neuroscribe.datasets import store
from neuroscribe.datasets.rows import explanations_table, scores_table, sequences_table
from neuroscribe.datasets.schema import SCHEMAS
from neuroscribe.errors import StoreError
from neuroscribe.records import Explanation, Score, UnitId


def explanation(unit: int, status: str = "ok", hour: int = 1) -> Explanation:
    return Explanation(
        unit=UnitId("mlp.0", unit),
        text=f"unit {unit} at {hour}" if status == "ok" else None,
        status=status,
        reason=None if status == "ok" else "why",
        explainer="token_activation_pairs",
        llm="mock",
        prompt_sha256="0" * 64,
        created_at=datetime(2026, 1, 1, hour, tzinfo=UTC),
    )


def test_rows_come_back_as_they_were_written(tmp_path, make_sequence):
    rows = sequences_table([make_sequence("a\t", "<script>", "\u202e🙂", sequence_id=2**33)])
    store.write_part(tmp_path, "sequences", rows)
    assert store.load(tmp_path, "sequences").equals(rows)


def test_the_same_rows_are_one_part_however_they_are_chunked(tmp_path, make_sequence):
    rows = sequences_table([make_sequence("a", sequence_id=i) for i in range(4)])
    first = store.write_part(tmp_path, "sequences", rows)
    written = first.stat().st_mtime_ns
    chunked = pa.concat_tables([rows.slice(0, 1), rows.slice(1)])
    assert store.write_part(tmp_path, "sequences", chunked) == first
    assert first.stat().st_mtime_ns == written


def test_an_absent_table_has_no_rows(tmp_path):
    assert store.load(tmp_path, "scores").num_rows == 0
    assert store.read(tmp_path, "units", columns=["unit"]).schema.names == ["unit"]


def test_an_unknown_table_names_those_there_are(tmp_path):
    with pytest.raises(StoreError, match="no table is called 'neurons'; there are: sequences"):
        store.load(tmp_path, "neurons")


def test_sites_with_awkward_names_have_folders_of_their_own(tmp_path):
    for site in ("module:h.0.mlp.act:in", "../evil"):
        rows = explanations_table([explanation(1)])
        path = store.write_part(tmp_path, "explanations", rows, site=site)
        assert path.parent.parent == tmp_path / "explanations"
        assert store.read(tmp_path, "explanations", site=site).num_rows == 1


def test_a_filter_reads_only_what_it_names(tmp_path):
    rows = explanations_table([explanation(i) for i in range(5)])
    store.write_part(tmp_path, "explanations", rows, site="mlp.0")
    found = store.read(tmp_path, "explanations", where=pc.field("unit").isin([2, 4]))
    assert found["unit"].to_pylist() == [2, 4]


def test_rows_of_another_schema_are_refused(tmp_path):
    with pytest.raises(StoreError, match="do not have its schema"):
        store.write_part(tmp_path, "scores", pa.table({"site": ["mlp.0"]}))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_what_was_there_and_says_so(tmp_path, monkeypatch):
    good = store.write_part(tmp_path, "explanations", explanations_table([explanation(1)]))

    def fail(rows, path, **_):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq, "write_table", fail)
    with pytest.raises(StoreError, match="No space left on device; free some space"):
        store.write_part(tmp_path, "explanations", explanations_table([explanation(2)]))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [good]
    assert store.load(tmp_path, "explanations")["unit"].to_pylist() == [1]


def test_a_damaged_part_is_named(tmp_path):
    path = store.write_part(tmp_path, "explanations", explanations_table([explanation(1)]))
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(StoreError, match=r"table 'explanations' of .* cannot be read"):
        store.load(tmp_path, "explanations")


def test_leftovers_of_a_killed_writer_are_no_rows_and_can_be_removed(tmp_path):
    store.write_part(tmp_path, "explanations", explanations_table([explanation(1)]))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    processes = {"dead": gone.pid, "writing": os.getppid()}
    paths = {
        name: tmp_path / "explanations" / f".tmp-part-x.parquet@{platform.node()}@{process}"
        for name, process in processes.items()
    }
    paths["elsewhere"] = tmp_path / "explanations" / ".tmp-part-x.parquet@another-host@1"
    for path in paths.values():
        path.write_bytes(b"half")
    assert store.load(tmp_path, "explanations").num_rows == 1
    store.remove_leftovers(tmp_path)
    assert [name for name, path in paths.items() if path.exists()] == ["writing", "elsewhere"]


def test_a_repaired_explanation_supersedes_the_failure_whatever_was_written_first(tmp_path):
    for rows in ([explanation(1)], [explanation(1, "failed", 2), explanation(2, "failed", 2)]):
        store.write_part(tmp_path, "explanations", explanations_table(rows))
    rows = store.load(tmp_path, "explanations").to_pylist()
    assert sorted((row["unit"], row["status"]) for row in rows) == [(1, "ok"), (2, "failed")]


def test_of_two_scores_of_one_thing_the_better_covered_is_kept(tmp_path):
    def score(coverage: float) -> Score:
        return Score(
            explanation_id="e",
            unit=UnitId("mlp.0", 1),
            scorer="simulation",
            metric="pearson",
            report_set="random_only",
            value=coverage,
            low=None,
            high=None,
            chance=0.0,
            n_sequences=1,
            n_items=4,
            coverage=coverage,
        )

    rows = scores_table([score(0.25), score(1.0), score(0.5)])
    store.write_part(tmp_path, "scores", rows, site="mlp.0")
    assert store.load(tmp_path, "scores")["value"].to_pylist() == [1.0]


def test_every_column_is_described():
    for name, schema in SCHEMAS.items():
        for field in schema:
            assert field.metadata[b"description"], (name, field.name)


def test_columns_alone_are_the_current_ones_too(tmp_path):
    for rows in ([explanation(1, "failed", 2)], [explanation(1), explanation(2)]):
        store.write_part(tmp_path, "explanations", explanations_table(rows))
    found = store.load(tmp_path, "explanations", columns=["unit", "status"])
    assert found.column_names == ["unit", "status"]
    assert sorted(map(tuple, (row.values() for row in found.to_pylist()))) == [(1, "ok"), (2, "ok")]


@pytest.mark.parametrize(
    "where",
    [pc.field("status") == "failed", pc.field("candidate") > 0, pc.field("selected")],
)
def test_a_filter_finds_no_row_that_is_not_current(tmp_path, where):
    """Which row is current, and which is selected, does not hang on what is asked for."""
    for rows in (
        [explanation(1, "failed", 2), explanation(2)],
        [explanation(1), dataclasses.replace(explanation(2), candidate=1, selected=False)],
    ):
        store.write_part(tmp_path, "explanations", explanations_table(rows))
    found = store.load(tmp_path, "explanations", where=where)
    assert found.equals(store.load(tmp_path, "explanations").filter(where))
    some = store.load(tmp_path, "explanations", columns=["unit"], where=where)
    assert some.equals(found.select(["unit"]))


@pytest.mark.parametrize("address", ["bogus://x", "nothing-opens-this://x/y"])
def test_an_address_that_nothing_opens_is_one_sentence(address):
    with pytest.raises(StoreError, match="cannot be opened"):
        store.load(address, "units")
