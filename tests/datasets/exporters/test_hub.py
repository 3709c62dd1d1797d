"""What is published loads in one line, is a study itself, and holds nothing private."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from neuroscribe.datasets import store
from neuroscribe.datasets.exporters.hub import export
from neuroscribe.datasets.schema import FORMAT_VERSION, SCHEMAS
from neuroscribe.errors import InputError, StoreError
from neuroscribe.records import UnitId
from tests.datasets.stated_rows import explained_study, stated

UNIT = UnitId("mlp.0", 1)


@pytest.fixture
def study(tmp_path) -> Path:
    root = explained_study(tmp_path / "study")
    (root / "journal.sqlite").write_text("private")
    return root


def test_it_holds_the_current_rows_of_every_table(study, tmp_path):
    transfer = export(study, tmp_path / "out", units=None)
    assert transfer.written == {
        "sequences": 5,
        "units": 5,
        "exemplars": 5,
        "vectors": 2,
        "bits": 2,
        "explanations": 1,
        "simulations": 1,
        "judgements": 1,
        "lessons": 1,
        "scores": 1,
    }
    for table in SCHEMAS:
        published = store.read(tmp_path / "out", table)
        assert published.equals(store.load(study, table)), table
    assert transfer.left_out == ("the journal of requests and answers, which is private",)


def test_it_holds_these_files_and_no_other(study, tmp_path):
    export(study, tmp_path / "out", units=None)
    files = {path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*.*")}
    assert {
        str(file) for file in files if file.suffix != ".parquet" and "act" not in file.name
    } == {
        "README.md",
        "croissant.json",
        "manifest.json",
        *(f"{table}/mlp.0" for table in SCHEMAS if (study / table / "mlp.0").exists()),
    }
    assert not list(tmp_path.glob(".tmp-*"))


def test_many_parts_become_one_per_site_in_order(study, tmp_path):
    for unit in (9, 7):
        store.write_part(study, "units", stated("units", {"unit": unit}), site="mlp.0")
    export(study, tmp_path / "out", units=None)
    (part,) = (tmp_path / "out" / "units" / "mlp.0").iterdir()
    assert pq.read_table(part)["unit"].to_pylist() == [0, 1, 2, 7, 9]


def test_it_is_a_study_that_is_published_the_same_again(study, tmp_path):
    export(study, tmp_path / "once", units=None)
    export(tmp_path / "once", tmp_path / "twice", units=None)
    once, twice = (
        {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}
        for root in (tmp_path / "once", tmp_path / "twice")
    )
    assert once == twice


def test_chosen_units_come_with_what_is_about_them(study, tmp_path):
    transfer = export(study, tmp_path / "out", units=[UNIT])
    rows = {table: store.read(tmp_path / "out", table) for table in SCHEMAS}
    assert rows["units"].select(["site", "unit"]).to_pylist() == [{"site": "mlp.0", "unit": 1}]
    assert rows["explanations"]["explanation_id"].to_pylist() == ["good"]
    # The exemplar's, the lesson's and the simulation's; the judgement is of no sequence.
    assert rows["sequences"]["sequence_id"].to_pylist() == [1, 2, 3]
    assert [rows[t].num_rows for t in ("simulations", "judgements", "scores", "lessons")] == [1] * 4
    assert rows["vectors"].num_rows == rows["bits"].num_rows == 0
    assert "vectors, whose rows hold all units of a site" in transfer.left_out
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["selected_units"], manifest["format_version"]) == (1, FORMAT_VERSION)


def test_units_without_explanations_come_alone(study, tmp_path):
    export(study, tmp_path / "out", units=[UnitId("module:h.1.act:in", 0)])
    rows = {table: store.read(tmp_path / "out", table).num_rows for table in SCHEMAS}
    assert {table for table, count in rows.items() if count} == {"units", "exemplars", "sequences"}


def test_credentials_and_local_paths_are_nowhere(tmp_path):
    study = explained_study(
        tmp_path / "study",
        llm="openai:m@https://user:s3cret@host/v1",
        subject="/home/someone/models/gpt2",
        corpus="text:/home/someone/texts",
    )
    store.write_part(
        study, "lessons", stated("lessons", {"reason": "https://user:s3cret@host"}), site="mlp.1"
    )
    export(study, tmp_path / "out", units=None)
    content = b"".join(p.read_bytes() for p in (tmp_path / "out").rglob("*.*") if p.is_file())
    for table in SCHEMAS:
        content += str(store.read(tmp_path / "out", table).to_pylist()).encode()
    assert b"s3cret" not in content
    assert b"someone" not in content
    assert b"openai:m@https://host/v1" in content


def test_explanations_of_an_older_format_get_what_they_would_have_said(study, tmp_path):
    for part in (study / "explanations").rglob("*.parquet"):
        pq.write_table(pq.read_table(part).drop_columns(["exemplars", "form", "inputs"]), part)
    export(study, tmp_path / "out", units=None)
    (row,) = store.read(tmp_path / "out", "explanations").to_pylist()
    assert (row["exemplars"], row["form"], row["inputs"]) == ("top", "phrase", [])


def test_a_column_that_must_be_there_is_not_invented(study, tmp_path):
    for part in (study / "units").rglob("*.parquet"):
        pq.write_table(pq.read_table(part).drop_columns(["lookup_means"]), part)
    with pytest.raises(StoreError, match="lacks 'lookup_means'; record"):
        export(study, tmp_path / "out", units=None)
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".tmp-*"))


def test_nothing_is_written_over(study, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(InputError, match="is there already"):
        export(study, tmp_path / "out", units=None)


@pytest.mark.slow
@pytest.mark.parametrize("units", [None, [UNIT]])
def test_hugging_face_datasets_reads_every_table_as_it_is(study, tmp_path, units):
    """In a process of its own: the library looks for the hub when it is imported."""
    pytest.importorskip("datasets")
    export(study, tmp_path / "out", units=units)
    program = """
import sys, json, datasets
out = sys.argv[1]
names = datasets.get_dataset_config_names(out)
rows = {name: datasets.load_dataset(out, name, split="train").to_list() for name in names}
print(json.dumps(rows, default=str))
"""
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
    ran = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "out")],
        env=os.environ | offline,
        capture_output=True,
        check=True,
        text=True,
    )
    loaded = json.loads(ran.stdout.splitlines()[-1])
    tables = {table: store.read(tmp_path / "out", table).to_pylist() for table in SCHEMAS}
    present = {table: rows for table, rows in tables.items() if rows}
    assert json.loads(json.dumps(present, default=str)) == loaded
