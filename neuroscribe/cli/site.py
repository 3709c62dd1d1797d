"""`neuroscribe site`: build the static site of a study."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neuroscribe.cli.options import Units

if TYPE_CHECKING:
    from neuroscribe.viewer import SiteBuilt

NAME = "site"

EXEMPLARS = 10
EMBEDDER = "auto"
"""Defaults that `neuroscribe view` shares."""

Study = Annotated[
    str, typer.Argument(help="The study: its directory, or a URL.", show_default=False)
]
Title = Annotated[
    str | None, typer.Option(help="Title of the site.", show_default="subject on corpus")
]
Exemplars = Annotated[int, typer.Option(help="Top exemplars shown of each split.")]
Encoder = Annotated[
    str,
    typer.Option(
        help="What likens explanations: `words`, `minilm`, or a model's name or path; `auto` takes "
        "`minilm` where it is installed and there are at most 20,000."
    ),
]
Map = Annotated[
    bool,
    typer.Option(
        "--map/--no-map", help="Lay out the explanations on a map, and find the most alike."
    ),
]
Weights = Annotated[
    bool,
    typer.Option(
        "--weights/--no-weights",
        help="Load the subject to say which tokens the weights of explained units name.",
    ),
]
Processes = Annotated[
    int | None, typer.Option(help="Processes that write.", show_default="one per CPU")
]


def command(
    study: Study,
    out: Annotated[Path, typer.Argument(help="The site's directory.", show_default=False)],
    *,
    title: Title = None,
    exemplars: Exemplars = EXEMPLARS,
    units: Units = None,
    embedder: Encoder = EMBEDDER,
    map: Map = True,  # noqa: A002 -- the option's name
    weights: Weights = True,
    processes: Processes = None,
) -> None:
    """Build a site that shows every unit of a study, for any static file server.

    One page with a script, and the study's content in compressed blocks: exemplars as heat maps,
    explanations with their scores and baselines, search, a map. It needs no server of its own, asks
    no other host for anything, and two builds of one study are the same to the byte.
    """
    from neuroscribe.viewer import build_site

    inside = Path.cwd().is_relative_to(out.resolve())
    built = build_site(
        study,
        out,
        processes=processes_or_all(processes),
        **options(study, title, exemplars, units, embedder, map=map, weights=weights),
    )
    report(built)
    if inside:
        typer.echo("the folder you are in was replaced; enter it again first: cd .")
    typer.echo(f"next: neuroscribe view {out}")
    typer.echo(f"or serve it from anywhere: python -m http.server --directory {out}")


def options(
    study: str,
    title: str | None,
    exemplars: int,
    units: str | None,
    embedder: str,
    *,
    map: bool,  # noqa: A002 -- the option's name
    weights: bool,
) -> dict[str, Any]:
    """The settings of a site as `build_site` takes them."""
    from neuroscribe.study import Study

    chosen = None if units is None else tuple(sorted(Study.open(study).units(units)))
    return {
        "title": title,
        "exemplars": exemplars,
        "units": chosen,
        "embedder": embedder,
        "map": map,
        "weights": weights,
    }


def processes_or_all(processes: int | None) -> int:
    """As many as were asked for, else one for each CPU."""
    return processes if processes is not None else os.cpu_count() or 1


def report(built: "SiteBuilt") -> None:
    """Print what was written."""
    typer.echo(
        f"wrote {built.units:,} units in {built.files:,} files, {built.bytes / 1e6:,.1f} MB, "
        f"to {built.path} in {built.seconds:,.1f} s"
    )
    for note in built.notes:
        typer.echo(note)
