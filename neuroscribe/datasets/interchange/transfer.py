"""What went over when a study was written in another format, or read from one.

Two formats rarely hold the same things. A transfer therefore says what it could not carry, in
sentences for people, and how many rows or files it wrote.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuroscribe import registry
from neuroscribe.datasets.manifest import NAME as MANIFEST
from neuroscribe.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """The outcome of an export or an import."""

    written: Mapping[str, int]
    """How many of what: rows by table, or files by kind."""
    left_out: tuple[str, ...] = ()
    """What the other side has no place for, one sentence each."""

    def __str__(self) -> str:
        counts = ", ".join(f"{count:,} {name}" for name, count in self.written.items())
        return "\n".join([f"wrote {counts or 'nothing'}", *map(_line, self.left_out)])


def options_of(
    kind: registry.Kind, name: str, stated: Mapping[str, str | float | bool]
) -> dict[str, Any]:
    """The options of a format as its function takes them; texts are read as the default's type.

    Args:
        kind: `exporter` or `importer`.
        name: of the format.
        stated: what the user said, by name of the option.

    Raises:
        InputError: the format has no such option, or the value is of another type.
    """
    offered = {
        parameter.name: parameter.default
        for parameter in inspect.signature(registry.load(kind, name)).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.name != "units"
    }
    for option in stated:
        if option not in offered:
            known = ", ".join(offered) or "none"
            raise InputError(f"the {kind} {name!r} has no option {option!r}; there are: {known}")
    return {option: _read(option, value, offered[option]) for option, value in stated.items()}


def require_absent(out: Path) -> None:
    """Refuse to write over something, or into a study.

    Raises:
        InputError: there is a file, or a folder that is not empty, or it lies inside a study.
    """
    above = next((each for each in out.absolute().parents if (each / MANIFEST).is_file()), None)
    if above is not None:
        raise InputError(
            f"{out} lies inside the study {above}, where it would be taken for its data; "
            "choose another place"
        )
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise InputError(f"{out} is there already; choose another place, or remove it first")


def _read(option: str, value: str | float | bool, default: object) -> object:  # noqa: FBT001
    if not isinstance(value, str) or default is None or isinstance(default, str):
        return value
    if isinstance(default, bool):
        if value.lower() not in ("true", "false"):
            raise InputError(f"option {option!r} is true or false, not {value!r}")
        return value.lower() == "true"
    try:
        return type(default)(value)  # type: ignore[call-arg]
    except (TypeError, ValueError) as error:
        raise InputError(f"option {option!r} is a number, not {value!r}") from error


def _line(sentence: str) -> str:
    return f"left out: {sentence}"
