"""`neuroscribe demo`: the main job, whole, on the embedded default."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

    from neuroscribe.study import Study

NAME = "demo"
RANDOM_UNITS = "@random:306"
EXAMPLES = ("mlp.0/28", "mlp.1/173", "mlp.2/379", "mlp.3/102", "mlp.4/77", "mlp.5/221")
"""One neuron of each layer that a person recognises at once; they are not in the table's means."""
LLM = "mock"


def command(
    *,
    out: Annotated[Path, typer.Option(help="The study's directory.")] = Path("runs/demo"),
) -> int:
    """Record, explain, simulate and score real neurons of a real model, offline.

    The subject is all-MiniLM-L6-v2 (9,216 MLP neurons) on the texts that every Python carries. The
    LLM is the mock, which explains by the commonest peak tokens: its scores say what that simple
    method reaches, not what an LLM would.
    """
    from neuroscribe.study import Study

    study = Study.create(out, subject="minilm", corpus="stdlib")
    study.record(sites="mlp")
    recorded = study.manifest["recorded"]
    typer.echo(f"recorded {sum(study.widths.values()):,} neurons on {recorded['tokens']:,} tokens")
    units = [RANDOM_UNITS, *EXAMPLES]
    outcomes = [study.explain(llm=LLM, units=units), study.score(llm=LLM, units=units)]
    for outcome in outcomes:
        typer.echo(str(outcome))
    scores = study.table("scores").to_pandas()
    _print_layers(study, scores)
    _print_examples(out)
    return max(getattr(outcome, "exit_code", 0) for outcome in outcomes)


def _print_layers(study: "Study", scores: "pd.DataFrame") -> None:
    from rich.console import Console
    from rich.table import Table

    from neuroscribe.scoring.bootstrap import mean_interval

    table = Table(
        "layer", "units", "score", "95% interval", "random explanation", "token look-up",
        title="Mean correlation of the MOCK's simulations with held-out test activations",
    )  # fmt: skip
    drawn = {(unit.site, unit.index) for unit in study.units(RANDOM_UNITS)}
    headline = scores[(scores.metric == "pearson") & (scores.report_set == "top_and_random")]
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


def _print_examples(out: Path) -> None:
    typer.echo(f"the study is in {out}; look at some neurons:")
    for unit in EXAMPLES:
        typer.echo(f"  neuroscribe show {out} {unit}")
