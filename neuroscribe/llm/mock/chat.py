"""POST /v1/chat/completions as the mock answers it."""

from collections.abc import Iterator, Mapping
from typing import Any

from neuroscribe.llm.mock.abilities import Abilities
from neuroscribe.llm.mock.misbehaviour import Fault
from neuroscribe.llm.mock.rejection import Rejection, unsupported
from neuroscribe.llm.mock.tokens import tokenize
from neuroscribe.llm.mock.writing import Written, write

MOST_ALTERNATIVES = 20


def chat_answer(
    body: Mapping[str, Any], *, seed: int, abilities: Abilities, faults: frozenset[Fault]
) -> dict[str, Any] | Rejection:
    """The JSON body of the answer, without its id."""
    rejection = next(_complaints(body, abilities), None)
    if rejection is not None:
        return rejection
    messages = [message["content"] for message in body["messages"]]
    written = write(
        messages,
        _schema(body),
        seed=seed,
        sample=body.get("seed") or 0,
        abilities=abilities,
        faults=faults,
    )
    most = body.get("max_completion_tokens") or body.get("max_tokens") or len(written)
    finish = "length" if len(written) > most else "stop"
    written = written[:most]
    message: dict[str, Any] = {"role": "assistant", "content": _text(written), "refusal": None}
    if "refusal" in faults:
        message |= {"content": None, "refusal": "I cannot help with that."}
    logprobs = None
    if body.get("logprobs") and not faults & {"missing_logprobs", "refusal"}:
        logprobs = {"content": _logprobs(written, body.get("top_logprobs") or 0), "refusal": None}
    n_input = sum(len(tokenize(content, abilities)) for content in messages)
    return {
        "object": "chat.completion",
        "created": 0,
        "model": "mock",
        "choices": [
            {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": finish}
        ],
        "usage": {
            "prompt_tokens": n_input,
            "completion_tokens": len(written),
            "total_tokens": n_input + len(written),
        },
    }


def _complaints(body: Mapping[str, Any], abilities: Abilities) -> Iterator[Rejection]:
    for parameter in sorted(abilities.refused_parameters & body.keys()):
        yield unsupported(parameter)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        yield Rejection(400, "'messages' must be a list of at least one message.", "messages")
    elif not all(isinstance(m, dict) and isinstance(m.get("content"), str) for m in messages):
        yield Rejection(400, "Each message must have a 'content' of text.", "messages")
    if body.get("stream") or body.get("n", 1) != 1:
        yield Rejection(400, "The mock gives one whole answer: no 'stream', no 'n'.", "stream")
    if (body.get("top_logprobs") or 0) > MOST_ALTERNATIVES:
        yield Rejection(400, f"'top_logprobs' is at most {MOST_ALTERNATIVES}.", "top_logprobs")
    if body.get("top_logprobs") and not body.get("logprobs"):
        yield Rejection(400, "'top_logprobs' needs 'logprobs' to be true.", "top_logprobs")


def _schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    response_format = body.get("response_format") or {}
    if response_format.get("type") != "json_schema":
        return None
    schema: Mapping[str, Any] = response_format["json_schema"].get("schema", {})
    return schema


def _text(written: list[Written]) -> str:
    return "".join(token.token for token in written)


def _logprobs(written: list[Written], n_alternatives: int) -> list[dict[str, Any]]:
    return [
        {
            "token": token.token,
            "logprob": token.top[token.token],
            "bytes": None,
            "top_logprobs": [
                {"token": word, "logprob": value, "bytes": None}
                for word, value in list(token.top.items())[:n_alternatives]
            ],
        }
        for token in written
    ]
