"""Simulate all tokens at once by letting the model write the table.

The model repeats the lines with numbers in place of `unknown`; each token's value is the expected
value over the alternatives at its number. It works on chat endpoints that give log-probabilities of
what they generate, and tells 1 from 10 by the chain rule. The price is as many output tokens as the
table has, and that every number is conditioned on those written before it.

Source: METHODS section 4, "all at once, generated".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from neuroscribe.llm.protocol import (
    Capabilities,
    ChatRequest,
    Dialogue,
    Message,
    Reply,
)
from neuroscribe.notation import UNKNOWN, escape
from neuroscribe.records import Prediction
from neuroscribe.simulator.distribution import (
    Expectation,
    holds_whole_ten,
)
from neuroscribe.simulator.few_shot import SCALE, SolvedUnit, question, solved_chat
from neuroscribe.simulator.reading import Reading, ask
from neuroscribe.simulator.written_table import expectation_at, number_indices

_ATTEMPTS = 2
_INSTRUCTIONS = f"""\
{SCALE} You are given an explanation of what a unit responds to, and a text as a table with one \
token per line. Write the lines between the markers again, all of them and in order: the token, a \
tab, and in place of `{UNKNOWN}` the value, a whole number, that fits the explanation. Write \
nothing else."""


@dataclass(frozen=True, kw_only=True)
class GeneratedLogprobs:
    """The all-at-once simulator on log-probabilities of a generated table."""

    top_logprobs: int = 20
    """Alternatives wanted at each generated token."""

    name: ClassVar[str] = "generated_logprobs"
    needs: ClassVar[str] = "log-probabilities of generated tokens"
    preference: ClassVar[int | None] = 20
    asks: ClassVar[bool] = True

    @classmethod
    def suits(cls, capabilities: Capabilities) -> bool:
        """Whether the endpoint gives log-probabilities of generated tokens."""
        return capabilities.generated_logprobs

    def __call__(
        self, explanation: str, tokens: Sequence[str], **_: object
    ) -> Dialogue[Prediction]:
        """Predict one value per token with one request, or two where the first answer is off."""
        request = ChatRequest(
            messages=self.prompt(explanation, tokens),
            max_tokens=_most_tokens(tokens),
            top_logprobs=self.top_logprobs,
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
        return solved_chat(_INSTRUCTIONS, explanation, tokens, ask=question, answer=_written)


def _written(unit: SolvedUnit) -> str:
    rows = zip(unit.tokens, unit.levels, strict=True)
    return "\n".join(f"{escape(token)}\t{level}" for token, level in rows)


def _most_tokens(tokens: Sequence[str]) -> int:
    """A table can be no longer than this: every token of an LLM covers at least one byte."""
    n_bytes = sum(len(escape(token).encode("utf-8", "surrogatepass")) for token in tokens)
    return n_bytes + 4 * len(tokens) + 16


def _read(reply: Reply, n_tokens: int) -> Reading:
    if reply.generated is None:
        return Reading(problem="no log-probabilities came with the answer")
    indices = number_indices(reply.generated)
    if len(indices) != n_tokens:
        return Reading(problem=f"{len(indices)} lines for {n_tokens} tokens: {reply.text}")
    ten_is_whole = any(
        holds_whole_ten(reply.generated[index].top) for index in indices if index is not None
    )
    expectations = [
        Expectation(None, 0)
        if index is None
        else expectation_at(reply.generated, index, ten_is_whole=ten_is_whole)
        for index in indices
    ]
    return Reading(
        expected=tuple(each.value for each in expectations),
        folded=sum(each.folded for each in expectations),
    )


PLUGIN = GeneratedLogprobs
