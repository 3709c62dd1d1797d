"""`neuroscribe view`: look at a study, or at a site that is built already."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from neuroscribe.cli.options import Units
from neuroscribe.cli.site import (
    EMBEDDER,
    EXEMPLARS,
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
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 picks a free one.")
    ] = 0,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open it in the browser.")
    ] = True,
    title: Title = None,
    exemplars: Exemplars = EXEMPLARS,
    units: Units = None,
    embedder: Encoder = EMBEDDER,
    map: Map = True,  # noqa: A002 -- the option's name
    weights: Weights = True,
    processes: Processes = None,
) -> None:
    """Serve the site of a study on this machine and open it; Ctrl-C ends it.

    The site is built first, unless it was built before and the study has not changed. Every unit is
    also there as JSON, at an address such as /mlp.5/1021.json. A site that is built already is
    shown as it is; the options that say how to build one then change nothing.
    """
    from neuroscribe.viewer.serve import bound, prepared, serve

    if _is_site(study):
        given = {
            "--out": out is not None,
            "--title": title is not None,
            "--exemplars": exemplars != EXEMPLARS,
            "--units": units is not None,
            "--embedder": embedder != EMBEDDER,
            "--no-map": not map,
            "--no-weights": not weights,
            "--processes": processes is not None,
        }
        _say_ignored(study, [option for option, is_given in given.items() if is_given])
        chosen = {}
    else:
        chosen = options(study, title, exemplars, units, embedder, map=map, weights=weights)

    def ready(address: str) -> None:
        typer.echo(f"{folder} is at {address}; stop it with Ctrl-C")
        if open_browser:
            webbrowser.open(address)

    with bound(port) as server:
        folder, built = prepared(study, out, processes=processes_or_all(processes), **chosen)
        if built is not None:
            report(built)
        try:
            serve(server, folder, on_ready=ready)
        except KeyboardInterrupt:
            typer.echo("stopped", err=True)


def _say_ignored(site: str, options: list[str]) -> None:
    if options:
        typer.echo(
            f"{site} is a site that is built already, so {', '.join(options)} changes nothing; "
            "name the study to build another",
            err=True,
        )


def _is_site(study: str) -> bool:
    from neuroscribe.viewer.blocks import INDEX

    return (Path(study) / INDEX).is_file()
