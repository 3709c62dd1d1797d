r"""What the mock understands of a prompt: its tables and its explanation.

The contract with whoever writes prompts is small and is the one that a person would follow. Tables
are those of `notation.activation_table`. A prompt whose last table holds `unknown` values asks for
a simulation, and the last line before that table that begins with `Explanation: ` says of what. A
prompt whose tables hold only numbers asks for an explanation. Explanations quote tokens as tables
show them (escaped); words are unescaped only to be compared. The input of typed questions lists its
tokens the other way round, `number<TAB>token`, and a question names one by its number. A text after
the last explanation, without a table, is one whose fit shows in how little it surprises.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from neuroscribe.notation import END, START, UNKNOWN

EXPLANATION = "Explanation: "
_TABLE = re.compile(rf"^{START}\n(.*?)^{END}$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Line:
    """One line of a table."""

    token: str
    """As written, escaped."""
    value: str
    value_offset: int
    """Where the value begins, in characters of the text that was read."""


def tables(text: str) -> list[list[Line]]:
    """All tables of `text`, in order; lines without a tab are passed over."""
    return [_lines(match[1], match.start(1)) for match in _TABLE.finditer(text)]


def last_table(text: str) -> list[Line]:
    """The last table of `text`, or no lines where there is none.

    Looks from the end: few-shot examples make up most of a simulation prompt.
    """
    start = text.rfind(f"\n{START}\n") + 1
    match = _TABLE.match(text, start)
    return _lines(match[1], match.start(1)) if match else []


@lru_cache(maxsize=256)
def numbered_table(text: str) -> Mapping[int, str]:
    """The last table of `text` with lines `number<TAB>token`: each token, escaped, by its number.

    Cached, because hundreds of questions are asked about one input.
    """
    start = f"\n{text}".rfind(f"\n{START}\n")
    match = _TABLE.match(text, start) if start >= 0 else None
    rows = (row.partition("\t") for row in match[1].split("\n")) if match else ()
    found = {int(number): token for number, tab, token in rows if tab and number.isdecimal()}
    return MappingProxyType(found)


def last_explanation(text: str) -> tuple[str, int] | None:
    """The last explanation of `text` and where its line ends; None where there is none."""
    start = f"\n{text}".rfind(f"\n{EXPLANATION}")
    if start < 0:
        return None
    line = text[start:].split("\n", 1)[0]
    return line[len(EXPLANATION) :], start + len(line)


def asks_for_simulation(table: list[Line]) -> bool:
    """Whether the table has values to fill in."""
    return any(line.value == UNKNOWN for line in table)


def explanation_before_last_table(text: str) -> str:
    """The explanation that the last table is to be filled in by; empty where none is given."""
    end = text.rfind(f"\n{START}\n") + 1
    start = f"\n{text[:end]}".rfind(f"\n{EXPLANATION}")
    if start < 0:
        return ""
    return text[start + len(EXPLANATION) : end].split("\n", 1)[0]


def _lines(body: str, offset: int) -> list[Line]:
    lines = []
    for row in body.split("\n"):
        token, tab, value = row.rpartition("\t")
        if tab:
            lines.append(Line(token, value, offset + len(token) + 1))
        offset += len(row) + 1
    return lines
