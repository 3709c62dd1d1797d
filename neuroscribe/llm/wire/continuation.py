"""How much a model is surprised by a text that follows another, from an echo of both.

The loss is minus the sum of the log-probabilities of the continuation's tokens, in nats. A token
that straddles the border belongs to the continuation: nobody can say how much of its surprise is
due to which side. Nothing precedes the first token of a prompt, so where the context is empty and
the endpoint gives none for it, the sum begins with the second; losses with and without a context
are then not comparable, and scorers put a neutral text in place of nothing. One missing entry
fails the request: a sum with a hole looks like any other.
"""

import math
from collections.abc import Mapping
from typing import Any

from neuroscribe.llm.outcome import LOGPROB_DIGITS, Outcome, failed
from neuroscribe.llm.protocol import ContinuationRequest
from neuroscribe.llm.wire.body import encodable, usage
from neuroscribe.llm.wire.dialect import Dialect
from neuroscribe.llm.wire.echo import UNSPELLED, Echo, echo_body, read_echo


def continuation_body(request: ContinuationRequest, model: str, dialect: Dialect) -> dict[str, Any]:
    """The JSON body."""
    prompt = request.context + request.continuation
    # Some hosts take 0 alternatives for none of anything.
    return echo_body(prompt, model, dialect, top_logprobs=1, sample=request.sample)


def read_continuation(body: Mapping[str, Any], request: ContinuationRequest) -> Outcome:
    """The loss of the continuation; `failed` where any of its tokens has no log-probability."""
    prompt = encodable(request.context + request.continuation)
    echo = read_echo(body, prompt, "token_logprobs")
    if isinstance(echo, Outcome):
        return echo
    counted = usage(body)
    border = len(request.context)
    if _cut_at(border, echo, len(prompt)):
        reason = (
            "the characters at the border are echoed in fragments; nobody can say whose they are"
        )
        return failed(reason, **counted)
    places = [
        index
        for index, (token, offset) in enumerate(zip(echo.tokens, echo.offsets, strict=True))
        if offset < len(prompt)
        and (offset >= border or (_is_spelled(token) and offset + len(token) > border))
    ]
    if places and not request.context and places[0] == 0 and echo.entries[0] is None:
        del places[0]
    if not _covers(echo, places, prompt, border):
        return failed("the endpoint did not echo the tokens of the continuation", **counted)
    values = [echo.entries[index] for index in places]
    missing = sum(not _is_logprob(value) for value in values)
    if missing or not values:
        reason = f"{missing} of {len(values)} tokens of the continuation have no log-probability"
        return failed(reason, **counted)
    loss = round(-math.fsum(values), LOGPROB_DIGITS)
    return Outcome(status="ok", loss=loss, **counted)


def _cut_at(border: int, echo: Echo, end: int) -> bool:
    """Whether a fragment begins before the border and what comes next begins behind it."""
    for token, offset in zip(reversed(echo.tokens), reversed(echo.offsets), strict=True):
        if not _is_spelled(token) and offset < border < end:
            return True
        end = min(end, offset)
    return False


def _is_spelled(token: str) -> bool:
    return not any(mark in token for mark in UNSPELLED)


def _covers(echo: Echo, places: list[int], prompt: str, border: int) -> bool:
    """Whether the tokens reach from the border to the end and spell what stands there."""
    if not places:
        # An empty continuation, or one whose only token has nothing before it.
        return bool(echo.tokens) and border in (0, len(prompt))
    tokens, offsets = echo.tokens, echo.offsets
    for index in places:
        token = tokens[index]
        if _is_spelled(token) and not prompt.startswith(token, max(0, offsets[index])):
            return False
    first, last = places[0], places[-1]
    ends = offsets[last] + len(tokens[last]) >= len(prompt)
    begins = offsets[first] <= border or (border == 0 and first == 1)
    return begins and (ends or not _is_spelled(tokens[last]))


def _is_logprob(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
