"""Explain a unit from tables of tokens and activations.

The LLM sees the exemplars as `token<TAB>integer` lines on the 0..10 scale, after three solved
units, and continues the sentence "this unit fires on". Where fewer than a fifth of the values are
above 0 those pairs are repeated on their own: in long tables of zeros they are easily overlooked.
The tables cost more tokens than marked text would, but they show how strongly every token fires and
survive tokens that would break any mark-up. For the negative side of a unit nothing changes: its
record already holds the activations with their sign flipped.

Source: Bills et al., 2023 (form of the tables, the repetition below 20%, the fixed stem).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from neuroscribe.explainer.asking import Asking, Evidence, Example, shown_exemplars, silence
from neuroscribe.explainer.few_shot import SOLVED_UNITS
from neuroscribe.explainer.forms import Wording, parse
from neuroscribe.notation import activation_table, discretise
from neuroscribe.records import Exemplar, UnitRecord

__all__ = ["TokenActivationPairs", "non_zero_share", "parse", "tables_shown"]

SPARSE_SHARE = 0.2
"""Below this share of values above 0 the prompt repeats them on their own."""

Table = tuple[Sequence[str], Sequence[int]]


@dataclass(frozen=True, kw_only=True)
class TokenActivationPairs(Asking):
    """The token-activation explainer."""

    n_exemplars: int = 5
    """Top exemplars that the LLM is shown, the strongest first, where no others were chosen."""

    name: ClassVar[str] = "token_activation_pairs"

    def evidence(self, record: UnitRecord, shown: Sequence[Exemplar] | None = None) -> Evidence:
        """The exemplars as tables."""
        exemplars = shown_exemplars(record, shown, self.n_exemplars)
        tables = [_table(exemplar, record.max_activation) for exemplar in exemplars]
        return Evidence(tables_shown(tables), ("exemplars",), silence(record, exemplars))

    def examples(self) -> Iterator[Example]:
        """The solved units as tables."""
        for unit in SOLVED_UNITS:
            yield Example(tables_shown([_columns(text) for text in unit.texts]), unit.answers)

    def instructions(self, wording: Wording) -> str:
        """What tables are, and what is wanted."""
        return f"""\
You find out what single units of a neural network respond to. For every token of a text a unit \
has a value. Below you see texts on which one unit is at its strongest, as tables with one token \
per line: the token, a tab, and the value, from 0 (silent) to 10 (as strong as it ever gets). \
Special characters inside a token are written with a backslash, and ⟨e2 82⟩ stands for the bytes \
of a part of a character.

Compare the tokens with high values, and what stands before them, and say in {wording.described} \
what they have in common. Be as specific as the tables allow; quote tokens where they are the \
point. Give the {wording.noun} alone: no numbers, no remarks about the tables."""


def tables_shown(tables: Sequence[Table], *, repeat: bool = True) -> str:
    """Tables one below the other, and where they are sparse their values above 0 once more.

    Args:
        tables: tokens and levels of each text.
        repeat: False shows every value once.
    """
    shown = "".join(activation_table(tokens, levels) for tokens, levels in tables)
    if not repeat or non_zero_share([levels for _, levels in tables]) >= SPARSE_SHARE:
        return shown
    firing = [_columns([p for p in zip(*t, strict=True) if p[1] > 0]) for t in tables]
    again = "".join(activation_table(tokens, levels) for tokens, levels in firing if tokens)
    return f"{shown}\nThe tokens with a value above 0, once more:\n{again}"


def non_zero_share(tables: Sequence[Sequence[int]]) -> float:
    """Share of the discretised values of all tables that are above 0; 0 where there are none.

    >>> non_zero_share([[10, 0, 0], [0, 10, 0]])
    0.3333333333333333
    """
    levels = [level for table in tables for level in table]
    return sum(level > 0 for level in levels) / max(1, len(levels))


def _table(exemplar: Exemplar, max_activation: float) -> Table:
    return exemplar.sequence.tokens, discretise(exemplar.activations, max_activation)


def _columns(text: Sequence[tuple[str, int]]) -> Table:
    return [token for token, _ in text], [level for _, level in text]


PLUGIN = TokenActivationPairs
