"""Parts become few, and no reader at any moment sees other rows."""

import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from neuroscribe.datasets import compaction, store
from neuroscribe.datasets.compaction import compact
from neuroscribe.datasets.manifest import write_manifest
from neuroscribe.datasets.parts import MARKER, consistently, live_parts, staged
from neuroscribe.datasets.schema import IDENTITY, SCHEMAS
from neuroscribe.errors import StoreError, StudyError
from tests.datasets.stated_rows import WHEN, stated

STATUSES = ("ok", "refused", "failed")


@pytest.fixture
def study(tmp_path) -> Path:
    return new_study(tmp_path)


def new_study(root: Path) -> Path:
    write_manifest(root, {})
    return root


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def current(root: Path, table: str) -> list[str]:
    return sorted(json.dumps(r, default=str) for r in store.load(root, table).to_pylist())


def write(root: Path, table: str, *parts: list[dict], site: str | None = None) -> None:
    for rows in parts:
        store.write_part(root, table, stated(table, *rows), site=site)


def units(*indices: int) -> list[dict]:
    return [{"site": "mlp.0", "unit": index, "polarity": 1} for index in indices]


def test_many_parts_become_one_in_the_order_of_units(study):
    write(study, "units", units(5), units(1, 9), units(3), site="mlp.0")
    change = compact(study)["units"]
    assert (change.parts_before, change.parts_after, change.dropped_rows) == (3, 1, 0)
    assert change.bytes_after < change.bytes_before
    assert store.load(study, "units")["unit"].to_pylist() == [1, 3, 5, 9]


def test_rows_of_each_site_stay_in_its_folder(study):
    for site in ("mlp.0", "module:h.0.act:in"):
        write(study, "units", units(1), units(2), site=site)
    compact(study)
    assert [len(names(folder)) for folder in sorted((study / "units").iterdir())] == [1, 1]
    assert store.read(study, "units", site="module:h.0.act:in").num_rows == 2


def test_exemplars_are_sorted_as_the_recorder_sorts_them(study):
    rows = [
        {"unit": 1, "polarity": -1, "split": "train", "kind": "top", "rank": 0},
        {"unit": 1, "polarity": 1, "split": "test", "kind": "top", "rank": 0},
        {"unit": 1, "polarity": 1, "split": "train", "kind": "random", "rank": 0},
        {"unit": 1, "polarity": 1, "split": "train", "kind": "top", "rank": 1},
        {"unit": 0, "polarity": 1, "split": "train", "kind": "top", "rank": 0},
    ]
    write(study, "exemplars", rows[:2], rows[2:], site="mlp.0")
    compact(study)
    found = store.load(study, "exemplars").select(["unit", "polarity", "split", "kind", "rank"])
    assert found.to_pylist() == [rows[4], rows[3], rows[2], rows[1], rows[0]]


def test_superseded_rows_are_dropped_also_from_a_single_part(study):
    failed, good = ({"unit": 1, "status": status} for status in ("failed", "ok"))
    write(study, "explanations", [failed, good], site="mlp.0")
    assert compact(study)["explanations"].dropped_rows == 1
    assert store.read(study, "explanations")["status"].to_pylist() == ["ok"]


def test_a_part_that_is_dropped_whole_leaves_the_other_as_it_is(study):
    write(study, "explanations", [{"status": "failed"}], site="mlp.0")
    write(study, "explanations", [{"status": "ok"}], site="mlp.0")
    kept = store.write_part(study, "explanations", stated("explanations", {"status": "ok"}),
                            site="mlp.0")  # fmt: skip
    written = kept.stat().st_mtime_ns
    compact(study)
    assert names(study / "explanations") == [kept.name]
    assert kept.stat().st_mtime_ns == written


def test_what_a_run_selected_at_its_time_is_kept_for_later_runs_to_judge(study):
    first = {"candidate": 0, "selected": True, "selection_score": 0.1, "rated_by": "a"}
    second = {"candidate": 1, "selected": True, "selection_score": 0.9, "rated_by": "a"}
    rows = [{**row, "rated_at": WHEN, "status": "ok"} for row in (first, second)]
    write(study, "explanations", rows[:1], rows[1:], site="mlp.0")
    compact(study)
    assert store.read(study, "explanations")["selected"].to_pylist() == [True, True]
    now = store.load(study, "explanations", columns=["candidate", "selected"]).to_pylist()
    assert {row["candidate"]: row["selected"] for row in now} == {0: False, 1: True}


def test_a_compact_table_is_left_as_it_is(study):
    write(study, "units", units(1), units(2), site="mlp.0")
    compact(study)
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*.parquet")}
    change = compact(study)["units"]
    assert change.parts_before == change.parts_after == 1
    assert {path: path.stat().st_mtime_ns for path in study.rglob("*.parquet")} == before
    assert names(study) == sorted(["manifest.json", *(path.name for path in before)])


def test_parts_that_are_large_enough_are_left_alone(study):
    many = [{**row, "mean": 1 / (row["unit"] + 1)} for row in units(*range(9000))]
    write(study, "units", many, units(9001), units(9002), site="mlp.0")
    large = max(study.rglob("*.parquet"), key=lambda path: path.stat().st_size)
    compact(study, target_bytes=large.stat().st_size)
    assert large.exists()
    assert len(names(study / "units")) == 2


def test_parts_are_put_together_up_to_the_stated_size(study):
    write(study, "units", *(units(index) for index in range(6)), site="mlp.0")
    size = max(path.stat().st_size for path in study.rglob("*.parquet"))
    compact(study, target_bytes=2 * size + size // 2)
    assert len(names(study / "units")) == 3


def test_parts_of_an_older_format_are_left_as_they_are(study):
    good = {"status": "ok"}
    write(study, "explanations", *([{"unit": i, **good}] for i in range(4)), site="mlp.0")
    old = sorted(study.rglob("*.parquet"))[:2]
    for path in old:
        pa.parquet.write_table(pa.parquet.read_table(path).drop_columns(["exemplars"]), path)
    before = current(study, "explanations")
    compact(study)
    assert all(path.exists() for path in old)
    assert len(names(study / "explanations")) == 3
    assert current(study, "explanations") == before


def test_only_a_study_is_compacted(tmp_path):
    with pytest.raises(StudyError, match="is not a study"):
        compact(tmp_path)


IDENTITIES = st.integers(0, 2)
TIMES = st.integers(0, 2).map(lambda hours: WHEN + timedelta(hours=hours))
MAYBE_SCORES = st.none() | st.sampled_from([0.0, 0.25, 0.5])
ROWS = {
    "explanations": st.fixed_dictionaries(
        {
            "unit": IDENTITIES,
            "candidate": IDENTITIES,
            "status": st.sampled_from(STATUSES),
            "selected": st.booleans(),
            "created_at": TIMES,
            "rated_at": st.none() | TIMES,
            "rated_by": st.none() | st.sampled_from(["a", "b"]),
            "selection_score": MAYBE_SCORES,
            "parent_id": st.none() | st.just("p"),
        }
    ),
    "simulations": st.fixed_dictionaries(
        {"sequence_id": IDENTITIES, "status": st.sampled_from(STATUSES)}
    ),
    "judgements": st.fixed_dictionaries({"item": IDENTITIES, "status": st.sampled_from(STATUSES)}),
    "scores": st.fixed_dictionaries(
        {
            "unit": IDENTITIES,
            "llm": st.none() | st.just("mock"),
            "n_failed": st.none() | st.integers(0, 2),
            "coverage": st.sampled_from([0.5, 1.0]),
        }
    ),
}


@pytest.mark.parametrize("table", sorted(SCHEMAS))
@given(data=st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_split_of_rows_into_parts_keeps_its_current_rows(table, data, tmp_path_factory):
    root = new_study(tmp_path_factory.mktemp("study"))
    if table in ROWS:
        parts = data.draw(st.lists(st.lists(ROWS[table], min_size=1, max_size=4), max_size=4))
    else:
        key = "sequence_id" if "sequence_id" in SCHEMAS[table].names else "unit"
        cuts = data.draw(st.lists(st.integers(1, 3), max_size=4))
        ids = iter(data.draw(st.permutations(range(12))))
        parts = [[{key: next(ids)} for _ in range(length)] for length in cuts]
    write(root, table, *parts)
    before = current(root, table)
    compact(root)
    assert current(root, table) == before
    assert len(names(root / table)) == (1 if parts else 0)
    raw = store.read(root, table)
    if table in IDENTITY:
        assert raw.num_rows == len(before)


class Killed(BaseException):
    """Stands for SIGKILL: nothing that follows is done."""


def kill_at(step: int, monkeypatch) -> None:
    """Let the process die before its `step`-th act on the file system, and do nothing after."""
    acts = iter(range(10**6))

    def dying(act):
        def perform(*arguments, **options):
            if next(acts) >= step:
                raise Killed
            return act(*arguments, **options)

        return perform

    for owner, name in (
        (os, "fsync"), (os, "replace"), (os, "rename"), (os, "unlink"), (os, "rmdir"),
        (os, "mkdir"), (os, "open"),
        (Path, "unlink"), (Path, "replace"), (Path, "mkdir"), (compaction.shutil, "rmtree"),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, dying(getattr(owner, name)))


def fragmented(root: Path) -> Path:
    write(root, "units", units(5), units(1, 9), units(3), site="mlp.0")
    write(root, "units", units(2), units(4), site="mlp.1")
    failed = [{"unit": i, "status": "failed"} for i in range(3)]
    write(root, "explanations", failed, [{"unit": 1, "status": "ok"}], site="mlp.0")
    return root


def all_current(root: Path) -> dict[str, list[str]]:
    return {table: current(root, table) for table in ("units", "explanations")}


@pytest.mark.slow
def test_killed_at_any_moment_it_leaves_the_same_rows_and_the_next_one_finishes(
    tmp_path, monkeypatch
):
    step, killed = 0, True
    moments = set()
    original = fragmented(new_study(tmp_path / "original"))
    before = all_current(original)
    while killed:
        root = Path(shutil.copytree(original, tmp_path / str(step)))
        with monkeypatch.context() as dying:
            kill_at(step, dying)
            try:
                compact(root)
                killed = False
            except Killed:
                pass
        moments.add(tuple(name.split("-")[0] for name in names(root / "units")))
        assert all_current(root) == before, step
        compact(root)
        assert all_current(root) == before, step
        assert [len(names(folder)) for folder in sorted((root / "units").iterdir())] == [1, 1]
        assert len(names(root / "explanations")) == 1
        step += 1
    # It did die with markers and staged parts in place.
    assert any(MARKER in moment and "_part" in moment for moment in moments)
    assert step > 100


def test_whoever_does_not_know_of_markers_never_sees_a_row_twice(tmp_path, monkeypatch):
    """Tools that read all Parquet files of a folder see too few rows at worst."""
    original = fragmented(new_study(tmp_path / "original"))
    for step in range(45, 75):
        root = Path(shutil.copytree(original, tmp_path / str(step)))
        with monkeypatch.context() as dying, contextlib.suppress(Killed):
            kill_at(step, dying)
            compact(root)
        files = sorted((root / "units" / "mlp.0").glob("*.parquet"))
        seen = [i for file in files for i in pa.parquet.read_table(file)["unit"].to_pylist()]
        assert len(seen) == len(set(seen)), step


def test_parts_that_are_added_meanwhile_are_kept(study, monkeypatch):
    fragmented(study)
    commit = compaction._commit

    def add_first(*arguments):
        write(study, "units", units(77), site="mlp.0")
        commit(*arguments)

    monkeypatch.setattr(compaction, "_commit", add_first)
    compact(study)
    assert sorted(store.read(study, "units", site="mlp.0")["unit"].to_pylist()) == [1, 3, 5, 9, 77]


def test_leftovers_of_a_killed_writer_do_not_outlive_a_commit(study, monkeypatch):
    """Staged parts belong to the study once they count; cleaning up must not take them."""
    fragmented(study)
    before = all_current(study)
    monkeypatch.setattr(compaction, "_finish", lambda folder: None)
    compact(study)
    monkeypatch.undo()
    store.remove_leftovers(study)
    assert all_current(study) == before


def test_a_second_compaction_is_refused_while_one_runs(study):
    fragmented(study)
    other = study / f".tmp-compaction@{platform.node()}@{os.getppid()}"
    other.mkdir()
    with pytest.raises(StoreError, match=r"is being compacted by another process .*; wait for it"):
        compact(study)
    assert len(names(study / "units")) == 5
    assert other.exists()


def test_a_compaction_that_was_killed_does_not_stand_in_the_way(study):
    fragmented(study)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (study / f".tmp-compaction@{platform.node()}@{gone.pid}").mkdir()
    compact(study)
    assert not list(study.glob(".tmp-*"))


def test_a_full_disk_changes_nothing_and_says_so(study, monkeypatch):
    fragmented(study)
    before = names(study)

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(StoreError, match="No space left on device"):
        compact(study)
    assert names(study) == before


def test_a_damaged_part_is_named_and_nothing_is_changed(study):
    fragmented(study)
    damaged = min((study / "units" / "mlp.0").iterdir())
    damaged.write_bytes(b"PAR1")
    before = names(study)
    with pytest.raises(StoreError, match=f"{damaged.name} cannot be read"):
        compact(study)
    assert names(study) == before


def test_a_reading_that_was_overtaken_starts_again(study):
    fragmented(study)
    local, folder = fsspec.filesystem("file"), str(study / "units")
    lists = []

    def read(parts):
        lists.append(parts)
        if len(lists) == 1:
            compact(study)
        return [i for part in parts for i in pa.parquet.read_table(part)["unit"].to_pylist()]

    assert sorted(consistently(local, folder, read)) == [1, 2, 3, 4, 5, 9]
    assert [len(parts) for parts in lists] == [5, 2]


def test_a_file_that_is_open_stays_readable(study):
    fragmented(study)
    (part, *_) = sorted((study / "units" / "mlp.0").glob("*.parquet"))
    with part.open("rb") as file:
        compact(study)
        assert not part.exists()
        assert pa.parquet.read_table(file).num_rows in (1, 2)


def test_readers_beside_a_compaction_see_every_row_once(study):
    expected = list(range(60))
    seen, stop = [], threading.Event()

    def look():
        while not stop.is_set():
            seen.append(sorted(store.read(study, "units")["unit"].to_pylist()))

    for index in expected:
        write(study, "units", units(index), site=f"mlp.{index % 3}")
    reader = threading.Thread(target=look)
    reader.start()
    try:
        while len(seen) < 2:
            pass
        compact(study, target_bytes=1 << 14)
        compact(study)
        done = len(seen)
        while len(seen) < done + 2:
            pass
    finally:
        stop.set()
        reader.join()
    assert all(rows == expected for rows in seen)


def test_a_damaged_marker_is_named(study):
    fragmented(study)
    (study / "units" / "mlp.0" / MARKER).write_text("{}")
    with pytest.raises(StoreError, match=f"{MARKER} is damaged"):
        store.load(study, "units")


def test_a_staged_part_without_a_marker_counts_for_nothing(study):
    fragmented(study)
    before = all_current(study)
    folder = study / "units" / "mlp.0"
    (folder / staged("part-0.parquet")).write_bytes(b"half")
    assert all_current(study) == before
    assert len(live_parts(fsspec.filesystem("file"), str(folder))) == 3
    compact(study)
    assert all_current(study) == before
    assert len(names(folder)) == 1


@pytest.mark.parametrize("table", sorted(IDENTITY))
def test_every_table_whose_rows_supersede_each_other_is_compacted(study, table):
    decides = store.deciding_columns(table)
    free = next(f for f in SCHEMAS[table] if f.name not in decides and f.type == pa.string())
    ok = {"status": "ok"} if "status" in SCHEMAS[table].names else {}
    write(study, table, [{**ok, free.name: "once"}], [{**ok, free.name: "again"}])
    before = current(study, table)
    assert len(before) == 1
    compact(study)
    assert current(study, table) == before
