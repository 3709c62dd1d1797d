"""Score an explanation by whether an LLM can tell by it which texts fire the unit.

The judge sees plain texts and says of each whether it holds what the explanation describes. That is
cheap, a few requests per explanation, and hard to game by naming a frequent token; it doesn't see
whether the explanation points at the right token (that is `fuzzing`).

Source: METHODS section 5, after Paulo et al., 2024; the wording and the example are our own.
"""

from dataclasses import dataclass
from typing import ClassVar

from neuroscribe import texts
from neuroscribe.llm.protocol import Dialogue
from neuroscribe.scoring.case import ScoringCase, ScoringResult
from neuroscribe.scoring.contrast import Contrasting
from neuroscribe.scoring.judging import FITS
from neuroscribe.scoring.yes_no import SolvedTexts, YesNoJudge

_INSTRUCTIONS = f"""\
A unit of a neural network responds to something that occurs in texts. You are given an \
explanation of what that is, and numbered texts, one a line. Special characters are written with a \
backslash, and ⟨e2 82⟩ stands for the bytes of a part of a character.

Decide for each text, on its own, whether what the explanation describes occurs in it: 1 if it \
does, 0 if it does not. All texts may fit, or some, or none. Answer with a JSON object whose \
`{FITS}` holds one number for each text, in order, and write nothing else."""

_EXAMPLE = SolvedTexts(
    explanation='names of colours, such as "green"',
    shown=(
        "She wore a green scarf and red boots.",
        "My uncle took the bus at noon.",
        "total = sum(rows)",
        "The walls were painted yellow last year.",
    ),
    fits=(1, 0, 0, 1),
)


@dataclass(frozen=True, kw_only=True)
class Detection(Contrasting, YesNoJudge):
    """The detection scorer."""

    name: ClassVar[str] = "detection"
    needs: ClassVar[tuple[str, ...]] = ("negatives", "capabilities")
    judge: ClassVar[str | None] = None
    instructions: ClassVar[str] = _INSTRUCTIONS
    example: ClassVar[SolvedTexts] = _EXAMPLE

    def __call__(self, case: ScoringCase) -> Dialogue[ScoringResult]:
        """Judge and score one explanation.

        Raises:
            RecordError: the explanation has no text, or a sequence is not of `test` alone.
        """
        items, reason = self.items(case.record, lambda sequence: texts.plain(sequence.tokens))
        return self.judge_items(case, items, report_set=self.report_sets[0], reason=reason)


PLUGIN = Detection
