"""Explain a unit from texts in which the tokens that fire it are marked.

Where tables show every token, this shows texts as they read, with the tokens above 30% of the
unit's maximum between `⟦` and `⟧` and their values below. A text takes half as many LLM tokens as a
table, so twice as many exemplars fit; what fires faintly is not seen.

Source: Paulo et al., 2024 (marks from 0.3 of the maximum, values of the marked tokens below).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from neuroscribe.explainer.asking import Asking, Evidence, Example, shown_exemplars, silence
from neuroscribe.explainer.few_shot import SOLVED_UNITS, SolvedUnit
from neuroscribe.explainer.forms import Wording
from neuroscribe.explainer.marked_texts import Marked, marked, marked_shown
from neuroscribe.firing import FIRING_SHARE, fires
from neuroscribe.notation import MAX_LEVEL
from neuroscribe.records import Exemplar, UnitRecord


@dataclass(frozen=True, kw_only=True)
class HighlightedText(Asking):
    """The explainer of marked texts."""

    n_exemplars: int = 10
    """Top exemplars that the LLM is shown, the strongest first, where no others were chosen."""

    name: ClassVar[str] = "highlighted_text"

    def evidence(self, record: UnitRecord, shown: Sequence[Exemplar] | None = None) -> Evidence:
        """The exemplars as marked texts."""
        exemplars = shown_exemplars(record, shown, self.n_exemplars)
        return Evidence(
            marked_shown([marked(exemplar, record.max_activation) for exemplar in exemplars]),
            ("exemplars",),
            unmarked(record, exemplars),
        )

    def examples(self) -> Iterator[Example]:
        """The solved units as marked texts."""
        for unit in SOLVED_UNITS:
            yield Example(marked_shown(solved_marked(unit)), unit.answers)

    def instructions(self, wording: Wording) -> str:
        """What marks are, and what is wanted."""
        return f"""\
You find out what single units of a neural network respond to. Below you see texts on which one \
unit is at its strongest, numbered. The tokens that fire it stand between ⟦ and ⟧, and below each \
text they are listed with their values, from 0 (silent) to 10 (as strong as it ever gets). Special \
characters are written with a backslash, and ⟨e2 82⟩ stands for the bytes of a part of a character.

Compare what is marked, and what stands before it, and say in {wording.described} what it has in \
common. Be as specific as the texts allow; quote tokens where they are the point. Give the \
{wording.noun} alone: no numbers, no remarks about texts or marks."""


def unmarked(record: UnitRecord, exemplars: Sequence[Exemplar]) -> str | None:
    """Why there is no marked text to explain a unit from; None where there is one."""
    reason = silence(record, exemplars)
    if reason is None and not any(fires(record, exemplar) for exemplar in exemplars):
        return f"{record.unit} fires on none of the {len(exemplars)} exemplars chosen"
    return reason


def solved_marked(unit: SolvedUnit) -> list[Marked]:
    """The texts of a solved unit, marked as a real unit's are."""
    return [
        (
            [token for token, _ in text],
            {
                place: level
                for place, (_, level) in enumerate(text)
                if level > FIRING_SHARE * MAX_LEVEL
            },
        )
        for text in unit.texts
    ]


PLUGIN = HighlightedText
