"""POST /v1/completions as the mock answers it: echo with the log-probabilities of the prompt.

Only placeholders of the prompt's last table carry all the alternatives that were asked for; other
tokens carry one, because nobody reads them and an answer is mostly such tokens. In a prompt without
placeholders every token surprises by an amount of its own, and less so after an explanation that
names it: a text that fits is likelier with the explanation than without.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

from neuroscribe.llm.mock.abilities import Abilities
from neuroscribe.llm.mock.misbehaviour import Fault
from neuroscribe.llm.mock.reading import (
    Line,
    explanation_before_last_table,
    last_explanation,
    last_table,
)
from neuroscribe.llm.mock.rejection import Rejection, unsupported
from neuroscribe.llm.mock.simulating import distribution, named_level
from neuroscribe.llm.mock.tokens import tokenize
from neuroscribe.llm.mock.writing import Written, split_ten, write
from neuroscribe.notation import MAX_LEVEL, UNKNOWN

_SURE = -0.5
_MOST_SURPRISE = 2.0
_EXPECTED_SHARE = 0.9
"""Of a token's surprise, what an explanation takes away that names it outright."""
MOST_ALTERNATIVES = 20
Top = Mapping[str, float] | None


def completion_answer(
    body: Mapping[str, Any], *, seed: int, abilities: Abilities, faults: frozenset[Fault]
) -> dict[str, Any] | Rejection:
    """The JSON body of the answer, without its id."""
    rejection = next(_complaints(body, abilities), None)
    if rejection is not None:
        return rejection
    prompt, prompt_tokens = _prompt(body["prompt"], abilities)
    n_alternatives = body.get("logprobs") or 0
    sample = body.get("seed") or 0
    echoed = bool(body.get("echo")) and abilities.echoes
    tokens: list[str] = []
    tops: list[Top] = []
    if echoed:
        slots = _slots(prompt, seed + sample, abilities, faults)
        tokens = list(prompt_tokens)
        tops = _prompt_tops(tokens, slots, n_alternatives) if slots else _text_tops(tokens, prompt)
    n_most = body.get("max_tokens", 16)
    generated: list[Written] = []
    if n_most:
        generated = write(
            [prompt], None, seed=seed, sample=sample, abilities=abilities, faults=faults
        )[:n_most]
    tokens += [written.token for written in generated]
    tops += [_first(written.top, n_alternatives) for written in generated]
    refused = "refusal" in faults
    logprobs = None
    if n_alternatives and not refused and "missing_logprobs" not in faults:
        logprobs = _logprobs(tokens, tops, 0 if echoed else len(prompt))
        if "wrong_length" in faults:
            for entries in ("top_logprobs", "token_logprobs"):
                logprobs[entries] = logprobs[entries][1:]
    choice = {
        "index": 0,
        "text": "" if refused else "".join(tokens),
        "logprobs": logprobs,
        "finish_reason": "content_filter" if refused else "length",
    }
    return {
        "object": "text_completion",
        "created": 0,
        "model": "mock",
        "choices": [choice],
        "usage": {
            "prompt_tokens": len(prompt_tokens),
            "completion_tokens": len(generated),
            "total_tokens": len(prompt_tokens) + len(generated),
        },
    }


def _first(top: Mapping[str, float], n_alternatives: int) -> dict[str, float]:
    return dict(list(top.items())[:n_alternatives])


def _complaints(body: Mapping[str, Any], abilities: Abilities) -> Iterator[Rejection]:
    if not abilities.completions:
        yield Rejection(404, "This is a chat model; there is no completions endpoint.", "model")
    for parameter in sorted(abilities.refused_parameters & (body.keys() - {"max_tokens"})):
        yield unsupported(parameter)
    prompt = body.get("prompt")
    is_ids = isinstance(prompt, list) and all(type(item) is int for item in prompt)
    if not prompt or not (isinstance(prompt, str) or is_ids):
        yield Rejection(400, "'prompt' must be one text or one list of token ids.", "prompt")
    if body.get("stream") or body.get("n", 1) != 1:
        yield Rejection(400, "The mock gives one whole answer: no 'stream', no 'n'.", "stream")
    if (body.get("logprobs") or 0) > MOST_ALTERNATIVES:
        yield Rejection(400, f"'logprobs' is at most {MOST_ALTERNATIVES}.", "logprobs")
    if body.get("max_tokens", 16) < (0 if abilities.zero_tokens else 1):
        yield Rejection(400, "'max_tokens' must be at least 1.", "max_tokens")


def _prompt(prompt: str | Sequence[int], abilities: Abilities) -> tuple[str, list[str]]:
    """The prompt and its tokens; the ids of the mock's vocabulary are Unicode code points."""
    if isinstance(prompt, str):
        start = [abilities.begins_with] if abilities.begins_with else []
        return prompt, start + tokenize(prompt, abilities)
    characters = [chr(token_id) for token_id in prompt]
    return "".join(characters), characters


def _slots(
    prompt: str, seed: int, abilities: Abilities, faults: frozenset[Fault]
) -> dict[int, Top]:
    """What is expected at each placeholder, by the offset where its token begins."""
    table: list[Line] = last_table(f"\n{prompt}")
    explanation = explanation_before_last_table(f"\n{prompt}")
    # `last_table` read the prompt with a line end before it; a merged token begins at its tab.
    shift = len(abilities.begins_with) - 1 - (1 if abilities.merges_placeholders else 0)
    slots: dict[int, Top] = {}
    for index, line in enumerate(line for line in table if line.value == UNKNOWN):
        top: Top = distribution(line.token, explanation, seed)
        if abilities.splits_ten and top is not None:
            top = split_ten(top)[0]
        missing = "missing_slots" in faults and index % 3 == 2
        slots[line.value_offset + shift] = None if missing else top
    return slots


def _prompt_tops(tokens: list[str], slots: Mapping[int, Top], n_alternatives: int) -> list[Top]:
    tops: list[Top] = []
    for index, (token, offset) in enumerate(zip(tokens, _offsets(tokens, 0), strict=True)):
        if offset in slots:
            top = slots[offset]
            tops.append(top and _first(top, n_alternatives))
        else:
            # Nothing precedes the first token, so nothing could be expected of it.
            tops.append({token: _SURE} if index else None)
    return tops


def _text_tops(tokens: list[str], prompt: str) -> list[Top]:
    """What is expected of a text as it is, and of what an explanation says before it."""
    explanation, end = last_explanation(prompt) or ("", 0)
    tops: list[Top] = [None]
    for token, offset in zip(tokens[1:], _offsets(tokens, 0)[1:], strict=True):
        named = named_level(token, explanation) if offset >= end else 0.0
        logprob = _surprise(token) * (1 - _EXPECTED_SHARE * named / MAX_LEVEL)
        tops.append({token: round(logprob, 4)})
    return tops[: len(tokens)]


@lru_cache(maxsize=4096)
def _surprise(token: str) -> float:
    digest = hashlib.blake2b(token.encode("utf-8", "replace")).digest()
    return _SURE - _MOST_SURPRISE * digest[0] / 255


def _offsets(tokens: Sequence[str], start: int) -> list[int]:
    return list(accumulate((len(token) for token in tokens), initial=start))[:-1]


def _logprobs(tokens: list[str], tops: list[Top], start: int) -> dict[str, list[Any]]:
    return {
        "tokens": tokens,
        "token_logprobs": [
            top.get(token) if top else None for token, top in zip(tokens, tops, strict=True)
        ],
        "top_logprobs": list(tops),
        "text_offset": _offsets(tokens, start),
    }
