"""`--set NAME=VALUE`: options of a format, which each format has of its own."""

from collections.abc import Sequence
from typing import Annotated

import typer

from neuroscribe.errors import InputError

Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="An option of the format (docs/interchange.md lists them); repeatable.",
        show_default=False,
    ),
]


def options_stated(stated: Sequence[str] | None) -> dict[str, str]:
    """The options by name.

    Raises:
        InputError: one has no `=`, or is stated twice.
    """
    found: dict[str, str] = {}
    for each in stated or ():
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise InputError(f"--set takes NAME=VALUE, not {each!r}")
        if name in found:
            raise InputError(f"the option {name!r} is stated twice")
        found[name] = value
    return found
