"""Explaining, scoring and comparing from the command line, on a small decoder."""

from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from neuroscribe.cli import main
from neuroscribe.datasets.rows import explanations_table
from neuroscribe.records import Explanation, UnitId
from neuroscribe.study.writing import write_by_site


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The embedded decoder, recorded on a little of the standard library."""
    out = tmp_path_factory.mktemp("cli") / "study"
    recorded = run(
        "record", out, "--subject", "tinypython", "--sites", "mlp.2", "--max-tokens", "20000"
    )
    assert recorded.exit_code == 0, recorded.output
    return out


@pytest.mark.slow
def test_every_scorer_runs_from_the_command_line_and_methods_are_compared(study, tmp_path):
    units = ("--llm", "mock", "--units", "mlp.2[:5]")
    assert run("explain", study, *units).exit_code == 0
    other = run(
        "explain", study, *units, "--exemplars", "mix", "--form", "label", "--candidates", 2
    )
    assert other.exit_code == 0, other.output
    scored = run("score", study, "--llm", "mock", "--scorer", "all")
    assert scored.exit_code == 0, scored.output
    plot = tmp_path / "plots" / "comparison.svg"
    compared = run("compare", study, "--plot", plot)
    assert compared.exit_code == 0, compared.output
    assert "exemplars=mix" in compared.stdout
    assert "95% interval" in compared.stdout
    assert plot.read_text().startswith("<?xml")
    assert run("compare", study, "--scorer", "ablation").exit_code == 0
    shown = run("show", study, "mlp.2/0").stdout
    for scorer in ("ablation", "detection", "fuzzing", "generation", "simulation", "surprisal"):
        assert f"{scorer} on " in shown
    assert "judge" in run("status", study).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("explain", "--form", "poem"), "no form of explanation is called 'poem'"),
        (("explain", "--exemplars", "best"), "no selection is called 'best'"),
        (("explain", "--candidates", "0"), "candidates must be at least 1"),
        (("score", "--scorer", "taste"), "taste"),
    ],
)
def test_a_method_that_does_not_exist_is_a_sentence_and_exit_code_2(study, arguments, message):
    command, *rest = arguments
    result = run(command, study, "--llm", "mock", *rest)
    assert result.exit_code == 2, result.output
    assert message in result.stderr or "no explanations yet" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--plot", "plot.gif"), "end it in .png"),
        (("--by", "colour"), "do not differ by 'colour'"),
        (("--scorer", "taste"), "no explanation is scored by 'taste'"),
    ],
)
def test_what_cannot_be_compared_is_a_sentence_and_exit_code_2(study, arguments, message):
    result = run("compare", study, *arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr


def test_a_plot_that_cannot_be_written_is_a_sentence(study, tmp_path):
    (tmp_path / "file").write_text("")
    units = ("--llm", "mock", "--units", "mlp.2[:3]")
    run("explain", study, *units)
    run("explain", study, *units, "--form", "label")
    run("score", study, "--llm", "mock")
    result = run("compare", study, "--plot", tmp_path / "file" / "plot.png")
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


def test_what_an_llm_wrote_is_shown_as_it_is(study):
    """Brackets are markup to the terminal's library."""
    explanation = Explanation(
        unit=UnitId("mlp.2", 9), text="the end [/INST] of [bold]x[i]", status="ok",
        explainer="token_activation_pairs", llm="other", prompt_sha256="0",
        created_at=datetime(2026, 11, 25, tzinfo=UTC),
    )  # fmt: skip
    write_by_site(study, "explanations", [explanation], explanations_table)
    result = run("show", study, "mlp.2/9")
    assert result.exit_code == 0, result.output
    assert "the end [/INST] of [bold]x[i]" in result.stdout


def test_the_demo_names_its_subjects():
    result = run("demo", "--subject", "gpt5")
    assert result.exit_code == 2
    assert "minilm, tinypython" in result.stderr
