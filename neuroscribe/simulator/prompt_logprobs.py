"""Simulate all tokens at once from the log-probabilities of a prompt.

One completion prompt lists every token with the placeholder `unknown`; what the model expects in
place of each placeholder is the distribution of that token's value. One request a sequence, nothing
generated, and a whole distribution per token; but few hosts give log-probabilities of prompts, and
a tokenizer that cuts "10" in two makes 1 and 10 one and the same first token, which cannot be
undone here: `choose` passes such endpoints on to the next one that suits.

Source: Bills et al., 2023 (all at once, and leading placeholders in the solved units).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from neuroscribe.llm.protocol import Capabilities, Dialogue, PromptLogprobsRequest, Reply
from neuroscribe.notation import UNKNOWN, activation_table, slots_of
from neuroscribe.records import Prediction
from neuroscribe.simulator.distribution import expectation
from neuroscribe.simulator.few_shot import (
    SCALE,
    SOLVED_UNITS,
    explanation_line,
    question,
    unknown_table,
)
from neuroscribe.simulator.reading import Reading, ask

_LEADING_UNKNOWN = 3
"""So many values of each solved unit are left out: a number may well follow placeholders."""


def _solved_units() -> str:
    shown = []
    for unit in SOLVED_UNITS:
        levels = unit.levels[_LEADING_UNKNOWN:]
        table = activation_table(unit.tokens, [*[UNKNOWN] * _LEADING_UNKNOWN, *levels])
        shown.append(f"{explanation_line(unit.explanation)}{table}\n")
    return "".join(shown)


_PREFIX = f"""\
{SCALE} Below, units are explained, and the values that fit each explanation are noted for the \
tokens of one text. Values that nobody noted are `{UNKNOWN}`.

{_solved_units()}"""


@dataclass(frozen=True, kw_only=True)
class PromptLogprobs:
    """The all-at-once simulator on prompt log-probabilities."""

    top_logprobs: int = 20
    """Alternatives wanted at each placeholder; most servers give at most 20."""

    name: ClassVar[str] = "prompt_logprobs"
    needs: ClassVar[str] = (
        'log-probabilities of prompt tokens, and a tokenizer that keeps "10" whole or a local model'
    )
    preference: ClassVar[int | None] = 10
    asks: ClassVar[bool] = True

    @classmethod
    def suits(cls, capabilities: Capabilities) -> bool:
        """Whether the endpoint gives prompt log-probabilities that tell 1 from 10."""
        return capabilities.prompt_logprobs and not capabilities.splits_ten

    def __call__(
        self, explanation: str, tokens: Sequence[str], **_: object
    ) -> Dialogue[Prediction]:
        """Predict one value per token with one request."""
        prompt = self.prompt(explanation, tokens)
        request = PromptLogprobsRequest(
            prompt=prompt,
            slots=slots_of(prompt, unknown_table(tokens)),
            top_logprobs=self.top_logprobs,
        )
        return ask(
            request,
            lambda reply: _read(reply, len(tokens)),
            simulator=self.name,
            n_tokens=len(tokens),
            attempts=1,
        )

    def prompt(self, explanation: str, tokens: Sequence[str]) -> str:
        """The text whose placeholders are read."""
        return _PREFIX + question(explanation, tokens)


def _read(reply: Reply, n_tokens: int) -> Reading:
    slots = reply.slots or ()
    if len(slots) != n_tokens:
        return Reading(problem=f"log-probabilities came for {len(slots)} of {n_tokens} tokens")
    expectations = [expectation(slot or {}) for slot in slots]
    return Reading(
        expected=tuple(each.value for each in expectations),
        folded=sum(each.folded for each in expectations),
    )


PLUGIN = PromptLogprobs
