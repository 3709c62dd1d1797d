"""`neuroscribe compact`: many small files become few."""

import typer

from neuroscribe.cli.options import Directory

NAME = "compact"


def command(directory: Directory) -> None:
    """Put the many small files of a study together, and drop rows that a repair superseded.

    The current rows stay the same. Readers and runs that add results may go on meanwhile; killed at
    any moment, the same command finishes it. It needs the size of the largest table once more on
    the disk.
    """
    from rich.console import Console
    from rich.table import Table

    from neuroscribe.datasets.compaction import compact

    changes = compact(directory)
    table = Table("table", "files", "megabytes", "rows dropped")
    for name, change in changes.items():
        table.add_row(
            name,
            f"{change.parts_before:,} → {change.parts_after:,}",
            f"{change.bytes_before / 1e6:,.1f} → {change.bytes_after / 1e6:,.1f}",
            f"{change.dropped_rows:,}",
        )
    Console(highlight=False).print(table)
    before, after = (
        sum(getattr(change, f"parts_{when}") for change in changes.values())
        for when in ("before", "after")
    )
    typer.echo(f"compacted {directory}: {before:,} files became {after:,}")
