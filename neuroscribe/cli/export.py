"""`neuroscribe export`: a study in another format."""

from pathlib import Path
from typing import Annotated

import typer

from neuroscribe.cli import options
from neuroscribe.cli.stated import Set, options_stated

NAME = "export"


def command(
    directory: options.Directory,
    out: Annotated[
        Path, typer.Argument(help="What to make: a new folder or file.", show_default=False)
    ],
    *,
    format: Annotated[  # noqa: A002 -- the word for it
        str, typer.Option(help="`hub`, `openai`, `neuronpedia` or `csv`.")
    ],
    units: options.Units = None,
    stated: Set = None,
) -> None:
    """Write a study in another format.

    `hub` is a dataset for Hugging Face, `openai` the files of OpenAI's neuron viewer and explainer,
    `neuronpedia` what Neuronpedia imports, `csv` explanations with their scores. What the format
    has no place for is said.
    """
    from neuroscribe.study import Study

    transfer = Study.open(directory).export(format, out, units=units, **options_stated(stated))
    typer.echo(f"{transfer}\nnext: look at {out}; docs/interchange.md says who reads it")
