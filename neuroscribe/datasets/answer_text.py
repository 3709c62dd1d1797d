"""Rows as text: CSV, JSON, or one JSON object a line.

Missing stays missing: null in JSON; in CSV an empty field, where an empty text is `""`. Lists are
JSON in CSV fields. What JSON has no form for is written as the nearest it has: numbers that are no
numbers as null, times in ISO 8601, bytes in hexadecimal.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa

from neuroscribe.errors import InputError

TEXT_FORMATS: Final = ("csv", "json", "jsonl")


def lines(rows: pa.Table, form: str) -> Iterator[str]:
    """The rows as text, line by line, without line ends.

    Args:
        rows: any table.
        form: one of `TEXT_FORMATS`.
    """
    if form == "csv":
        yield ",".join(map(_field, rows.column_names))
        yield from (",".join(map(_field, row)) for row in _rows(rows))
        return
    twice = [name for name, count in Counter(rows.column_names).items() if count > 1]
    if twice:
        raise InputError(f"two columns of the answer are called {twice[0]!r}; name them with AS")
    objects = (
        _json({name: plain(value) for name, value in zip(rows.column_names, row, strict=True)})
        for row in _rows(rows)
    )
    if form == "jsonl":
        yield from objects
        return
    yield "["
    for place, text in enumerate(objects, start=1):
        yield text if place == rows.num_rows else f"{text},"
    yield "]"


def plain(value: Any) -> Any:  # noqa: PLR0911 -- one line per type
    r"""A value as JSON can hold it.

    >>> plain([Decimal("3"), float("nan"), b"\x80"])
    [3, None, '80']
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        whole = value.is_finite() and value == value.to_integral_value()
        return int(value) if whole else plain(float(value))
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _rows(rows: pa.Table) -> Iterator[tuple[Any, ...]]:
    # By place: two columns of an answer may have one name.
    for batch in rows.to_batches(max_chunksize=1024):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _field(value: Any) -> str:
    value = plain(value)
    if value is None:
        return ""
    text = value if isinstance(value, str) else _json(value)
    if text == "" or any(mark in text for mark in ',"\r\n') or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
