"""`neuroscribe import`: another tool's results as a study, or added to one."""

from pathlib import Path
from typing import Annotated

import typer

from neuroscribe.cli.stated import Set, options_stated

NAME = "import"


def command(
    source: Annotated[str, typer.Argument(help="The file or folder to read.", show_default=False)],
    directory: Annotated[
        Path,
        typer.Argument(
            help="Directory of the new study (with `csv`: of the study that is added to).",
            show_default=False,
        ),
    ],
    *,
    format: Annotated[  # noqa: A002 -- the word for it
        str, typer.Option(help="`openai`, `saedashboard`, `delphi` or `csv`.")
    ],
    stated: Set = None,
) -> None:
    """Make a study of what another tool made; `csv` adds explanations to a study that is there.

    A CSV with the columns `unit` and `text` holds explanations by people, which `score` then scores
    like any other. A file that is damaged changes nothing. What could not be carried over is said.
    """
    from neuroscribe.study import Study

    transfer = Study.import_from(source, directory, format=format, **options_stated(stated))
    next_step = (
        f"neuroscribe score {directory} --llm mock"
        if transfer.written.get("explanations")
        else f"neuroscribe status {directory}"
    )
    typer.echo(f"{transfer}\nnext: {next_step}")
