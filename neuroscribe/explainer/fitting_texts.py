r"""Texts that an LLM writes to fit an explanation, for the subject to be run on.

Where the endpoint follows a JSON schema the texts come as an array; otherwise one per line, and
what models put around lines (numbers, bullets, quotes) is taken off. What is empty, repeated or
absurdly long is dropped; an answer without a usable text gives none, never a made-up one.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from neuroscribe.explainer.asking import CANDIDATE_TEMPERATURE
from neuroscribe.explainer.forms import unquote
from neuroscribe.llm.answer_schema import array_of, object_with
from neuroscribe.llm.protocol import Capabilities, ChatRequest, Dialogue, Message
from neuroscribe.notation import escape

LONGEST_TEXT = 1000
"""Characters; more is not the short text that was asked for."""

_TOKENS_PER_TEXT = 60
_BULLET = re.compile(r"\A(?:\(?\d{1,3}[.):]|[-*•])\s+")
_INSTRUCTIONS = """\
You write texts that make one unit of a neural network fire, going by an explanation of what it \
fires on. Write them as they might be found anywhere, in books, news, letters, web pages or code, \
as the explanation suggests; make them short, natural, and different from one another, and let \
each hold what the explanation names. Do not mention the unit or the explanation."""


def fitting_texts(
    explanation: str, *, count: int, sample: int = 0, capabilities: Capabilities | None = None
) -> Dialogue[list[str]]:
    """Ask once for texts that fit.

    Args:
        explanation: what they are to fit.
        count: how many.
        sample: another one asks the same again.
        capabilities: of the LLM; None asks for lines.

    Returns:
        At most `count` different texts; none where the answer holds none.
    """
    as_json = capabilities is not None and capabilities.json_schema
    request = ChatRequest(
        messages=prompt(explanation, count=count, as_json=as_json),
        max_tokens=_TOKENS_PER_TEXT * count,
        schema=_schema(count) if as_json else None,
        temperature=CANDIDATE_TEMPERATURE,
        sample=sample,
    )
    (reply,) = yield [request]
    if reply.status != "ok":
        return []
    return _usable(_array(reply.text) if as_json else _lines(reply.text))[:count]


def prompt(explanation: str, *, count: int, as_json: bool) -> tuple[Message, ...]:
    """The chat that is sent."""
    form = "as the JSON array `texts`" if as_json else "one on each line, nothing else"
    return (
        Message(role="system", content=_INSTRUCTIONS),
        Message(
            role="user",
            content=f"Explanation: {escape(explanation)}\nWrite {count} texts, {form}.",
        ),
    )


def _schema(count: int) -> Mapping[str, Any]:
    return object_with("texts", array_of({"type": "string"}, count))


def _array(answer: str) -> list[str]:
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return []
    found = value.get("texts") if isinstance(value, dict) else None
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []


def _lines(answer: str) -> list[str]:
    return [unquote(_BULLET.sub("", line.strip())) for line in answer.splitlines()]


def _usable(texts: Sequence[str]) -> list[str]:
    stripped = [text.strip() for text in texts]
    return list(dict.fromkeys(text for text in stripped if 0 < len(text) <= LONGEST_TEXT))
