"""`neuroscribe compare`: methods against each other on the same units."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from neuroscribe.study.comparing import Comparison

NAME = "compare"


def command(
    studies: Annotated[
        list[str], typer.Argument(help="Studies of the same subject: paths or URLs.")
    ],
    *,
    scorer: Annotated[str, typer.Option(help="Whose scores.")] = "simulation",
    metric: Annotated[
        str | None, typer.Option(help="Which score.", show_default="the scorer's headline")
    ] = None,
    report_set: Annotated[
        str | None, typer.Option(help="On which sequences.", show_default="top_and_random")
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="What tells methods apart: `study`, `explainer`, `exemplars`, `form`, `llm`, "
            "`simulator`, `judge`; repeatable.",
            show_default="all that differ",
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the differences to this .png, .svg or .pdf file.")
    ] = None,
) -> None:
    """Compare two or more methods of explaining or scoring, unit by unit.

    Prints for every pair the units that both have, their mean scores, the mean difference with its
    95% bootstrap interval over units, and on how many units the second wins; and for every method
    what an explanation took.
    """
    from neuroscribe.study.comparing import compare
    from neuroscribe.study.comparison_plot import check, plot as draw

    if plot is not None:
        check(plot)
    found = compare(studies, scorer=scorer, metric=metric, report_set=report_set, by=by)
    _print(found)
    if plot is not None:
        typer.echo(f"wrote {draw(found, plot)}")


def _print(comparison: "Comparison") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    letters = {method.name: _letter(place) for place, method in enumerate(comparison.methods)}
    for name, letter in letters.items():
        typer.echo(f"{letter}: {name}")
    methods = Table(
        "", "units", "mean score", "undefined", "tokens a unit", "cost a unit",
        title=f"{comparison.scorer}: {comparison.metric} on {comparison.report_set}",
    )  # fmt: skip
    for method in comparison.methods:
        methods.add_row(
            letters[method.name],
            str(method.n_units),
            _number(method.mean),
            str(method.n_undefined),
            "" if method.tokens is None else f"{method.tokens:,.0f}",
            "" if method.cost_usd is None else f"${method.cost_usd:.5f}",
        )
    console.print(methods)
    pairs = Table("pair", "units", "means", "difference", "95% interval", "second wins")
    for pairing in comparison.pairings:
        interval = pairing.interval
        pairs.add_row(
            f"{letters[pairing.second.name]} minus {letters[pairing.first.name]}",
            str(pairing.n_units),
            f"{_number(pairing.second_mean)}, {_number(pairing.first_mean)}",
            "" if pairing.difference is None else f"{pairing.difference:+.3f}",
            "" if interval is None else f"{interval.low:+.3f} to {interval.high:+.3f}",
            "" if pairing.wins is None else f"{pairing.wins:.0%}",
        )
    console.print(pairs)


def _letter(place: int) -> str:
    return chr(ord("A") + place) if place < 26 else f"M{place}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
