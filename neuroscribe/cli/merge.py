"""`neuroscribe merge`: the shards of one recording become one study."""

from pathlib import Path
from typing import Annotated

import typer

from neuroscribe.cli.options import Directory

NAME = "merge"


def command(
    directory: Directory,
    shards: Annotated[
        list[Path], typer.Argument(help="Directories of all the shards.", show_default=False)
    ],
) -> None:
    """Put the shards of one recording together.

    DIRECTORY becomes the same study, to the bit, as if `record` had made it in one run. The shards
    are left as they are.
    """
    from neuroscribe.study import Study

    study = Study.merge(directory, shards)
    recorded = study.manifest["recorded"]
    typer.echo(
        f"merged {len(shards)} shards: {sum(study.widths.values()):,} units of "
        f"{len(study.widths)} sites on {recorded['tokens']:,} tokens in {directory}\n"
        f"next: neuroscribe explain {directory} --llm mock"
    )
