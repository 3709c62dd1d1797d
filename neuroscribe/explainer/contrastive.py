"""Explain a unit by what sets the texts that fire it apart from texts much like them.

Exemplars of one unit share a topic, and an LLM that sees nothing else explains the topic. Hard
negatives, sequences close to the exemplars by embedding on which the unit is silent, take that way
out. They come first and plain, then the marked exemplars; chosen exemplars on which the unit is
silent join the negatives. Without any negative there is no contrast: skipped, since the same prompt
without them is another explainer (`highlighted_text`).

Source: METHODS section 3, after the contrastive examples of Paulo et al., 2024.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from neuroscribe import texts
from neuroscribe.explainer.asking import Asking, Evidence, Example, shown_exemplars
from neuroscribe.explainer.few_shot import SOLVED_UNITS
from neuroscribe.explainer.forms import Wording
from neuroscribe.explainer.highlighted_text import solved_marked, unmarked
from neuroscribe.explainer.marked_texts import Marked, marked, marked_shown
from neuroscribe.firing import fires
from neuroscribe.records import Exemplar, UnitRecord
from neuroscribe.services import Negatives

_SILENT = "The unit is silent on these texts:"
_FIRING = "The unit fires on these, where marked:"


@dataclass(frozen=True, kw_only=True)
class Contrastive(Asking):
    """The explainer of marked exemplars next to hard negatives."""

    negatives: Negatives = field(compare=False)
    """Sequences on which a unit is silent; hard ones, by embedding."""
    n_exemplars: int = 10
    """Top exemplars that the LLM is shown, the strongest first, where no others were chosen."""
    n_negatives: int = 5
    """Texts on which the unit is silent that the LLM is shown at most."""

    name: ClassVar[str] = "contrastive"
    needs: ClassVar[tuple[str, ...]] = ("negatives",)

    def evidence(self, record: UnitRecord, shown: Sequence[Exemplar] | None = None) -> Evidence:
        """Negatives, then marked exemplars."""
        exemplars = shown_exemplars(record, shown, self.n_exemplars)
        firing = [exemplar for exemplar in exemplars if fires(record, exemplar)]
        silent = [exemplar for exemplar in exemplars if not fires(record, exemplar)]
        reason = unmarked(record, exemplars)
        if reason is None and len(silent) < self.n_negatives:
            wanted = self.n_negatives - len(silent)
            silent += shown_exemplars(record, self.negatives(record, "train", firing, wanted), 0)
        if reason is None and not silent:
            reason = f"there is no text on which {record.unit} is silent to set its exemplars apart"
        return Evidence(
            _groups(
                [texts.plain(exemplar.sequence.tokens) for exemplar in silent[: self.n_negatives]],
                [marked(exemplar, record.max_activation) for exemplar in firing],
            ),
            ("exemplars", "negatives"),
            reason,
        )

    def examples(self) -> Iterator[Example]:
        """The solved units with texts that resemble theirs."""
        for unit in SOLVED_UNITS:
            yield Example(_groups(unit.silent_texts, solved_marked(unit)), unit.answers)

    def instructions(self, wording: Wording) -> str:
        """What the two groups are, and what is wanted."""
        return f"""\
You find out what single units of a neural network respond to. Below you see two groups of texts, \
each numbered. On the first group one unit is silent, though the texts are much like the others. \
On the second it fires: the tokens that fire it stand between ⟦ and ⟧, and below each text they \
are listed with their values, from 0 (silent) to 10 (as strong as it ever gets). Special \
characters are written with a backslash, and ⟨e2 82⟩ stands for the bytes of a part of a character.

Say in {wording.described} what is particular to what is marked: true of the marks, and of nothing \
in the texts on which the unit is silent. A topic that both groups share is no answer. Quote \
tokens where they are the point. Give the {wording.noun} alone: no numbers, no remarks about \
texts, groups or marks."""


def _groups(silent: Sequence[str], firing: Sequence[Marked]) -> str:
    return f"{_SILENT}\n{texts.numbered(silent)}\n{_FIRING}\n{marked_shown(firing)}"


PLUGIN = Contrastive
