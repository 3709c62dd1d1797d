"""Explanations and scores as a table of text: which columns, and how a cell is written and read.

One line is an explanation with one of its scores. Columns are called as in the schema; `unit` is
written as users write it (`mlp.5/1021`, `mlp.5/1021-`), and the two columns that both tables have
are `score_llm` and `score_reason` where they are the score's. A cell is the exact value: floats
with all their digits, times in ISO 8601, lists as JSON. An empty cell is null (of a text that
must be there: the empty text).
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from neuroscribe.datasets.schema import SCHEMAS

UNIT: Final = "unit"
_UNIT_COLUMNS: Final = ("site", "unit", "polarity")
_OF_BOTH: Final = ("llm", "reason")

EXPLANATION_COLUMNS: Final[Mapping[str, pa.Field]] = {
    field.name: field for field in SCHEMAS["explanations"] if field.name not in _UNIT_COLUMNS
}
SCORE_COLUMNS: Final[Mapping[str, pa.Field]] = {
    f"score_{field.name}" if field.name in _OF_BOTH else field.name: field
    for field in SCHEMAS["scores"]
    if field.name not in (*_UNIT_COLUMNS, "explanation_id")
}
COLUMNS: Final = (UNIT, *EXPLANATION_COLUMNS, *SCORE_COLUMNS)

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def write_cell(value: Any, *, spreadsheet: bool = False) -> str:
    """A value as text.

    Args:
        value: of a column.
        spreadsheet: put an apostrophe before a text that a spreadsheet would run as a formula.

    >>> write_cell(["exemplars"]), write_cell(0.1), write_cell(None), write_cell(True)
    ('["exemplars"]', '0.1', '', 'true')
    >>> write_cell("=1+1", spreadsheet=True)
    "'=1+1"
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if spreadsheet and value.startswith(_FORMULA) else value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def read_cell(text: str, field: pa.Field) -> Any:
    """The value that `write_cell` wrote; None for an empty cell, but of a text that must be there.

    Raises:
        ValueError: the text is no value of the field's type.
    """
    kind = field.type
    if text == "":
        return "" if pa.types.is_string(kind) and not field.nullable else None
    for is_kind, read in _READERS:
        if is_kind(kind):
            return read(text)
    # Narrow integers must fit.
    return pa.scalar(int(text), kind).as_py()


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("is true or false")
    return text.lower() == "true"


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("is no finite number; leave the cell empty where there is none")
    return value


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("needs a time zone, such as +00:00")
    return moment


def _texts(text: str) -> list[str]:
    values = json.loads(text)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError('is a list of texts, such as ["exemplars"]')
    return values


_READERS: Final[Sequence[tuple[Callable[[pa.DataType], bool], Callable[[str], Any]]]] = (
    (pa.types.is_string, str),
    (pa.types.is_boolean, _truth),
    (pa.types.is_floating, _number),
    (pa.types.is_timestamp, _moment),
    (pa.types.is_list, _texts),
)
