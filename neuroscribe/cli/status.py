"""`neuroscribe status`: how far a study has come."""

import typer

from neuroscribe.cli.options import Directory

NAME = "status"


def command(directory: Directory) -> None:
    """Show what is done, left and failed, how much of it is reliable, and what it has cost."""
    from rich.console import Console
    from rich.table import Table

    from neuroscribe.study import Study

    status = Study.open(directory).status()
    console = Console(highlight=False)
    typer.echo(f"{status.subject} on {status.corpus}, {status.n_tokens:,} tokens")
    table = Table("stage", "outcome", "number", "share")
    table.add_row("record", "units", f"{status.n_units:,}", "")
    table.add_row("", "not explained", f"{status.unexplained:,}", "")
    for stage, counts in (
        ("explain", status.explanations),
        ("simulate", status.simulations),
        ("judge", status.judgements),
    ):
        total = sum(counts.values())
        for name, count in sorted(counts.items()):
            table.add_row(stage, name, f"{count:,}", f"{count / total:.1%}")
    table.add_row("score", "explanations", f"{status.scored:,}", "")
    if status.reliable_share is not None:
        table.add_row("", "reliable values", "", f"{status.reliable_share:.1%}")
    console.print(table)
    for reason, count in status.reasons:
        typer.echo(f"{count:,} x {reason}")
    if status.cost_usd is not None:
        typer.echo(f"cost of the explanations: ${status.cost_usd:,.4f}")
