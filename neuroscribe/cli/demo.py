"""`neuroscribe demo`: the main job, whole, on the embedded default."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from neuroscribe.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from neuroscribe.study import Study

NAME = "demo"
LLM = "mock"
PORT = 8765
"""Of the addresses that are printed."""


class Mode(NamedTuple):
    """What is shown of one embedded subject."""

    random_units: str
    """About fifty neurons a layer; the table's means are over them."""
    examples: tuple[str, ...]
    """Neurons that a person recognises at once; they are not in the table's means."""
    scorers: tuple[str, ...]
    note: str


MODES = {
    "minilm": Mode(
        random_units="@random:306",
        examples=("mlp.0/28", "mlp.1/173", "mlp.2/379", "mlp.3/102", "mlp.4/77", "mlp.5/221"),
        scorers=("simulation",),
        note="",
    ),
    "tinypython": Mode(
        random_units="@random:200",
        examples=("mlp.0/589", "mlp.1/555", "mlp.2/71", "mlp.3/227"),
        scorers=("simulation", "ablation"),
        note="ablation: how much of what the neuron does to the next-token predictions is kept",
    ),
}


def command(
    *,
    out: Annotated[
        Path | None, typer.Option(help="The study's directory.", show_default="runs/demo")
    ] = None,
    subject: Annotated[
        str,
        typer.Option(help="`minilm`, an encoder, or `tinypython`, a small decoder of Python code."),
    ] = "minilm",
) -> int:
    """Record, explain, simulate and score real neurons of a real model, offline; build the site.

    The subject is all-MiniLM-L6-v2 (9,216 MLP neurons) on the texts that every Python carries. The
    LLM is the mock, which explains by the commonest peak tokens: its scores say what that simple
    method reaches, not what an LLM would. With `--subject tinypython` it is a decoder that predicts
    next tokens, so explanations are also scored by what their simulations do inside it.
    """
    from neuroscribe.cli.site import processes_or_all, report
    from neuroscribe.study import Study
    from neuroscribe.viewer import build_site

    if subject not in MODES:
        raise InputError(f"the demo shows no subject {subject!r}; there are: {', '.join(MODES)}")
    mode = MODES[subject]
    if out is None:
        out = Path("runs") / ("demo" if subject == "minilm" else f"demo-{subject}")
    study = Study.create(out, subject=subject, corpus="stdlib")
    study.record(sites="mlp")
    recorded = study.manifest["recorded"]
    typer.echo(f"recorded {sum(study.widths.values()):,} neurons on {recorded['tokens']:,} tokens")
    units = [mode.random_units, *mode.examples]
    outcomes = [
        study.explain(llm=LLM, units=units),
        study.score(*mode.scorers, llm=LLM, units=units),
    ]
    for outcome in outcomes:
        typer.echo(str(outcome))
    scores = study.table("scores").to_pandas()
    for metric, title in _TITLES.items():
        _print_layers(study, scores[scores.metric == metric], mode, title)
    if mode.note:
        typer.echo(mode.note)
    site = out.with_name(f"{out.name}-site")
    report(build_site(out, site, processes=processes_or_all(None)))
    _print_examples(out, site, mode)
    return max(getattr(outcome, "exit_code", 0) for outcome in outcomes)


_TITLES = {
    "pearson": "Mean correlation of the MOCK's simulations with held-out test activations",
    "ablation": "Mean ablation score of the MOCK's simulations on held-out test sequences",
}


def _print_layers(study: "Study", scores: "pd.DataFrame", mode: Mode, title: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from neuroscribe.scoring.bootstrap import mean_interval

    if len(scores) == 0:
        return
    table = Table(
        "layer", "units", "score", "95% interval", "random explanation", "token look-up",
        title=title,
    )  # fmt: skip
    drawn = {(unit.site, unit.index) for unit in study.units(mode.random_units)}
    headline = scores[(scores.report_set == "top_and_random") & (scores.llm == LLM)]
    headline = headline[headline.reliable]
    headline = headline[[key in drawn for key in zip(headline.site, headline.unit, strict=True)]]
    for site in study.widths:
        rows = headline[headline.site == site].dropna(subset=["value"]).sort_values("unit")
        if len(rows) == 0:
            continue
        interval = mean_interval(rows.value.tolist(), seed=0)
        table.add_row(
            site,
            str(len(rows)),
            f"{rows.value.mean():.3f}",
            "" if interval is None else f"{interval.low:.3f} to {interval.high:.3f}",
            f"{rows.baseline_random_explanation.mean():.3f}",
            f"{rows.baseline_token_lookup.mean():.3f}",
        )
    Console(highlight=False).print(table)


def _print_examples(out: Path, site: Path, mode: Mode) -> None:
    typer.echo(f"the study is in {out}, its site in {site}; look at some neurons:")
    typer.echo(f"  neuroscribe view {site} --port {PORT}")
    for unit in mode.examples:
        typer.echo(f"  http://127.0.0.1:{PORT}/#/{unit}   or: neuroscribe show {out} {unit}")
