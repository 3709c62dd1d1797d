"""Solved units that show an LLM what a good explanation looks like.

Three invented units cover what real ones do: a family of words, a place in the text that no single
word decides, and a piece of code. Two of them are sparse, so the form that repeats the non-zero
values is shown too. They are short because they travel with every request. Each is solved in every
form, and each comes with texts that resemble its own and leave it silent.

Source: the use of solved units is that of Bills et al., 2023; these units are our own.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from neuroscribe.records import Form


@dataclass(frozen=True, kw_only=True)
class SolvedUnit:
    """A unit with what it does on some texts, and the explanation that fits."""

    texts: tuple[tuple[tuple[str, int], ...], ...]
    """Per text its tokens, each with a value on the 0..10 scale."""
    silent_texts: tuple[str, ...]
    """Texts much like those, on which the unit is silent."""
    answers: Mapping[Form, str]
    """The explanation that fits, in every form."""


SOLVED_UNITS: tuple[SolvedUnit, ...] = (
    SolvedUnit(
        texts=(
            (
                ("The", 0),
                (" path", 0),
                (" follows", 0),
                (" a", 0),
                (" stream", 8),
                (" down", 1),
                (" to", 0),
                (" the", 0),
                (" river", 10),
                (" mouth", 2),
            ),
            (
                ("Snow", 0),
                (" melts", 1),
                (" and", 0),
                (" every", 0),
                (" brook", 9),
                (" swells", 1),
            ),
        ),
        silent_texts=("The path follows a wall down to the car park",),
        answers={
            "phrase": 'words for running water, such as "river", "brook" and "stream"',
            "label": "words for running water",
            "sentence": "This unit fires on words for running water, such as river or brook.",
        },
    ),
    SolvedUnit(
        texts=(
            (
                ("Why", 0),
                (" not", 0),
                ("?", 1),
                (" Because", 10),
                (" it", 0),
                (" rained", 0),
                (".", 0),
                (" Then", 0),
                (" we", 0),
                (" left", 0),
                (".", 0),
            ),
            (
                ("Who", 0),
                (" called", 0),
                ("?", 0),
                (" Anna", 9),
                (" did", 0),
                (".", 0),
                (" She", 0),
                (" rang", 0),
                (" twice", 0),
                (".", 0),
            ),
        ),
        silent_texts=("He asked who called. Anna did. She rang twice.",),
        answers={
            "phrase": "the first word after a question mark, where an answer begins",
            "label": "first word of an answer",
            "sentence": "This unit fires on the first word after a question mark.",
        },
    ),
    SolvedUnit(
        texts=(
            (
                ("open", 0),
                ("(", 0),
                ("path", 0),
                (")", 9),
                ("\n", 0),
                ("size", 0),
                (" =", 0),
                (" len", 0),
                ("(", 0),
                ("rows", 0),
                (")", 10),
            ),
            (
                ("A", 0),
                (" note", 0),
                (" (", 0),
                ("see", 0),
                (" below", 0),
                (")", 1),
            ),
        ),
        silent_texts=("They met (by chance) at (or near) the gate.",),
        answers={
            "phrase": "closing brackets that end a function call in code",
            "label": "closing brackets of function calls",
            "sentence": "This unit fires on closing brackets that end a function call in code.",
        },
    ),
)
