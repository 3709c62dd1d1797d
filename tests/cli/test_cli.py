"""Commands, their exit codes, and what they say."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neuroscribe.cli import main
from neuroscribe.datasets.manifest import read_manifest, write_manifest
from neuroscribe.datasets.schema import FORMAT_VERSION


def run(*arguments: str):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_help_and_errors_load_neither_torch_nor_pyarrow():
    code = (
        "import sys; from neuroscribe.cli import main\n"
        "loaded = {'torch', 'transformers', 'pyarrow', 'openai'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_importing_the_package_loads_neither_torch_nor_transformers():
    code = (
        "import sys, neuroscribe\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)\n"
        "assert len(neuroscribe.__all__) <= 30\n"
        "assert all(getattr(neuroscribe, name) for name in neuroscribe.__all__)"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("record", "OUT", "--subject", "no/such-folder", "--corpus", "stdlib"),
        ("record", "OUT", "--corpus", "text:absent.txt"),
        ("record", "OUT", "--corpus", "web"),
        ("record", "OUT", "--top-k", "0"),
        ("status", "OUT"),
        ("show", "OUT", "mlp.0/1"),
        ("explain", "OUT", "--llm", "mock"),
        ("score", "OUT", "--llm", "mock"),
        ("mock-server", "--misbehave", "laziness=1"),
        ("--config", "absent.toml", "status", "OUT"),
        ("frobnicate",),
    ],
)
def test_wrong_input_exits_with_2_and_writes_nothing(tmp_path, arguments, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert list(tmp_path.iterdir()) == []


def test_a_study_of_a_newer_format_is_refused(tmp_path):
    write_manifest(tmp_path, {})
    text = (tmp_path / "manifest.json").read_text()
    (tmp_path / "manifest.json").write_text(text.replace(f": {FORMAT_VERSION}", ": 99"))
    result = run("status", tmp_path)
    assert result.exit_code == 2
    assert "has format 99" in result.stderr


def test_settings_come_from_a_file_and_flags_win(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("s.toml").write_text("[record]\ntop-k = 0\n")
    result = run("--config", "s.toml", "record", "OUT")
    assert (result.exit_code, "top_k is 0" in result.stderr) == (2, True)
    Path("s.toml").write_text("[recording]\ntop_k = 0\n")
    assert "write one table per command" in run("--config", "s.toml", "status", "OUT").stderr


@pytest.mark.slow
def test_the_commands_work_one_after_the_other_on_the_real_encoder(tmp_path):
    out = tmp_path / "study"
    recorded = run("record", out, "--sites", "mlp.4", "--max-tokens", "12000")
    assert recorded.exit_code == 0, recorded.output
    assert "recorded 1,536 units" in recorded.stdout
    assert read_manifest(out)["subject"]["name"] == "minilm"
    assert (
        "nothing was sent"
        in run("explain", out, "--llm", "mock", "--units", "mlp.4[:6]", "--dry-run").stdout
    )
    assert run("explain", out, "--llm", "mock", "--units", "mlp.4[:6]").exit_code == 0
    budget = run("score", out, "--llm", "mock", "--max-requests", "40")
    assert budget.exit_code == 3
    scored = run("score", out, "--llm", "mock")
    assert scored.exit_code == 0, scored.output
    shown = run("show", out, "mlp.4/2")
    assert "pearson" in shown.stdout
    assert "the tokens" in shown.stdout or "fires on" in shown.stdout
    assert "minilm on stdlib" in run("status", out).stdout


def test_a_corpus_that_leaves_a_split_empty_is_recorded_with_a_warning(tmp_path):
    (tmp_path / "one.txt").write_text("rain and snow " * 100, encoding="utf-8")
    result = run(
        "record", tmp_path / "s", "--corpus", f"text:{tmp_path / 'one.txt'}", "--sites", "mlp.0"
    )
    assert result.exit_code == 0, result.output
    assert "the corpus has too few documents" in result.stderr
