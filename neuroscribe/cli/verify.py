"""`neuroscribe verify`: is a study whole, consistent, and true to its subject?"""

from typing import TYPE_CHECKING, Annotated

import typer

from neuroscribe import heatmap
from neuroscribe.cli.options import Device, Directory

if TYPE_CHECKING:
    from neuroscribe.study.verifying import Check, Report

NAME = "verify"


def command(
    directory: Directory,
    *,
    spot_check: Annotated[
        int,
        typer.Option(
            help="Exemplars that are compared with a fresh forward pass of the subject; 0 for none."
        ),
    ] = 20,
    seed: Annotated[int, typer.Option(help="Of the choice of those exemplars.")] = 0,
    device: Device = "auto",
) -> int:
    """Check files, hashes, references, splits and values, and say what is wrong and where.

    Nothing is changed. Exits with 0 where all is well, 1 where something was found, 2 where there
    is no study. What could not be checked is listed, and is no finding.
    """
    from neuroscribe.study import Study
    from neuroscribe.study.verifying import verify_study

    study = Study.open(directory)
    report = verify_study(
        study.path, study.manifest, spot_check=spot_check, seed=seed, device=device
    )
    _print_checks(report)
    for check in report.checks:
        for reason in check.not_checked:
            typer.echo(_safe(f"not checked ({check.name}): {reason}"))
    for check in report.checks:
        _print_findings(report, check)
    if report.clean:
        typer.echo(f"{directory} is sound")
        return 0
    typer.echo(f"{directory}: {report.n_findings:,} finding{'s' if report.n_findings > 1 else ''}")
    return 1


def _print_checks(report: "Report") -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from neuroscribe.study.verifying import CHECKS

    table = Table("check", "makes sure that", "looked at", "outcome", box=box.SIMPLE_HEAD)
    for check in report.checks:
        covered = ", ".join(f"{count:,} {what}" for what, count in check.covered)
        table.add_row(check.name, CHECKS[check.name], covered, _outcome(check))
    Console(highlight=False, markup=False).print(table)


def _outcome(check: "Check") -> str:
    if check.n_findings:
        return f"{check.n_findings:,} found"
    if check.ran:
        return "ok, in part" if check.not_checked else "ok"
    return "not checked" if check.not_checked else "none there"


def _print_findings(report: "Report", check: "Check") -> None:
    found = report.of(check.name)
    for finding in found:
        typer.echo(_safe(f"{check.name}: {finding}"))
    if check.n_findings > len(found):
        typer.echo(f"{check.name}: and {check.n_findings - len(found):,} more")
    for remedy in dict.fromkeys(finding.remedy for finding in found):
        typer.echo(_safe(f"  what to do: {remedy}"))


def _safe(text: str) -> str:
    """Control codes as signs; names of files that are no text with their bytes in hexadecimal."""
    return heatmap.visible(text).encode("utf-8", "backslashreplace").decode()
