"""Simulate all tokens at once as a JSON array of integers.

For endpoints without log-probabilities. The value is the integer itself, so all that the model knew
about its own doubt is lost and ties are common; scores are therefore not comparable with those of
the other simulators. Models miscount long arrays: the number of tokens is stated, the schema fixes
the length, and an answer of another length is asked for once more, never cut or filled up.

Source: METHODS section 4, "structured, no log-probabilities".
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from neuroscribe.llm.answer_schema import array_of, object_with
from neuroscribe.llm.protocol import Capabilities, ChatRequest, Dialogue, Message, Reply
from neuroscribe.notation import MAX_LEVEL
from neuroscribe.records import Prediction
from neuroscribe.simulator.few_shot import SCALE, SolvedUnit, question, solved_chat
from neuroscribe.simulator.reading import Reading, ask

_ATTEMPTS = 2
_INSTRUCTIONS = f"""\
{SCALE} You are given an explanation of what a unit responds to, and a text as a table with one \
token per line. Answer with a JSON object whose `activations` are the values, whole numbers, that \
fit the explanation: one for each line of the table, in order."""


@dataclass(frozen=True, kw_only=True)
class Structured:
    """The all-at-once simulator on structured output."""

    name: ClassVar[str] = "structured"
    needs: ClassVar[str] = "answers that follow a JSON schema"
    preference: ClassVar[int | None] = 30
    asks: ClassVar[bool] = True

    @classmethod
    def suits(cls, capabilities: Capabilities) -> bool:
        """Whether the endpoint follows a JSON schema."""
        return capabilities.json_schema

    def __call__(
        self, explanation: str, tokens: Sequence[str], **_: object
    ) -> Dialogue[Prediction]:
        """Predict one value per token with one request, or two where the first answer is off."""
        request = ChatRequest(
            messages=self.prompt(explanation, tokens),
            max_tokens=6 * len(tokens) + 32,
            schema=schema(len(tokens)),
        )
        return ask(
            request,
            lambda reply: _read(reply, len(tokens)),
            simulator=self.name,
            n_tokens=len(tokens),
            attempts=_ATTEMPTS,
        )

    def prompt(self, explanation: str, tokens: Sequence[str]) -> tuple[Message, ...]:
        """The chat that is sent: instructions, the solved units, and the question."""
        return solved_chat(_INSTRUCTIONS, explanation, tokens, ask=_ask, answer=_answer)


def schema(n_tokens: int) -> Mapping[str, Any]:
    """JSON schema of an answer for `n_tokens` tokens."""
    level = {"type": "integer", "minimum": 0, "maximum": MAX_LEVEL}
    return object_with("activations", array_of(level, n_tokens))


def _ask(explanation: str, tokens: Sequence[str]) -> str:
    return f"{question(explanation, tokens)}Number of lines: {len(tokens)}"


def _answer(unit: SolvedUnit) -> str:
    return json.dumps({"activations": unit.levels})


def _read(reply: Reply, n_tokens: int) -> Reading:
    try:
        answer = json.loads(reply.text)
    except (ValueError, RecursionError) as error:
        return Reading(problem=f"the answer is not JSON ({error}): {reply.text}")
    values = answer.get("activations") if isinstance(answer, dict) else None
    if not isinstance(values, list):
        return Reading(problem=f"the answer has no array `activations`: {reply.text}")
    if len(values) != n_tokens:
        return Reading(problem=f"{len(values)} values for {n_tokens} tokens: {reply.text}")
    for value in values:
        if type(value) is not int or not 0 <= value <= MAX_LEVEL:
            problem = f"{value!r} is not a whole number from 0 to {MAX_LEVEL}: {reply.text}"
            return Reading(problem=problem)
    return Reading(expected=tuple(map(float, values)))


PLUGIN = Structured
