r"""Reading what a judge answers: a JSON object, and the probabilities behind its digits.

An endpoint that follows schemas answers with the object alone; others wrap it in words or code
fences, so the last object in the text that has the key is taken. The digits of the answer are then
looked up among the generated tokens. A tokenizer that joins a digit with punctuation (`[0`, `1,`)
hides the other digit's probability: then there is none, rather than a guess.
"""

import json
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, Generic, TypeVar

from neuroscribe.llm.protocol import ChatRequest, Dialogue, GeneratedToken, Reply, TopLogprobs
from neuroscribe.records import Status

ValueT = TypeVar("ValueT")

_DECODER = json.JSONDecoder()
_ATTEMPTS = 2
_REFUSED = (400, 422)
"""HTTP statuses of an endpoint that does not take what is asked."""


@dataclass(frozen=True)
class Problem:
    """Why an answer cannot be read, in a sentence."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Answer(Generic[ValueT]):
    """What came of a question."""

    status: Status
    llm: str
    value: ValueT | None = None
    """None unless `status` is `ok`."""
    reason: str | None = None
    """What went wrong where `status` is not `ok`."""


def ask(
    request: ChatRequest, read: Callable[[Reply], ValueT | Problem]
) -> Dialogue[Answer[ValueT]]:
    """Ask once, and once more where the answer cannot be read (as the next sample).

    A verdict without a probability is worth more than none. So an answer that came without the
    log-probabilities that were wanted is read all the same, and an endpoint that refuses them (some
    give log-probabilities or follow a schema, but not both at once) is asked again without.
    """
    for attempt in range(_ATTEMPTS):
        (reply,) = yield [replace(request, sample=request.sample + attempt)]
        if reply.status == "failed" and request.top_logprobs:
            if reply.text:
                reply = replace(reply, status="ok", reason=None)
            elif reply.http_status in _REFUSED and attempt + 1 < _ATTEMPTS:
                request = replace(request, top_logprobs=0)
                continue
        status: Status = reply.status
        reason = reply.reason or f"the reply is {status!r}"
        if status == "ok":
            value = read(reply)
            if not isinstance(value, Problem):
                return Answer(status="ok", llm=reply.llm, value=value)
            status, reason = "unparsed", value.text
        if status != "unparsed":
            break
    return Answer(status=status, llm=reply.llm, reason=reason)


def read_key(text: str, key: str) -> Any | Problem:
    """The value of `key` in the last JSON object of a text that has it.

    >>> read_key('Sure: {"fits": [1, 0]}', "fits")
    [1, 0]
    """
    found: Any = Problem(f"the answer has no JSON object with `{key}`: {text}")
    for match in re.finditer(r"\{", text):
        try:
            answer, _ = _DECODER.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            continue
        found = answer.get(key, found)
    return found


def digit_probabilities(
    generated: Sequence[GeneratedToken] | None, key: str, n_digits: int, options: Collection[str]
) -> list[Mapping[str, float] | None]:
    """The probability of each option at each digit that an answer gives under a key.

    Args:
        generated: the answer's tokens with their alternatives; None where there are none.
        key: as in `read_key`.
        n_digits: how many there are to be.
        options: what each of them can be, one digit each.

    Returns:
        One entry per digit: probabilities that sum to 1, or None where they cannot be read.
    """
    nothing: list[Mapping[str, float] | None] = [None] * n_digits
    text = "".join(token.text for token in generated or ())
    found = list(re.finditer(rf'"{key}"\s*:\s*(\[[^\[\]]*\]|\d+)', text))
    if not generated or not found:
        return nothing
    places = [match.start() for match in re.finditer(r"\d+", text) if _within(match, found[-1])]
    if len(places) != n_digits:
        return nothing
    starts = list(accumulate((len(token.text) for token in generated), initial=0))
    return [_at(generated, starts, place, options) for place in places]


def _within(digits: re.Match[str], whole: re.Match[str]) -> bool:
    return whole.start(1) <= digits.start() and digits.end() <= whole.end(1)


def _at(
    generated: Sequence[GeneratedToken], starts: Sequence[int], place: int, options: Collection[str]
) -> Mapping[str, float] | None:
    index = max(index for index in range(len(generated)) if starts[index] <= place)
    token = generated[index]
    return _shares(token.top, options) if token.text.strip() in options else None


def _shares(top: TopLogprobs, options: Collection[str]) -> Mapping[str, float] | None:
    masses = dict.fromkeys(options, 0.0)
    for word, logprob in top.items():
        if word.strip() in masses:
            masses[word.strip()] += math.exp(logprob)
    total = sum(masses.values())
    return {option: mass / total for option, mass in masses.items()} if total > 0 else None
