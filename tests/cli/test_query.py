"""`neuroscribe query`, from the command line."""

import json

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from neuroscribe.cli import main, query
from neuroscribe.datasets import store
from neuroscribe.datasets.manifest import write_manifest
from neuroscribe.datasets.schema import SCHEMAS
from tests.datasets.stated_rows import stated

pytest.importorskip("duckdb")

ROWS = "SELECT unit, text FROM explanations ORDER BY unit"


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def study(tmp_path):
    root = tmp_path / "study"
    write_manifest(root, {})
    texts = ['rain, "wet"', "", None, "\x1b[31mred\x9b [bold]x[/bold]"]
    rows = [
        {"unit": i, "text": text, "status": "failed" if text is None else "ok"}
        for i, text in enumerate(texts)
    ]
    store.write_part(root, "explanations", stated("explanations", *rows), site="mlp.0")
    return root


def test_into_a_pipe_it_writes_csv_in_which_null_and_empty_differ(study):
    found = run("query", study, f"{ROWS} LIMIT 3")
    assert found.output == 'unit,text\n0,"rain, ""wet"""\n1,""\n2,\n'
    assert found.exit_code == 0


def test_json_is_one_array_and_jsonl_one_object_a_line(study):
    question = (
        "SELECT unit, text, inputs, created_at, 'nan'::DOUBLE AS no FROM explanations ORDER BY 1"
    )
    rows = json.loads(run("query", study, question, "--format", "json").output)
    assert rows[2] == {
        "unit": 2,
        "text": None,
        "inputs": ["mlp.0"],
        "created_at": "2026-01-01T00:00:00+00:00",
        "no": None,
    }
    lines = run("query", study, question, "--format", "jsonl").output.splitlines()
    assert [json.loads(line) for line in lines] == rows
    none = run("query", study, f"{ROWS} LIMIT 0", "--format", "json").output
    assert json.loads(none) == []


def test_a_table_shows_nulls_and_no_control_codes_or_markup(study):
    shown = run("query", study, ROWS, "--format", "table").output
    assert "null" in shown
    assert "\x1b[31m" not in shown
    assert "\x9b" not in shown
    assert "[bold]x[/bold]" in shown
    assert "4 rows" in shown


def test_on_a_terminal_text_holds_no_control_codes(study, monkeypatch, capsys):
    monkeypatch.setattr(query.sys.stdout, "isatty", lambda: True, raising=False)
    query.command(str(study), ROWS, format="csv", limit_rows=50, out=None)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\x9b" not in shown


def test_a_long_answer_is_cut_and_says_so(study):
    shown = run("query", study, ROWS, "--format", "table", "--limit-rows", "2").output
    assert "rain" in shown
    assert "null" not in shown
    assert "the first 2 of 4 rows" in shown


def test_a_long_text_is_cut_in_a_table_only(study):
    question = "SELECT repeat('x', 5000) AS x"
    assert len(run("query", study, question, "--format", "table").output) < 2000
    assert run("query", study, question).output == f"x\n{'x' * 5000}\n"


@pytest.mark.parametrize("name", ["rows.csv", "rows.json", "rows.jsonl", "rows.parquet"])
def test_a_file_is_written_in_the_format_it_is_called_by(study, tmp_path, name):
    out = tmp_path / name
    assert run("query", study, ROWS, "--out", out).output == f"wrote 4 rows to {out}\n"
    if name.endswith("parquet"):
        assert pq.read_table(out)["unit"].to_pylist() == [0, 1, 2, 3]
    else:
        assert '\\"wet' in out.read_text() or '""wet' in out.read_text()


def test_a_file_that_is_there_is_left_alone(study, tmp_path):
    out = tmp_path / "rows.csv"
    out.write_text("mine")
    found = run("query", study, ROWS, "--out", out)
    assert (found.exit_code, out.read_text()) == (2, "mine")
    assert "is there already" in found.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--format", "xml"), "no format is called 'xml'; there are: table, csv"),
        (("--format", "parquet"), "name a file with --out"),
        (("--out", "rows.txt"), "state --format"),
        (("--out", "rows.csv", "--format", "table"), "leave out --out"),
    ],
)
def test_a_format_that_does_not_fit_is_refused(study, options, said):
    found = run("query", study, ROWS, *options)
    assert found.exit_code == 2
    assert said in " ".join(found.output.split())


def test_a_question_that_cannot_be_answered_is_one_sentence(study):
    found = run("query", study, "SELECT txt FROM explanations")
    assert found.exit_code == 2
    assert found.output.startswith("error: the question cannot be answered: ")
    assert '"text"' in found.output


def test_two_columns_may_have_one_name(study):
    found = run("query", study, "SELECT 1 AS a, 2 AS a", "--format", "csv")
    assert found.output.splitlines()[1] == "1,2"


def test_without_a_question_the_tables_are_listed(study):
    shown = run("query", study).output
    assert "explanations: 4 rows" in shown
    assert "units: 0 rows" in shown
    assert "  density  double  Fraction of tokens above 0" in shown
    for table in SCHEMAS:
        assert f"\n{table}: " in shown


@pytest.mark.parametrize("question", query.EXAMPLES)
def test_the_examples_can_be_answered(study, question):
    assert run("query", study, question).exit_code == 0
