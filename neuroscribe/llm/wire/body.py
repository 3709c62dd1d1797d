"""What all answers share: a JSON object with choices and usage, or one that is broken."""

import json
from collections.abc import Mapping
from typing import Any

from neuroscribe.llm.outcome import Counted, Outcome, failed

_SHOWN = 120


def read_body(content: bytes) -> Mapping[str, Any] | Outcome:
    """The JSON object that an endpoint answered, or the failed outcome that says why there is none.

    >>> read_body(b'{"choices": [').reason
    'the answer is no JSON object: {"choices": ['
    """
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        return body
    return failed(f"the answer is no JSON object: {shortened(content.decode('utf-8', 'replace'))}")


def first_choice(body: Mapping[str, Any]) -> Mapping[str, Any] | Outcome:
    """The first choice of an answer, or the failed outcome that says why there is none."""
    choices = body.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        choice: Mapping[str, Any] = choices[0]
        return choice
    return failed(f"the answer holds no choice: {shortened(json.dumps(body))}")


def usage(body: Mapping[str, Any]) -> Counted:
    """Tokens that the endpoint counted, by either name; none where it does not say."""
    counted = body.get("usage")
    counted = counted if isinstance(counted, dict) else {}
    return Counted(
        input_tokens=_count(counted, "prompt_tokens", "input_tokens"),
        output_tokens=_count(counted, "completion_tokens", "output_tokens"),
    )


def _count(counted: Mapping[str, Any], *names: str) -> int:
    values = (counted.get(name) for name in names)
    return next((value for value in values if isinstance(value, int)), 0)


def shortened(text: str) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."


def encodable(text: str) -> str:
    """The text with lone surrogates as question marks: JSON over HTTP cannot carry them."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text
