"""Score an explanation by whether an LLM can tell by it which texts fire the unit.

The judge sees plain texts and says of each whether it holds what the explanation describes. That is
cheap, a few requests per explanation, and hard to game by naming a frequent token; it doesn't see
whether the explanation points at the right token (that is `fuzzing`).

Source: METHODS section 5, after Paulo et al., 2024; the wording and the example are our own.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from neuroscribe import texts
from neuroscribe.llm.protocol import Capabilities, Dialogue, Message
from neuroscribe.scoring.case import ScoringCase, ScoringResult
from neuroscribe.scoring.contrast import Contrasting
from neuroscribe.scoring.held_out import seed_of, texts_of
from neuroscribe.scoring.judging import FITS, judged, question
from neuroscribe.scoring.verdicts import verdict_result

_INSTRUCTIONS = f"""\
A unit of a neural network responds to something that occurs in texts. You are given an \
explanation of what that is, and numbered texts, one a line. Special characters are written with a \
backslash, and ⟨e2 82⟩ stands for the bytes of a part of a character.

Decide for each text, on its own, whether what the explanation describes occurs in it: 1 if it \
does, 0 if it does not. All texts may fit, or some, or none. Answer with a JSON object whose \
`{FITS}` holds one number for each text, in order, and write nothing else."""

_EXAMPLE = (
    'names of colours, such as "green"',
    (
        "She wore a green scarf and red boots.",
        "My uncle took the bus at noon.",
        "total = sum(rows)",
        "The walls were painted yellow last year.",
    ),
)
_EXAMPLE_ANSWER = json.dumps({FITS: [1, 0, 0, 1]})


@dataclass(frozen=True, kw_only=True)
class Detection(Contrasting):
    """The detection scorer."""

    capabilities: Capabilities
    """Of the judge: schema and log-probabilities are used where it has them."""
    texts_per_request: int = 5

    name: ClassVar[str] = "detection"
    needs: ClassVar[tuple[str, ...]] = ("negatives", "capabilities")
    judge: ClassVar[str | None] = None

    def __call__(self, case: ScoringCase) -> Dialogue[ScoringResult]:
        """Judge and score one explanation.

        Raises:
            RecordError: the explanation has no text, or a sequence is not of `test` alone.
        """
        explanations = texts_of(case)
        items, reason = self.items(case.record, lambda sequence: texts.plain(sequence.tokens))
        opinions = yield from judged(
            explanations,
            items,
            self.prompt,
            capabilities=self.capabilities,
            texts_per_request=self.texts_per_request,
            seed=seed_of(case),
        )
        return verdict_result(
            case,
            items,
            opinions,
            scorer=self.name,
            report_set=self.report_sets[0],
            reason=reason,
        )

    def prompt(self, explanation: str, shown: Sequence[str]) -> tuple[Message, ...]:
        """The chat that is sent: instructions, one solved example, and the texts."""
        return (
            Message(role="system", content=_INSTRUCTIONS),
            Message(role="user", content=question(*_EXAMPLE)),
            Message(role="assistant", content=_EXAMPLE_ANSWER),
            Message(role="user", content=question(explanation, shown)),
        )


PLUGIN = Detection
