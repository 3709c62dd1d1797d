"""Fields of another tool's JSON, read with the type they must have or refused by name.

Such files are old, half written or made by hand. A field that is absent, null or NaN is missing;
one of another type is damage, reported with the file and the field, not as a stack trace.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neuroscribe.errors import InputError


def read_json(path: Path) -> Any:
    """What a file of JSON holds (NaN is allowed, as Python's writer makes it).

    Raises:
        InputError: it cannot be read, or is no JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: {error}") from error


class Fields:
    """One JSON object; `where` names it in errors."""

    def __init__(self, data: Any, where: str) -> None:
        if not isinstance(data, Mapping):
            raise InputError(f"{where} is damaged: it holds {_kind(data)}, not an object")
        self._data = data
        self.where = where

    def objects(self, name: str) -> list["Fields"]:
        """A list of objects; empty if missing."""
        return [
            Fields(value, f"{self.where}, {name} {place}")
            for place, value in enumerate(self._list(name))
        ]

    def integer(self, name: str) -> int | None:
        """A whole number; None if missing."""
        value = self._number(name, self._data.get(name))
        if math.isnan(value):
            return None
        if not value.is_integer():
            raise self._wrong(name, "a whole number", value)
        return int(value)

    def number(self, name: str) -> float | None:
        """A finite number; None if missing."""
        value = self._number(name, self._data.get(name))
        return value if math.isfinite(value) else None

    def numbers(self, name: str) -> list[float]:
        """A list of numbers, in which NaN is missing; empty if it is missing itself."""
        return [self._number(name, value) for value in self._list(name)]

    def text(self, name: str) -> str | None:
        """A text; None if missing."""
        value = self._data.get(name)
        if value is not None and not isinstance(value, str):
            raise self._wrong(name, "a text", value)
        return value

    def texts(self, name: str) -> list[str]:
        """A list of texts; empty if missing."""
        values = self._list(name)
        for value in values:
            if not isinstance(value, str):
                raise self._wrong(name, "a list of texts", value)
        return values

    def truth(self, name: str) -> bool | None:
        """True or false, or 1 or 0; None if missing."""
        value = self._data.get(name)
        if value is None or isinstance(value, bool):
            return value
        if value in (0, 1):
            return bool(value)
        raise self._wrong(name, "true or false", value)

    def inner(self, name: str) -> "Fields":
        """An object in a field; an empty one if it is missing."""
        value = self._data.get(name)
        return Fields({} if value is None else value, f"{self.where}, {name}")

    def has(self, name: str) -> bool:
        """Whether there is anything in the field."""
        return self._data.get(name) not in (None, [], "")

    def _list(self, name: str) -> list[Any]:
        value = self._data.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(name, "a list", value)
        return value

    def _number(self, name: str, value: Any) -> float:
        if value is None:
            return math.nan
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(name, "a number", value)
        try:
            return float(value)
        except OverflowError as error:
            raise self._wrong(name, "a number", value) from error

    def _wrong(self, name: str, expected: str, value: object) -> InputError:
        shown = repr(value)[:60]
        return InputError(f"{self.where} is damaged: {name} should be {expected}, not {shown}")


def _kind(value: object) -> str:
    return {list: "a list", str: "a text", type(None): "null"}.get(type(value), "a number")
