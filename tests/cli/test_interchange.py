"""`neuroscribe export` and `neuroscribe import`, from the command line."""

import shutil

import pytest
from typer.testing import CliRunner

from neuroscribe.cli import main
from tests.datasets.small_study import weather_study


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def weather(tmp_path_factory):
    return weather_study(tmp_path_factory.mktemp("weather") / "study")


@pytest.fixture
def study(weather, tmp_path):
    return shutil.copytree(weather, tmp_path / "study")


def test_a_study_goes_out_and_comes_back(study, tmp_path):
    out, back = tmp_path / "out", tmp_path / "back"
    result = run("export", study, out, "--format", "openai", "--units", "mlp.1")
    assert result.exit_code == 0, result.output
    assert "wrote 3 collated-activations files" in result.stdout
    assert "left out: the units of mlp.0" in result.stdout
    assert f"next: look at {out}" in result.stdout
    result = run("import", out, back, "--format", "openai", "--set", "subject=tiny")
    assert result.exit_code == 0, result.output
    assert "wrote 30 sequences, 3 units, 42 exemplars" in result.stdout
    assert f"next: neuroscribe status {back}" in result.stdout
    assert "tiny on unknown" in run("status", back).stdout


def test_what_people_wrote_is_imported_and_scored(study, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("unit,text\nmlp.0/0,rain\nmlp.0/1,snow\n")
    result = run("import", file, study, "--format", "csv")
    assert result.exit_code == 0, result.output
    assert "wrote 2 explanations" in result.stdout
    assert f"next: neuroscribe score {study} --llm mock" in result.stdout
    assert run("score", study, "--llm", "mock").exit_code == 0
    out = tmp_path / "out.csv"
    result = run("export", study, out, "--format", "csv", "--set", "headline=true")
    assert result.exit_code == 0, result.output
    header, *lines = out.read_text().splitlines()
    assert header.startswith("unit,explanation_id,text,status")
    assert len(lines) == 2
    assert ",rain,ok,,human,none," in lines[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("export", "STUDY", "OUT", "--format", "word"), "no exporter is called 'word'; there are"),
        (("import", "STUDY", "OUT", "--format", "word"), "no importer is called 'word'; there are"),
        (("export", "STUDY", "OUT", "--format", "csv", "--set", "headline"), "NAME=VALUE"),
        (
            ("export", "STUDY", "OUT", "--format", "csv", "--set", "x=1"),
            "the exporter 'csv' has no option 'x'; there are: headline, spreadsheet",
        ),
        (
            ("export", "STUDY", "OUT", *("--format", "openai", "--set", "kind=a") * 2),
            "the option 'kind' is stated twice",
        ),
        (("export", "STUDY", "STUDY", "--format", "openai"), "is there already"),
        (("export", "ABSENT", "OUT", "--format", "csv"), "is not a study"),
        (("import", "ABSENT", "OUT", "--format", "openai"), "holds no collated-activations"),
    ],
)
def test_wrong_input_exits_with_2_and_writes_nothing(study, tmp_path, arguments, message):
    places = {name: tmp_path / name.lower() for name in ("STUDY", "OUT", "ABSENT")}
    before = sorted(study.rglob("*"))
    result = run(*(places.get(argument, argument) for argument in arguments))
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert not (tmp_path / "out").exists()
    assert sorted(study.rglob("*")) == before
