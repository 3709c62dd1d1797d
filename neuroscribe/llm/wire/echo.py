"""A prompt that an endpoint repeats with log-probabilities: `/completions` with echo.

What both kinds of request over it share. Nothing is taken on trust: a host may ignore `echo` or
`logprobs` and still answer 200 (llama.cpp's server), or put a token of its own before the prompt
and count it in every offset (vLLM with "<s>"). So an answer must hold as many entries as tokens,
and offsets are those of the prompt as it was sent.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Literal, NamedTuple

from neuroscribe.llm.outcome import Outcome, failed
from neuroscribe.llm.wire.body import encodable, first_choice, usage
from neuroscribe.llm.wire.dialect import Dialect

PATH = "/completions"
UNSPELLED = ("\ufffd", "bytes:")
"""How hosts show a token that is part of a character."""
_MARKED = re.compile("(\ufffd|bytes:.*)", re.DOTALL)
_WHAT = {"top_logprobs": "lists of alternatives", "token_logprobs": "log-probabilities"}


class Echo(NamedTuple):
    """The tokens of an answer, those that were generated included."""

    tokens: list[str]
    entries: list[Any]
    """What was given for each token, unchecked."""
    offsets: list[int]
    """Where each begins in the prompt; negative before it."""


def echo_body(
    prompt: str, model: str, dialect: Dialect, *, top_logprobs: int, sample: int
) -> dict[str, Any]:
    """The JSON body; `max_tokens` is 0, or 1 for hosts that refuse 0."""
    body = {
        "model": model,
        "prompt": encodable(prompt),
        "max_tokens": 0 if dialect.zero_tokens else 1,
        "echo": True,
        "logprobs": top_logprobs,
    }
    if sample and "seed" not in dialect.refused:
        body["seed"] = sample
    return body


def read_echo(
    body: Mapping[str, Any], prompt: str, entries: Literal["top_logprobs", "token_logprobs"]
) -> Echo | Outcome:
    """The tokens with one kind of entry, or the outcome that says why there are none.

    `refused` where a filter cut in, else `failed`.
    """
    choice = first_choice(body)
    if isinstance(choice, Outcome):
        return choice
    counted = usage(body)
    if choice.get("finish_reason") == "content_filter":
        reason = "the model refused: a content filter rejected the prompt"
        return Outcome(status="refused", reason=reason, **counted)
    logprobs = choice.get("logprobs")
    if not isinstance(logprobs, dict):
        reason = "log-probabilities of the prompt were asked for and none were given"
        return failed(reason, **counted)
    tokens, given = logprobs.get("tokens"), logprobs.get(entries)
    if not isinstance(tokens, list) or not isinstance(given, list):
        reason = f"log-probabilities of the prompt came without tokens or {_WHAT[entries]}"
        return failed(reason, **counted)
    texts = [str(token) for token in tokens]
    offsets = _spelled(texts, prompt)
    if offsets is None:
        offsets = _offsets(logprobs.get("text_offset"), texts, prompt)
    if not len(texts) == len(given) == len(offsets):
        return failed(
            f"the answer has {len(texts)} tokens, {len(given)} {_WHAT[entries]} and "
            f"{len(offsets)} offsets; these must be as many",
            **counted,
        )
    return Echo(texts, given, offsets)


def _spelled(texts: Sequence[str], prompt: str) -> list[int] | None:
    """Where tokens begin by what they spell; None where they spell something else.

    Some hosts count every fragment of a character as a character of its own, so that all offsets
    behind it are too large; then only the spelling tells. The fragments of a character, and of
    those next to it, begin where the first of them does. What was generated begins at the end.
    """
    offsets: list[int] = []
    place, most_hidden = 0, 0
    for index, text in enumerate(texts):
        begins: int | None = None
        # A fragment may take along what can be read, such as the space before it.
        for part in filter(None, _MARKED.split(text)):
            if _MARKED.fullmatch(part):
                begins = place if begins is None else begins
                most_hidden += len(part) if place < len(prompt) else 0
                continue
            found = prompt.find(part, place + bool(most_hidden), place + most_hidden + len(part))
            if found < 0 and not most_hidden and place < len(prompt):
                if index:
                    return None
                # A token such as "<s>" that stands before the prompt.
                begins = -len(text)
                break
            found = len(prompt) if found < 0 else found
            begins = found if begins is None else begins
            place, most_hidden = min(found + len(part), len(prompt)), 0
        offsets.append(place if begins is None else begins)
    return offsets


def _offsets(given: object, texts: Sequence[str], prompt: str) -> list[int]:
    if isinstance(given, list) and all(isinstance(offset, int) for offset in given):
        offsets = given
    else:
        offsets = list(accumulate(map(len, texts), initial=0))[:-1]
    # A token such as "<s>" that stands before the prompt shifts all others.
    foreign = len(texts[0]) if texts and not prompt.startswith(texts[0]) else 0
    return [offset - foreign for offset in offsets]
