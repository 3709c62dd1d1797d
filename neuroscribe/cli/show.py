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
    facts = [
        "" if statistics.density is None else f"fires on {statistics.density:.2%}",
        f"of {statistics.n_tokens:,} tokens" if statistics.n_tokens else "",
        "" if statistics.mean is None else f"mean {statistics.mean:.3g}",
        "" if statistics.max is None else f"largest {statistics.max:.3g}",
    ]
    typer.echo("; ".join(filter(None, [" ".join(filter(None, facts[:2])), *facts[2:]])))


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
    texts = {each.explanation_id: each for each in report.explanations}
    for explanation_id, rows in _grouped(report.scores, lambda row: row["explanation_id"]):
        explanation = texts.get(explanation_id)
        if explanation is not None and len(texts) > 1:
            text = heatmap.visible(explanation.text or "")
            typer.echo(f"\nscores of {explanation.explainer} ({explanation.exemplars}): {text}")
        for scored_by, members in sorted(_grouped(rows, _scored_by)):
            _print_group(console, scored_by, members)
    if report.scores:
        typer.echo("random: another unit's explanation; look-up: without an LLM")


def _print_group(console: "Console", scored_by: str, rows: Sequence[Mapping[str, Any]]) -> None:
    from rich import box
    from rich.table import Table

    table = Table(
        *("metric", "value", "95% interval", "chance", "random", "look-up"),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    typer.echo(scored_by)
    for row in rows:
        if row["value"] is None:
            typer.echo(f"  {row['metric']} is undefined: {heatmap.visible(row['reason'])}")
            continue
        table.add_row(
            row["metric"],
            _number(row["value"]) + ("" if row["reliable"] else " (unreliable)"),
            "" if row["low"] is None else f"{row['low']:.3f} to {row['high']:.3f}",
            _number(row["chance"]),
            _number(row["baseline_random_explanation"]),
            _number(row["baseline_token_lookup"]),
        )
    if table.row_count:
        console.print(table)


def _scored_by(row: Mapping[str, Any]) -> str:
    by = f"{row['simulator']}, {row['llm']}" if row["simulator"] else row["llm"]
    return f"{row['scorer']} on {row['report_set']}, by {by}"


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
