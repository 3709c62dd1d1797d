"""The one text of a request that its journal key is the hash of.

It holds everything that shapes the answer (address, model, the request with its sample index) and
nothing of how it is sent (retries, speed, time-outs, which parameters the model refuses).
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from neuroscribe.llm.protocol import (
    ChatRequest,
    ContinuationRequest,
    DecideRequest,
    DirectRequest,
    PromptLogprobsRequest,
    Request,
)

CHARACTERS_PER_TOKEN = 4
"""Of English text, for estimates."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who answers."""

    base_url: str
    """The endpoint's address; a fixed name for the mock in process."""
    model: str
    reasoning_effort: str | None = None


def request_key(identity: Identity, request: Request) -> bytes:
    """The journal key of a request: 32 bytes."""
    return key_of(identity, _fields(request))


def key_of(identity: Identity, fields: dict[str, Any]) -> bytes:
    """The journal key of anything that is asked of one endpoint."""
    about: dict[str, Any] = {"base_url": identity.base_url, "model": identity.model}
    if identity.reasoning_effort is not None:
        about["reasoning_effort"] = identity.reasoning_effort
    text = json.dumps(about | fields, sort_keys=True, separators=(",", ":"), default=dict)
    return hashlib.sha256(text.encode()).digest()


def characters(request: Request) -> int:
    """Length of what the request says, for estimates."""
    match request:
        case ChatRequest():
            return sum(len(message.content) for message in request.messages)
        case PromptLogprobsRequest():
            return len(request.prompt)
        case ContinuationRequest():
            return len(request.context) + len(request.continuation)
        case DecideRequest():
            asked = (
                len(question.text) + sum(map(len, question.options))
                for question in request.questions
            )
            return len(request.input) + sum(asked)
        case DirectRequest():
            return len(request.explanation) + CHARACTERS_PER_TOKEN * len(request.token_ids)


def _fields(request: Request) -> dict[str, Any]:
    match request:
        case ChatRequest():
            return {
                "kind": "chat",
                "messages": [[message.role, message.content] for message in request.messages],
                "max_tokens": request.max_tokens,
                # Properties in another order are another schema: models write in that order.
                "schema": request.schema and json.dumps(request.schema, default=dict),
                "top_logprobs": request.top_logprobs,
                "temperature": request.temperature,
                "sample": request.sample,
            }
        case PromptLogprobsRequest():
            return {
                "kind": "prompt_logprobs",
                "prompt": request.prompt,
                "slots": request.slots,
                "top_logprobs": request.top_logprobs,
                "sample": request.sample,
            }
        case ContinuationRequest():
            return {
                "kind": "continuation",
                "context": request.context,
                "continuation": request.continuation,
                "sample": request.sample,
            }
        case DecideRequest():
            return {
                "kind": "decide",
                "input": request.input,
                "questions": [[question.text, question.options] for question in request.questions],
                "sample": request.sample,
            }
        case DirectRequest():
            return {
                "kind": "direct",
                "explanation": request.explanation,
                "token_ids": request.token_ids,
                "sample": request.sample,
            }
