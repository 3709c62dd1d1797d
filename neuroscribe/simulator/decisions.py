"""Simulate all tokens at once by typed questions: one `choice` from "0" to "10" per token.

Servers with typed decisions (`/v1/decisions`, `/v1/systemone`) answer each question about one input
with a probability per option. So the whole distribution of every token comes in one request:
nothing is generated, nothing parsed, no alternative is cut off at the twentieth, and a tokenizer
that cuts "10" in two does no harm. Some servers read the input anew for every question, so it
holds no solved units; a server that reads it once answers 400 questions for the price of a prompt.
No other tool simulates this way. Scores are not comparable with those of other simulators.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from neuroscribe.llm.protocol import Capabilities, DecideRequest, Dialogue, Question, Reply
from neuroscribe.notation import MAX_LEVEL, activation_table, escape
from neuroscribe.records import Prediction
from neuroscribe.simulator.distribution import mean_level
from neuroscribe.simulator.few_shot import SCALE, explanation_line
from neuroscribe.simulator.reading import Reading, ask

OPTIONS = tuple(map(str, range(MAX_LEVEL + 1)))
_PREFIX = f"""\
{SCALE} Below is what is known of a unit, and a text with one numbered token per line. Say how \
active the unit is at the token that is asked for.

"""


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """The all-at-once simulator on typed questions."""

    name: ClassVar[str] = "decisions"
    needs: ClassVar[str] = "probabilities of the options of typed questions"
    preference: ClassVar[int | None] = 15
    asks: ClassVar[bool] = True

    @classmethod
    def suits(cls, capabilities: Capabilities) -> bool:
        """Whether the endpoint answers typed questions."""
        return capabilities.decisions

    def __call__(
        self, explanation: str, tokens: Sequence[str], **_: object
    ) -> Dialogue[Prediction]:
        """Predict one value per token with one request."""
        request = DecideRequest(
            input=self.prompt(explanation, tokens),
            questions=tuple(
                Question(text=question_text(number, token), options=OPTIONS)
                for number, token in enumerate(tokens, start=1)
            ),
        )
        return ask(
            request,
            lambda reply: _read(reply, len(tokens)),
            simulator=self.name,
            n_tokens=len(tokens),
            attempts=1,
        )

    def prompt(self, explanation: str, tokens: Sequence[str]) -> str:
        """What all questions are about."""
        numbers = [str(number) for number in range(1, len(tokens) + 1)]
        table = activation_table(numbers, list(map(escape, tokens)))
        return f"{_PREFIX}{explanation_line(explanation)}{table}"


def question_text(number: int, token: str) -> str:
    """The question about one token, by its number from 1.

    >>> question_text(2, " rain")
    'How active is the unit at token 2, " rain"?'
    """
    return f'How active is the unit at token {number}, "{escape(token)}"?'


def _read(reply: Reply, n_tokens: int) -> Reading:
    decisions = reply.decisions or ()
    if len(decisions) != n_tokens:
        return Reading(problem=f"answers came to {len(decisions)} of {n_tokens} questions")
    expected = tuple(None if each is None else mean_level(each) for each in decisions)
    return Reading(expected=expected)


PLUGIN = Decisions
