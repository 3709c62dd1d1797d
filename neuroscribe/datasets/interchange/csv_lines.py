"""The lines of a CSV file of explanations, with the places where something is wrong.

A file comes from a spreadsheet as often as from `export`: with a byte order mark, in UTF-16, with
semicolons, with line ends within texts. A line is numbered by where it begins in the file, which is
what an editor shows.
"""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import fsspec
import pyarrow as pa

from neuroscribe.datasets.interchange.csv_format import UNIT, read_cell
from neuroscribe.errors import InputError, SubjectError
from neuroscribe.records import FORMS, NO_LLM, Polarity, Status, UnitId

SITE = "site"
POLARITY = "polarity"
TEXT = "text"

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_NEVER_EMPTY = ("explainer", "scorer", "metric", "report_set")
_WORDS = {"status": get_args(Status), "form": FORMS}
_DEFAULTS: Mapping[str, Any] = {
    "status": "ok",
    # Older studies do not have these two columns.
    "exemplars": "top",
    "form": "phrase",
    "inputs": [],
    "llm": NO_LLM,
    "candidate": 0,
    "selected": True,
    "input_tokens": 0,
    "output_tokens": 0,
}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the file (of several, if a text has line ends)."""

    source: str
    number: int
    """Of its first line, from 1."""
    cells: Mapping[str, str]

    def wrong(self, problem: str) -> InputError:
        """An error that says where."""
        return InputError(f"{self.source}, line {self.number}: {problem}; nothing was added")

    def get(self, name: str) -> str:
        """A cell; empty where there is none."""
        return self.cells.get(name, "")

    def unit(self) -> UnitId:
        """The unit it is about."""
        text = self.get(UNIT).strip()
        if not self.get(SITE):
            try:
                return UnitId.parse(text)
            except SubjectError as error:
                raise self.wrong(str(error)) from error
        polarity = self.get(POLARITY).strip() or "1"
        if not text.isascii() or not text.isdigit() or polarity not in ("1", "+1", "-1"):
            raise self.wrong(
                f"unit {text!r} and polarity {polarity!r} beside a site are a number, and 1 or -1"
            )
        sign: Polarity = -1 if polarity == "-1" else 1
        return UnitId(self.get(SITE).strip(), int(text), sign)

    def values(self, columns: Mapping[str, pa.Field]) -> dict[str, Any]:
        """The values of the columns, by name of the schema's field."""
        found = {}
        for name, field in columns.items():
            try:
                value = read_cell(self.get(name), field)
            except (ValueError, OverflowError, pa.ArrowInvalid) as error:
                raise self.wrong(f"{name} {self.get(name)!r}: {error}") from error
            if value in (None, "") and not field.nullable and name in _DEFAULTS:
                value = _DEFAULTS[name]
            if (value is None and not field.nullable) or (value == "" and name in _NEVER_EMPTY):
                raise self.wrong(f"{name} is missing")
            words = _WORDS.get(name)
            if words and value not in words:
                raise self.wrong(f"{name} is one of {', '.join(words)}, not {value!r}")
            found[field.name] = value
        return found


def read_lines(name: str, delimiter: str) -> list[Line]:
    """The lines below the header.

    Raises:
        InputError: the file is not there or no CSV, or its header lacks a column.
    """
    lines: list[Line] = []
    number = 1
    try:
        reader = csv.reader(io.StringIO(_text(name), newline=""), delimiter=delimiter, strict=True)
        header = [column.strip().lower() for column in next(reader, [])]
        _check_header(name, header, delimiter)
        number = reader.line_num + 1
        for cells in reader:
            line = Line(source=name, number=number, cells=dict(zip(header, cells, strict=False)))
            number = reader.line_num + 1
            if not any(cells):
                continue
            if len(cells) > len(header):
                raise line.wrong(
                    f"{len(cells)} cells for {len(header)} columns; is a text with a "
                    f"{delimiter!r} not in quotes?"
                )
            lines.append(line)
    except csv.Error as error:
        raise InputError(f"{name}, line {number}: {error}; nothing was added") from error
    except TypeError as error:
        raise InputError(f"{delimiter!r} is no delimiter: it is one character") from error
    return lines


def _text(name: str) -> str:
    filesystem, path = fsspec.core.url_to_fs(name)
    try:
        content: bytes = filesystem.cat_file(path)
        return content.decode("utf-16" if content[:2] in _UTF_16 else "utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not in UTF-8; save it as CSV UTF-8") from error


def _check_header(name: str, header: Sequence[str], delimiter: str) -> None:
    twice = [column for column, count in Counter(header).items() if count > 1 and column]
    if twice:
        raise InputError(f"{name} has two columns {twice[0]!r}; rename one")
    missing = [column for column in (UNIT, TEXT) if column not in header]
    if missing:
        raise InputError(
            f"the first line of {name} names no column {' and no column '.join(missing)}; it has "
            f"{', '.join(header) or 'nothing'} (between cells stands {delimiter!r}; set delimiter "
            "for another)"
        )
