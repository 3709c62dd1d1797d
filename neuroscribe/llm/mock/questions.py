"""What a judge's prompt asks of the mock, and what it shows.

Told from the form alone. The answer's schema says what is wanted: a list of 0 and 1 is a verdict
on each numbered text, one number is a choice among them, a list of texts is to be written. Without
a schema the object that the prompt names in back quotes (or an answer given before) says it. The
explanation is the last line of the last turn that begins with `Explanation: `.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from neuroscribe.llm.mock.reading import Line, last_explanation
from neuroscribe.notation import MAX_LEVEL, escape
from neuroscribe.texts import marked_pieces, read_numbered

Task = Literal["fits", "intruder", "texts"]

_NAMED = re.compile(r"`(fits|intruder|texts)`")
_COUNT = re.compile(r"^Number of texts: (\d+)$", re.MULTILINE)
_DEFAULT_COUNT = 5


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked."""

    task: Task
    key: str
    """Of the JSON object that answers."""
    explanation: str | None
    texts: tuple[str, ...]
    """As they are shown: escaped, marks and all."""
    count: int
    """How many texts are to be written."""


def question_in(messages: Sequence[str], schema: Mapping[str, Any] | None) -> Question | None:
    """The question of a judge; None where the last turn asks for something else."""
    asked = _by_schema(schema) if schema is not None else _by_name(messages)
    found = last_explanation(messages[-1])
    texts = read_numbered(messages[-1])
    if asked is None:
        return None
    task, key, count = asked
    if task == "texts" and found is None:
        return None
    if task != "texts" and (not texts or (task == "fits" and found is None)):
        return None
    stated = _COUNT.findall(messages[-1])
    return Question(
        task=task,
        key=key,
        explanation=None if found is None else found[0],
        texts=tuple(texts),
        count=count or (int(stated[-1]) if stated else _DEFAULT_COUNT),
    )


def marked_tables(text: str) -> list[list[Line]]:
    """The marked words of each line as a table in which all are as active as can be.

    >>> [[line.token for line in table] for table in marked_tables("1. The ⟦red fox⟧ ran")]
    [['red', 'fox']]
    """
    pieces = [marked_pieces(line) for line in text.split("\n")]
    return [
        [
            Line(escape(word), str(MAX_LEVEL), 0)
            for piece in of_line
            for word in piece.split() or [piece]
        ]
        for of_line in pieces
        if of_line
    ]


def _by_schema(schema: Mapping[str, Any]) -> tuple[Task, str, int] | None:
    properties: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
    if len(properties) != 1:
        return None
    ((key, value),) = properties.items()
    items = value.get("items", {})
    if value.get("type") == "array" and items.get("enum") == [0, 1]:
        return "fits", key, 0
    if value.get("type") == "array" and items.get("type") == "string":
        return "texts", key, value.get("minItems", 0)
    if value.get("type") == "integer" and "enum" in value:
        return "intruder", key, 0
    return None


def _by_name(messages: Sequence[str]) -> tuple[Task, str, int] | None:
    named = _NAMED.findall(messages[0])
    if not named:
        return None
    task: Task = named[-1]
    return task, task, 0
