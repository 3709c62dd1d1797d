"""What `explain` and `score` print when they are done."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from neuroscribe.llm.driver import Estimate
    from neuroscribe.study.outcome import Outcome


def report(result: "Outcome | Estimate", *, next_step: str) -> int:
    """Print the result and what to do next; returns the exit code."""
    typer.echo(str(result))
    code = getattr(result, "exit_code", 0)
    if code == 3:
        typer.echo("budget reached: raise it and run the same command again to go on", err=True)
    elif code == 1:
        typer.echo("some items failed: run the same command again to repair them", err=True)
    else:
        typer.echo(f"next: {next_step}")
    return code
