"""What `neuroscribe verify` prints, and how it exits."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
import typer
from typer.testing import CliRunner

from neuroscribe.cli import _guarded, verify
from neuroscribe.datasets import store
from neuroscribe.datasets.manifest import write_manifest
from neuroscribe.datasets.rows import explanations_table
from neuroscribe.datasets.schema import SCHEMAS
from neuroscribe.records import Explanation, UnitId

APP = typer.Typer()
APP.command()(_guarded(verify.command))


def run(*arguments: str | Path):
    return CliRunner().invoke(
        APP, [str(argument) for argument in arguments], env={"COLUMNS": "160"}
    )


@pytest.fixture
def study(tmp_path) -> Path:
    """An imported study of two units and an explanation, without exemplars."""
    root = tmp_path / "study"
    site = {"name": "mlp.0", "kind": "mlp", "layer": 0, "width": 2, "two_signed": False}
    write_manifest(
        root,
        {
            "subject": {"name": "unknown", "sites": [site]},
            "corpus": {"name": "unknown"},
            "recorder": {"seed": 0},
            "recorded": {"sequences": 0, "tokens": 0},
            "imported": {"format": "test", "source": "here"},
        },
    )
    units = [
        dict.fromkeys(("mean", "variance", "skewness", "kurtosis", "min", "max"))
        | {"density": None, "density_1pct": None, "n_tokens": 0, "n_nan": 0, "n_infinite": 0}
        | {name: [] for name in LISTS}
        | {"site": "mlp.0", "unit": unit, "polarity": 1}
        for unit in range(2)
    ]
    store.write_part(
        root, "units", pa.Table.from_pylist(units, schema=SCHEMAS["units"]), site="mlp.0"
    )
    store.write_part(root, "explanations", explanations_table([explanation(0)]), site="mlp.0")
    return root


LISTS = (
    "quantile_boundaries", "histogram_edges", "histogram_counts",
    "lookup_token_ids", "lookup_means", "lookup_counts",
)  # fmt: skip


def explanation(unit: int, **stated) -> Explanation:
    return Explanation(
        unit=UnitId("mlp.0", unit),
        status="ok",
        explainer="human",
        llm="none",
        prompt_sha256="",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        **{"text": "rain"} | stated,
    )


def test_a_sound_study_exits_with_0_and_says_what_was_looked_at(study):
    result = run(study)
    assert result.exit_code == 0, result.output
    assert f"{study} is sound" in result.stdout
    assert "2 units" in result.stdout
    assert (
        "not checked (spot check): the study was imported: which weights made it is not known"
        in result.stdout
    )


def test_findings_exit_with_1_and_are_named_with_their_place_and_a_remedy(study):
    part = store.write_part(
        study, "explanations", explanations_table([explanation(9)]), site="mlp.0"
    )
    result = run(study, "--spot-check", "0")
    assert result.exit_code == 1, result.output
    place = f"explanations/mlp.0/{part.name}, row 0, mlp.0/9"
    assert f"foreign keys: {place}: is no unit of the table `units`" in result.stdout
    assert "what to do: restore the part from a copy of the study, or delete it" in result.stdout
    assert f"{study}: 1 finding" in result.stdout
    assert "is sound" not in result.stdout


def test_what_a_study_holds_reaches_the_terminal_as_signs(study):
    name = "part-[red]\x1b[31m.parquet"
    (study / "units" / "mlp.0" / name).write_bytes(b"")
    result = run(study)
    assert result.exit_code == 1
    assert "\x1b" not in result.stdout
    assert "units/mlp.0/part-[red]␛[31m.parquet: is no part" in result.stdout


def test_the_name_of_a_file_that_is_no_text_is_printed(study):
    (study / "units" / "mlp.0" / "part-\udcff").write_bytes(b"")
    result = run(study)
    assert result.exit_code == 1, result.output
    assert "part-\\udcff: is no part" in result.stdout


def test_what_is_no_study_exits_with_2(tmp_path, study):
    assert run(tmp_path).exit_code == 2
    assert run(tmp_path / "absent").exit_code == 2
    manifest = study / "manifest.json"
    text = manifest.read_text()
    manifest.write_text(text[:50])
    assert "is damaged" in run(study).stderr
    manifest.write_text(json.dumps(json.loads(text) | {"format_version": 99}))
    result = run(study)
    assert (result.exit_code, "has format 99" in result.stderr) == (2, True)


def test_a_negative_number_of_exemplars_exits_with_2(study):
    result = run(study, "--spot-check", "-1")
    assert (result.exit_code, "spot_check is -1" in result.stderr) == (2, True)
