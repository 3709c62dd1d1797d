"""`neuroscribe compact`, from the command line."""

from typer.testing import CliRunner

from neuroscribe.cli import main
from neuroscribe.datasets import store
from neuroscribe.datasets.manifest import write_manifest
from tests.datasets.stated_rows import stated


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_it_says_what_became_of_the_files(tmp_path):
    write_manifest(tmp_path, {})
    for unit in range(3):
        store.write_part(tmp_path, "units", stated("units", {"unit": unit}), site="mlp.0")
    found = run("compact", tmp_path)
    assert found.exit_code == 0
    assert "3 → 1" in found.output
    assert f"compacted {tmp_path}: 3 files became 1" in " ".join(found.output.split())
    assert store.load(tmp_path, "units")["unit"].to_pylist() == [0, 1, 2]


def test_what_is_no_study_is_refused(tmp_path):
    found = run("compact", tmp_path)
    assert found.exit_code == 2
    assert "is not a study" in found.output
