"""Score an explanation by how much less it leaves a language model surprised by firing texts.

Each text is read twice: after the explanation, and after one that says nothing. What the second
costs more, in nats, is what the explanation told of the text; the area under the curve says how
well that ranks firing above silent texts. A difference of losses, because a text that is hard for
the model is hard after both. It needs log-probabilities of a prompt, so most hosted models cannot
do it; where they cannot, the score has no value and says so, and nothing is asked.

Source: METHODS section 5, after Paulo et al., 2024; the wording is our own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from neuroscribe.llm.protocol import Capabilities, ContinuationRequest, Dialogue, Reply
from neuroscribe.scoring.case import ScoringCase, ScoringResult
from neuroscribe.scoring.contrast import Contrasting
from neuroscribe.scoring.held_out import texts_of
from neuroscribe.scoring.opinions import Item, Opinion
from neuroscribe.scoring.verdicts import verdict_result
from neuroscribe.texts import explanation_line

NOTHING = "nothing in particular"
"""The explanation that says nothing."""


@dataclass(frozen=True, kw_only=True)
class Surprisal(Contrasting):
    """The surprisal scorer."""

    capabilities: Capabilities
    """Of the language model."""

    name: ClassVar[str] = "surprisal"
    needs: ClassVar[tuple[str, ...]] = ("negatives", "capabilities")
    judge: ClassVar[str | None] = None

    def __call__(self, case: ScoringCase) -> Dialogue[ScoringResult]:
        """Rank and score one explanation.

        Raises:
            RecordError: the explanation has no text, or a sequence is not of `test` alone.
        """
        explanations = texts_of(case)
        # As it reads: escapes would surprise the model after both alike, but for no reason.
        items, reason = self.items(case.record, lambda sequence: sequence.text.strip())
        if not self.capabilities.prompt_logprobs:
            items = []
            reason = (
                "the endpoint gives no log-probabilities of a prompt (`/v1/completions` with "
                "`echo`), by which a model's surprise is measured"
            )
        requests = [
            request for said in (*explanations, NOTHING) for request in self.requests(said, items)
        ]
        replies = (yield requests) if requests else []
        neutral = replies[len(explanations) * len(items) :]
        opinions = [
            [
                _opinion(told, untold)
                for told, untold in zip(
                    replies[turn * len(items) : (turn + 1) * len(items)], neutral, strict=True
                )
            ]
            for turn in range(len(explanations))
        ]
        return verdict_result(
            case,
            items,
            opinions,
            scorer=self.name,
            report_set=self.report_sets[0],
            metrics=("auc",),
            reason=reason,
        )

    def requests(self, explanation: str, items: Sequence[Item]) -> list[ContinuationRequest]:
        """Every text after an explanation."""
        context = f"{explanation_line(explanation)}Text:\n"
        return [ContinuationRequest(context=context, continuation=item.shown) for item in items]


def _opinion(told: Reply, untold: Reply) -> Opinion:
    for reply in (told, untold):
        if reply.status != "ok":
            reason = reply.reason or f"the reply is {reply.status!r}"
            return Opinion(status=reply.status, llm=reply.llm, reason=reason)
    if told.loss is None or untold.loss is None:
        reason = "the endpoint gave no loss of the text"
        return Opinion(status="unparsed", llm=told.llm, reason=reason)
    return Opinion(status="ok", llm=told.llm, probability=untold.loss - told.loss)


PLUGIN = Surprisal
