"""`neuroscribe view`: look at a study, or at a site that is built already."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from neuroscribe.cli.options import Units
from neuroscribe.cli.site import (
    Encoder,
    Exemplars,
    Map,
    Processes,
    Title,
    Weights,
    options,
    processes_or_all,
    report,
)

NAME = "view"


def command(
    study: Annotated[
        str, typer.Argument(help="A study, or the directory of a built site.", show_default=False)
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(help="Where the site is kept.", show_default="the temporary directory"),
    ] = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 picks a free one.")] = 0,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open it in the browser.")
    ] = True,
    title: Title = None,
    exemplars: Exemplars = 10,
    units: Units = None,
    embedder: Encoder = "auto",
    map: Map = True,  # noqa: A002 -- the option's name
    weights: Weights = True,
    processes: Processes = None,
) -> None:
    """Serve the site of a study on this machine and open it; Ctrl-C ends it.

    The site is built first, unless it was built before and the study has not changed. Every unit is
    also there as JSON, at an address such as /mlp.5/1021.json.
    """
    from neuroscribe.viewer.serve import prepared, serve

    chosen = {} if _is_site(study) else options(
        study, title, exemplars, units, embedder, map=map, weights=weights
    )  # fmt: skip
    folder, built = prepared(study, out, processes=processes_or_all(processes), **chosen)
    if built is not None:
        report(built)

    def ready(address: str) -> None:
        typer.echo(f"{folder} is at {address}; stop it with Ctrl-C")
        if open_browser:
            webbrowser.open(address)

    try:
        serve(folder, port=port, on_ready=ready)
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)


def _is_site(study: str) -> bool:
    from neuroscribe.viewer.blocks import INDEX

    return (Path(study) / INDEX).is_file()
