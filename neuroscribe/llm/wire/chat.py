"""Chat requests as JSON bodies, and the answers as outcomes."""

import json
from collections.abc import Mapping
from typing import Any

from neuroscribe.llm.outcome import Outcome, rounded
from neuroscribe.llm.protocol import ChatRequest, GeneratedToken
from neuroscribe.llm.wire.body import encodable, first_choice, shortened, usage
from neuroscribe.llm.wire.dialect import Dialect

PATH = "/chat/completions"


def chat_body(
    request: ChatRequest,
    model: str,
    dialect: Dialect,
    *,
    reasoning_effort: str | None,
    reasoning_allowance: int,
) -> dict[str, Any]:
    """The JSON body of a chat request, without what the model is known to refuse."""
    allowance = reasoning_allowance if dialect.reasons else 0
    body: dict[str, Any] = {
        "model": model,
        "messages": [
            {"role": message.role, "content": encodable(message.content)}
            for message in request.messages
        ],
        dialect.limit: request.max_tokens + allowance,
    }
    optional = {
        "temperature": request.temperature,
        # Otherwise equal requests must be able to bring different answers.
        "seed": request.sample or None,
        "reasoning_effort": reasoning_effort,
    }
    body |= {
        name: value
        for name, value in optional.items()
        if value is not None and name not in dialect.refused
    }
    if request.top_logprobs:
        body |= {"logprobs": True, "top_logprobs": request.top_logprobs}
    if request.schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": dict(request.schema), "strict": True},
        }
    return body


def refused_ability(request: ChatRequest, dialect: Dialect) -> str | None:
    """Why the request need not be sent: the model is known to refuse what it hangs on."""
    if request.top_logprobs and dialect.refused & {"logprobs", "top_logprobs"}:
        return "the model refuses to give log-probabilities of its answers"
    if request.schema is not None and "response_format" in dialect.refused:
        return "the model refuses to answer by a JSON schema"
    return None


def spent_on_reasoning(body: Mapping[str, Any]) -> bool:
    """Whether the limit was reached before the first word of an answer."""
    choice = first_choice(body)
    if isinstance(choice, Outcome) or choice.get("finish_reason") != "length":
        return False
    return not _text(choice) and usage(body)["output_tokens"] > 0


def read_chat(body: Mapping[str, Any], request: ChatRequest) -> Outcome:
    """What an answer to a chat request says.

    Statuses: `refused` where the model declines or a filter cuts in; `unparsed` where there is no
    text, or no JSON although a schema was given; `failed` where log-probabilities were asked for
    and not given.
    """
    choice = first_choice(body)
    if isinstance(choice, Outcome):
        return choice
    counted = usage(body)
    message = choice.get("message")
    refusal = message.get("refusal") if isinstance(message, dict) else None
    finish = choice.get("finish_reason")
    text = _text(choice)
    if refusal or finish == "content_filter":
        said = shortened(str(refusal)) if refusal else "a content filter cut the answer off"
        reason = f"the model refused: {said}"
        return Outcome(status="refused", text=str(refusal or text), reason=reason, **counted)
    problem = _problem(text, finish, request)
    if problem is not None:
        return Outcome(status="unparsed", text=text, reason=problem, **counted)
    if not request.top_logprobs:
        return Outcome(status="ok", text=text, **counted)
    generated = _generated(choice)
    if generated is None:
        reason = "log-probabilities of the answer were asked for and none were given"
        return Outcome(status="failed", text=text, reason=reason, **counted)
    return Outcome(status="ok", text=text, generated=generated, **counted)


def _text(choice: Mapping[str, Any]) -> str:
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    return content if isinstance(content, str) else ""


def _problem(text: str, finish: object, request: ChatRequest) -> str | None:
    if not text.strip():
        if finish == "length":
            return f"the limit of {request.max_tokens} tokens was reached before any text"
        return f"the answer is empty (finish_reason {finish!r})"
    if request.schema is None:
        return None
    if finish == "length":
        return f"the JSON was cut off at the limit of {request.max_tokens} tokens"
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return f"a JSON schema was given but the answer is no JSON: {shortened(text)}"
    return None


def _generated(choice: Mapping[str, Any]) -> tuple[GeneratedToken, ...] | None:
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(content, list):
        return None
    tokens = tuple(
        GeneratedToken(text=str(entry.get("token", "")), top=_top(entry))
        for entry in content
        if isinstance(entry, dict)
    )
    return tokens if any(token.top for token in tokens) else None


def _top(entry: Mapping[str, Any]) -> dict[str, float]:
    alternatives = entry.get("top_logprobs")
    if not isinstance(alternatives, list):
        return {}
    return rounded(
        {item.get("token"): item.get("logprob") for item in alternatives if isinstance(item, dict)}
    )
