"""Solved units that show an LLM how to simulate, and the parts that all prompts share.

A simulation prompt is sent thousands of times, so what precedes the explanation is short and the
same in every request: servers can keep it in their prefix cache. Three invented units show that
most values are 0, that the text before a token matters, and what an escaped token looks like.

Source: the form, with its placeholder `unknown`, is that of Bills et al., 2023; the words and the
units are our own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from neuroscribe.llm.protocol import Message
from neuroscribe.notation import UNKNOWN, activation_table, escape

_BACKSLASH = "\\"

SCALE = """\
A unit of a neural network gives every token of a text a value from 0 (silent) to 10 (as strong as \
it gets). It depends on the token and on the text before it; most values are 0. Special characters \
inside a token are written with a backslash."""


@dataclass(frozen=True, kw_only=True)
class SolvedUnit:
    """An explanation, a text, and the values that fit."""

    explanation: str
    tokens: tuple[str, ...]
    levels: tuple[int, ...]


SOLVED_UNITS: tuple[SolvedUnit, ...] = (
    SolvedUnit(
        explanation='names of colours, such as "green"',
        tokens=("She", " wore", " a", " green", " scarf", " and", " red", " boots"),
        levels=(0, 0, 0, 10, 1, 0, 9, 0),
    ),
    SolvedUnit(
        explanation="numbers that state somebody's age",
        tokens=("My", " uncle", " is", " 64", ",", " and", " he", " took", " bus", " 64"),
        levels=(0, 0, 0, 10, 1, 0, 0, 0, 0, 2),
    ),
    SolvedUnit(
        explanation="opening brackets of function calls",
        tokens=("total", " =", " sum", "(", "rows", ")", "\n", "half", " =", " (", "total", ")"),
        levels=(0, 0, 0, 10, 0, 0, 0, 0, 0, 3, 0, 0),
    ),
)


def solved_chat(
    instructions: str,
    explanation: str,
    tokens: Sequence[str],
    *,
    ask: Callable[[str, Sequence[str]], str],
    answer: Callable[[SolvedUnit], str],
) -> tuple[Message, ...]:
    """A chat that has been answered for every solved unit and ends with the question.

    Args:
        instructions: the system message.
        explanation: of the unit in question.
        tokens: of the text in question.
        ask: from an explanation and tokens to a user message.
        answer: what the assistant said of a solved unit.
    """
    messages = [Message(role="system", content=instructions)]
    for unit in SOLVED_UNITS:
        messages.append(Message(role="user", content=ask(unit.explanation, unit.tokens)))
        messages.append(Message(role="assistant", content=answer(unit)))
    return (*messages, Message(role="user", content=ask(explanation, tokens)))


def explanation_line(explanation: str) -> str:
    r"""The line that states an explanation, on one line whatever it holds.

    Explanations quote tokens as the tables show them, so a backslash stays as it is.

    >>> explanation_line('the tokens "\\n"\nand "<end>"')
    'Explanation: the tokens "\\n" and "\\<end>"\n'
    """
    parts = " ".join(explanation.split()).split("\\")
    return f"Explanation: {_BACKSLASH.join(map(escape, parts))}\n"


def unknown_table(tokens: Sequence[str]) -> str:
    """The table to be filled in."""
    return activation_table(tokens, [UNKNOWN] * len(tokens))


def question(explanation: str, tokens: Sequence[str]) -> str:
    """The explanation and the table to be filled in."""
    return explanation_line(explanation) + unknown_table(tokens)
