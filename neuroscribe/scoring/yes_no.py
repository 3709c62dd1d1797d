"""What judges that say yes or no of each text have in common: the chat, and the road to scores."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from neuroscribe.llm.protocol import Capabilities, Dialogue, Message
from neuroscribe.scoring.case import ScoringCase, ScoringResult
from neuroscribe.scoring.held_out import seed_of, texts_of
from neuroscribe.scoring.judging import FITS, judged, question
from neuroscribe.scoring.opinions import Item
from neuroscribe.scoring.verdicts import verdict_result


class SolvedTexts(NamedTuple):
    """An example that shows a judge what is wanted."""

    explanation: str
    shown: tuple[str, ...]
    fits: tuple[int, ...]
    """1 where a text fits, 0 where it does not."""


@dataclass(frozen=True, kw_only=True)
class YesNoJudge:
    """The settings of such judges."""

    capabilities: Capabilities
    """Of the judge: schema and log-probabilities are used where it has them."""
    texts_per_request: int = 5

    name: ClassVar[str]
    instructions: ClassVar[str]
    example: ClassVar[SolvedTexts]

    def judge_items(
        self, case: ScoringCase, items: Sequence[Item], *, report_set: str, reason: str | None
    ) -> Dialogue[ScoringResult]:
        """Judge the items by every explanation of a case, in one round, and score the verdicts.

        Args:
            case: whose explanations.
            items: the texts; without any nobody is asked.
            report_set: what the texts are called.
            reason: why there are none.

        Raises:
            RecordError: the explanation has no text.
        """
        opinions = yield from judged(
            texts_of(case),
            items,
            self.prompt,
            capabilities=self.capabilities,
            texts_per_request=self.texts_per_request,
            seed=seed_of(case),
        )
        return verdict_result(
            case, items, opinions, scorer=self.name, report_set=report_set, reason=reason
        )

    def prompt(self, explanation: str, shown: Sequence[str]) -> tuple[Message, ...]:
        """The chat that is sent: instructions, one solved example, and the texts."""
        solved = self.example
        return (
            Message(role="system", content=self.instructions),
            Message(role="user", content=question(solved.explanation, solved.shown)),
            Message(role="assistant", content=json.dumps({FITS: solved.fits})),
            Message(role="user", content=question(explanation, shown)),
        )
