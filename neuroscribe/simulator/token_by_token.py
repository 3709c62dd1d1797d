"""Simulate one token a request: slow, and exact where the others take short cuts.

Each prompt shows the text up to and including one token and nothing after it, as the subject saw
it, and no number that was predicted before. The model writes the token's line with its number; the
value is the expected value over the alternatives at that number, and "10" in two tokens is told
from "1" by what follows. A sequence costs as many prompts as it has tokens, so this is a
cross-check of the all-at-once simulators and is never chosen on its own.

Source: Bills et al., 2023 (one request a token); the words are our own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from neuroscribe.llm.protocol import (
    Capabilities,
    ChatRequest,
    Dialogue,
    GeneratedToken,
    Message,
    Reply,
)
from neuroscribe.notation import UNKNOWN, escape
from neuroscribe.records import Prediction
from neuroscribe.simulator.distribution import (
    Expectation,
    holds_whole_ten,
)
from neuroscribe.simulator.few_shot import SCALE, SOLVED_UNITS, question
from neuroscribe.simulator.written_table import expectation_at, is_level, number_indices

_ATTEMPTS = 2
_INSTRUCTIONS = f"""\
{SCALE} You are given a text up to some token, an explanation of what a unit responds to, and that \
last token again as a table of one line. Write the line between the markers again: the token, a \
tab, and in place of `{UNKNOWN}` the value, a whole number, that fits the explanation. Write \
nothing else."""
_SOLVED = ((0, 3), (0, 4), (1, 2), (1, 9), (2, 6))
"""Which tokens of which solved units are shown."""


@dataclass(frozen=True, kw_only=True)
class TokenByToken:
    """The simulator that asks for every token apart."""

    top_logprobs: int = 20
    """Alternatives wanted at each generated token."""

    name: ClassVar[str] = "token_by_token"
    needs: ClassVar[str] = "log-probabilities of generated tokens"
    preference: ClassVar[int | None] = None
    asks: ClassVar[bool] = True

    @classmethod
    def suits(cls, capabilities: Capabilities) -> bool:
        """Whether the endpoint gives log-probabilities of generated tokens."""
        return capabilities.generated_logprobs

    def __call__(
        self, explanation: str, tokens: Sequence[str], **_: object
    ) -> Dialogue[Prediction]:
        """Predict one value per token with one request each; answers that are off once more.

        One request that fails or is refused decides for all: the others are in the journal, so a
        second run asks for it alone. A token whose answer holds no number is missing.
        """
        requests = [
            ChatRequest(
                messages=self.prompt(explanation, tokens[: index + 1]),
                max_tokens=_most_tokens(token),
                top_logprobs=self.top_logprobs,
            )
            for index, token in enumerate(tokens)
        ]
        return _ask(requests, self.name)

    def prompt(self, explanation: str, tokens: Sequence[str]) -> tuple[Message, ...]:
        """The chat that asks for the last of the tokens."""
        messages = [Message(role="system", content=_INSTRUCTIONS)]
        for unit_index, place in _SOLVED:
            unit = SOLVED_UNITS[unit_index]
            asked = _question(unit.explanation, unit.tokens[: place + 1])
            answer = f"{escape(unit.tokens[place])}\t{unit.levels[place]}"
            messages.append(Message(role="user", content=asked))
            messages.append(Message(role="assistant", content=answer))
        return (*messages, Message(role="user", content=_question(explanation, tokens)))


def _question(explanation: str, tokens: Sequence[str]) -> str:
    return f"Text: {''.join(map(escape, tokens))}\n{question(explanation, tokens[-1:])}"


def _most_tokens(token: str) -> int:
    return len(escape(token).encode("utf-8", "surrogatepass")) + 16


def _ask(requests: Sequence[ChatRequest], simulator: str) -> Dialogue[Prediction]:
    answers: list[Reply] = []
    expectations = [Expectation(None, 0)] * len(requests)
    for attempt in range(_ATTEMPTS):
        unread = [index for index, each in enumerate(expectations) if each.value is None]
        if not unread:
            break
        replies = yield [replace(requests[index], sample=attempt) for index in unread]
        answers += replies
        bad = next((reply for reply in replies if reply.status in ("failed", "refused")), None)
        if bad is not None:
            return Prediction(
                status=bad.status,
                expected=(None,) * len(requests),
                simulator=simulator,
                llm=bad.llm,
                reason=bad.reason or bad.text,
            )
        ten_is_whole = any(_shows_whole_ten(reply) for reply in answers)
        for index, reply in zip(unread, replies, strict=True):
            expectations[index] = _read(reply, ten_is_whole=ten_is_whole)
    n_missing = sum(each.value is None for each in expectations)
    return Prediction(
        status="unparsed" if n_missing == len(requests) else "ok",
        expected=tuple(each.value for each in expectations),
        simulator=simulator,
        llm=answers[0].llm,
        reason=f"{n_missing} of {len(requests)} answers hold no number" if n_missing else None,
        folded=sum(each.folded for each in expectations),
    )


def _shows_whole_ten(reply: Reply) -> bool:
    return any(holds_whole_ten(token.top) for token in reply.generated or ())


def _alone(generated: Sequence[GeneratedToken]) -> int | None:
    """Where the number begins in an answer that is nothing else."""
    if not is_level("".join(token.text for token in generated)):
        return None
    return next(index for index, token in enumerate(generated) if token.text.strip())


def _read(reply: Reply, *, ten_is_whole: bool) -> Expectation:
    generated = reply.generated or ()
    rows = number_indices(generated)
    # Some models write the number alone.
    index = rows[0] if rows else _alone(generated)
    if index is None:
        return Expectation(None, 0)
    return expectation_at(generated, index, ten_is_whole=ten_is_whole)


PLUGIN = TokenByToken
