"""Score an explanation by whether an LLM can tell by it which tokens fire the unit.

The judge sees texts with marked tokens and says of each whether the marks fit the explanation. All
texts fire the unit; only the marks differ. In a positive they are the tokens that fire it. In a
negative they are as many others, drawn anew for every text (by the hash of seed, unit and
sequence): the same places in every negative would be a pattern that a judge can learn without the
explanation. Positives and negatives are different texts, every second one of the strongest, since a
text seen twice gives its two markings away. A text in which more than half of the tokens fire has
no room for wrong marks and is left out.

Source: METHODS section 5, after Paulo et al., 2024; the wording and the example are our own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from neuroscribe import texts
from neuroscribe.firing import firing_positions
from neuroscribe.llm.protocol import Dialogue
from neuroscribe.records import Exemplar, UnitRecord, content_hash
from neuroscribe.scoring.case import ScoringCase, ScoringResult
from neuroscribe.scoring.contrast import check_settings, firing_exemplars, why_none_fires
from neuroscribe.scoring.held_out import check_apart, seed_of
from neuroscribe.scoring.judging import FITS
from neuroscribe.scoring.opinions import Item
from neuroscribe.scoring.yes_no import SolvedTexts, YesNoJudge

_INSTRUCTIONS = f"""\
A unit of a neural network responds to something that occurs in texts. You are given an \
explanation of what that is, and numbered texts, one a line, in which some tokens are marked: they \
stand between ⟦ and ⟧. Special characters are written with a backslash, and ⟨e2 82⟩ stands for the \
bytes of a part of a character.

Decide for each text, on its own, whether what is marked is what the explanation describes: 1 if \
it is, 0 if the marks stand elsewhere, even where the text itself would fit. All texts may fit, or \
some, or none. Answer with a JSON object whose `{FITS}` holds one number for each text, in order, \
and write nothing else."""

_EXAMPLE = SolvedTexts(
    explanation='names of colours, such as "green"',
    shown=(
        "She wore a ⟦green⟧ scarf and ⟦red⟧ boots.",
        "⟦They⟧ sold the blue boat ⟦in⟧ spring.",
        "The ⟦walls⟧ were painted yellow last year.",
        "A ⟦purple⟧ light came on.",
    ),
    fits=(1, 0, 0, 1),
)


@dataclass(frozen=True, kw_only=True)
class Fuzzing(YesNoJudge):
    """The fuzzing scorer."""

    n_right: int = 10
    """Most texts with the right tokens marked."""
    n_wrong: int = 10
    """Most texts with other tokens marked."""
    balanced: bool = True
    """Whether to take as many of one as of the other."""

    name: ClassVar[str] = "fuzzing"
    needs: ClassVar[tuple[str, ...]] = ("capabilities",)
    report_sets: ClassVar[tuple[str, ...]] = ("top_marked",)
    judge: ClassVar[str | None] = None
    instructions: ClassVar[str] = _INSTRUCTIONS
    example: ClassVar[SolvedTexts] = _EXAMPLE

    def __post_init__(self) -> None:
        check_settings(self)

    def __call__(self, case: ScoringCase) -> Dialogue[ScoringResult]:
        """Judge and score one explanation.

        Raises:
            RecordError: the explanation has no text, or a sequence is not of `test` alone.
        """
        items, reason = self._items(case.record, seed=seed_of(case))
        return self.judge_items(case, items, report_set=self.report_sets[0], reason=reason)

    def _items(self, record: UnitRecord, *, seed: int) -> tuple[list[Item], str | None]:
        """The texts and their marks; or none, and why."""
        firing = firing_exemplars(record)
        check_apart(record, {"test": firing})
        usable = [each for each in firing if 2 * len(_firing(record, each)) <= len(each.sequence)]
        right, wrong = usable[::2][: self.n_right], usable[1::2][: self.n_wrong]
        if self.balanced:
            right, wrong = right[: len(wrong)], wrong[: len(right)]
        if not firing:
            return [], why_none_fires(record)
        if not right or not wrong:
            return [], (
                f"{len(usable)} of the {len(firing)} firing texts have room for wrong marks; at "
                "least 2 are needed"
            )
        return [
            *(_item(each, _firing(record, each), truth=True) for each in right),
            *(_item(each, other_positions(record, each, seed=seed), truth=False) for each in wrong),
        ], None


def other_positions(record: UnitRecord, exemplar: Exemplar, *, seed: int) -> list[int]:
    """As many positions as fire a unit, drawn among those that don't, for this sequence alone."""
    firing = _firing(record, exemplar)
    others = sorted(set(range(len(exemplar.sequence))) - set(firing))
    parts = ("marks", str(seed), str(record.unit), str(exemplar.sequence.sequence_id))
    generator = np.random.default_rng(int(content_hash(*parts), 16))
    drawn = generator.choice(len(others), size=len(firing), replace=False)
    return sorted(others[place] for place in drawn.tolist())


def _firing(record: UnitRecord, exemplar: Exemplar) -> list[int]:
    return firing_positions(exemplar.activations, record.max_activation)


def _item(exemplar: Exemplar, marked: Sequence[int], *, truth: bool) -> Item:
    return Item(
        exemplar=exemplar,
        shown=texts.mark(exemplar.sequence.tokens, marked),
        truth=truth,
        kind="top",
        marked=tuple(marked),
    )


PLUGIN = Fuzzing
