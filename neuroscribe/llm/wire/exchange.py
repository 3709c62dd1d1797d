"""One request on the wire: where it goes, what it says, how its answer is read.

The body is written anew for every attempt, because the dialect may have learnt from the last one.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from neuroscribe.llm.outcome import Outcome
from neuroscribe.llm.protocol import (
    ChatRequest,
    ContinuationRequest,
    DecideRequest,
    PromptLogprobsRequest,
)
from neuroscribe.llm.settings import ClientSettings
from neuroscribe.llm.wire import chat, continuation, decisions, echo, prompt_logprobs
from neuroscribe.llm.wire.decisions import Form
from neuroscribe.llm.wire.dialect import Dialect

Sendable = ChatRequest | PromptLogprobsRequest | ContinuationRequest | DecideRequest


class Exchange(NamedTuple):
    """What is sent and how the answer is read."""

    path: str
    """Under the base URL."""
    write: Callable[[], dict[str, Any]]
    """The JSON body, by what is known now."""
    read: Callable[[Mapping[str, Any]], Outcome]


def exchange(
    request: Sendable,
    model: str,
    dialect: Dialect,
    settings: ClientSettings,
    *,
    form: Form = "decisions",
) -> Exchange:
    """The exchange of a request; `form` is that of a `DecideRequest`, one part of it."""
    match request:
        case ChatRequest():
            return Exchange(
                chat.PATH,
                lambda: chat.chat_body(
                    request,
                    model,
                    dialect,
                    reasoning_effort=settings.reasoning_effort,
                    reasoning_allowance=settings.reasoning_allowance,
                ),
                lambda body: chat.read_chat(body, request),
            )
        case PromptLogprobsRequest():
            return Exchange(
                echo.PATH,
                lambda: prompt_logprobs.prompt_logprobs_body(request, model, dialect),
                lambda body: prompt_logprobs.read_prompt_logprobs(body, request),
            )
        case ContinuationRequest():
            return Exchange(
                echo.PATH,
                lambda: continuation.continuation_body(request, model, dialect),
                lambda body: continuation.read_continuation(body, request),
            )
        case DecideRequest():
            return Exchange(
                f"/{form}",
                lambda: decisions.decide_body(request, model, form),
                lambda body: decisions.read_decide(body, request, form),
            )
