"""`neuroscribe show`: one unit in the terminal."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neuroscribe import heatmap
from neuroscribe.cli.options import Directory

if TYPE_CHECKING:
    from rich.console import Console

    from neuroscribe.study import UnitReport

NAME = "show"


def command(
    directory: Directory,
    unit: Annotated[
        str, typer.Argument(help="Such as `mlp.4/12`; `mlp.4/12-` is its negative side.")
    ],
) -> None:
    """Show a unit: exemplars as a heat map, explanations, scores beside their baselines."""
    from rich.console import Console

    from neuroscribe.study import Study

    report = Study.open(directory).unit(unit)
    console = Console(highlight=False)
    _print_statistics(console, report)
    _print_explanations(report)
    _print_scores(console, report)
    _print_exemplars(console, report)


def _print_statistics(console: "Console", report: "UnitReport") -> None:
    statistics = report.record.statistics
    console.print(f"[bold]{report.record.unit}[/]")
    typer.echo(
        f"fires on {statistics.density:.2%} of {statistics.n_tokens:,} tokens; "
        f"mean {statistics.mean:.3g}, largest {statistics.max:.3g}"
    )


def _print_explanations(report: "UnitReport") -> None:
    if not report.explanations:
        typer.echo("not explained yet")
    for explanation in report.explanations:
        said = explanation.text if explanation.status == "ok" else explanation.reason
        how = [explanation.explainer, f"exemplars: {explanation.exemplars}", explanation.form]
        if explanation.parent_id is not None:
            how.append("a revision")
        if explanation.selection_score is not None:
            how.append(f"{explanation.selection_score:.3f} on valid")
        if not explanation.selected:
            how.append("not selected")
        typer.echo(
            f"{explanation.llm} ({', '.join([*how, explanation.status])}): "
            f"{heatmap.visible(said or '')}"
        )


def _print_scores(console: "Console", report: "UnitReport") -> None:
    from rich.markup import escape
    from rich.table import Table

    texts = {each.explanation_id: each for each in report.explanations}
    for explanation_id, rows in _grouped(report.scores, lambda row: row["explanation_id"]):
        explanation = texts.get(explanation_id)
        several = len({row["explanation_id"] for row in report.scores}) > 1
        table = Table(
            *("metric", "report set", "value", "95% interval", "chance", "random", "look-up"),
            title=escape(f"{explanation.explainer}: {heatmap.visible(explanation.text or '')}")
            if several and explanation is not None
            else None,
            caption="random: another unit's explanation; look-up: without an LLM",
        )
        for scorer, members in _grouped(rows, _scored_by):
            table.add_section()
            table.add_row(f"[bold]{escape(scorer)}[/]")
            for row in sorted(members, key=lambda row: row["report_set"], reverse=True):
                interval = "" if row["low"] is None else f"{row['low']:.3f} to {row['high']:.3f}"
                table.add_row(
                    row["metric"],
                    row["report_set"],
                    _number(row["value"])
                    if row["value"] is not None
                    else escape(heatmap.visible(row["reason"])),
                    interval,
                    _number(row["chance"]),
                    _number(row["baseline_random_explanation"]),
                    _number(row["baseline_token_lookup"]),
                )
        console.print(table)


def _scored_by(row: Mapping[str, Any]) -> str:
    by = f"{row['simulator']}, {row['llm']}" if row["simulator"] else row["llm"]
    return f"{row['scorer']} ({by})"


def _grouped(
    rows: Sequence[Mapping[str, Any]], key: Callable[[Mapping[str, Any]], str]
) -> list[tuple[str, list[Mapping[str, Any]]]]:
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return list(groups.items())


def _print_exemplars(console: "Console", report: "UnitReport") -> None:
    largest = report.record.max_activation
    for exemplar in report.shown_exemplars():
        line = heatmap.terminal(exemplar.sequence.tokens, exemplar.activations, largest=largest)
        console.print(f"{exemplar.peak_activation:7.3f} ", end="")
        console.print(line)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
