r"""Exemplars as people read them: numbered texts, marked where the unit fires.

Below each text stand the marked tokens with their values, in quotes, so that strong ones can be
told from weak ones. Every text and every token is escaped (`texts`), so what a text holds cannot
end its line, look like a number of the list, or open a bracket.
"""

from collections.abc import Mapping, Sequence

from neuroscribe import texts
from neuroscribe.firing import firing_positions
from neuroscribe.notation import discretise
from neuroscribe.records import Exemplar

Marked = tuple[Sequence[str], Mapping[int, int]]
"""The tokens of a text, and the level of each marked position."""


def marked(exemplar: Exemplar, max_activation: float) -> Marked:
    """An exemplar with the tokens that fire the unit marked."""
    levels = discretise(exemplar.activations, max_activation)
    places = firing_positions(exemplar.activations, max_activation)
    return exemplar.sequence.tokens, {place: levels[place] for place in places}


def marked_shown(examples: Sequence[Marked]) -> str:
    r"""The texts, numbered, each with the values of its marked tokens below.

    >>> print(marked_shown([((" The", " red", " fox"), {1: 10, 2: 4})]), end="")
    1. The ⟦red fox⟧
       "red" 10, "fox" 4
    >>> print(marked_shown([(("None", " here"), {})]), end="")
    1. None here
       nothing marked
    """
    lines = texts.numbered([texts.mark(tokens, levels) for tokens, levels in examples]).splitlines()
    values = [
        ", ".join(f"{_quoted(tokens[place])} {levels[place]}" for place in sorted(levels))
        for tokens, levels in examples
    ]
    return "".join(
        f"{line}\n   {shown or 'nothing marked'}\n"
        for line, shown in zip(lines, values, strict=True)
    )


def _quoted(token: str) -> str:
    shown = texts.plain([token]).replace('"', '\\"')
    return f'"{shown or " "}"'
