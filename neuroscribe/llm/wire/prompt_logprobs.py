"""Log-probabilities of a prompt's own tokens: `/completions` with echo.

The slots of a request are character offsets; the answer gives tokens with `text_offset`. Nothing is
taken on trust: a host may ignore `echo` or `logprobs` and still answer 200 (llama.cpp's server), or
put a token of its own before the prompt and count it in every offset (vLLM with "<s>"). So a slot
counts only where a token begins that spells what the prompt says there; otherwise it is None, and
an answer without any slot has failed.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from neuroscribe.llm.outcome import Counted, Outcome, failed, rounded
from neuroscribe.llm.protocol import PromptLogprobsRequest, TopLogprobs
from neuroscribe.llm.wire.body import encodable, first_choice, usage
from neuroscribe.llm.wire.dialect import Dialect

PATH = "/completions"


def prompt_logprobs_body(
    request: PromptLogprobsRequest, model: str, dialect: Dialect
) -> dict[str, Any]:
    """The JSON body; `max_tokens` is 0, or 1 for hosts that refuse 0."""
    body = {
        "model": model,
        "prompt": encodable(request.prompt),
        "max_tokens": 0 if dialect.zero_tokens else 1,
        "echo": True,
        "logprobs": request.top_logprobs,
    }
    if request.sample and "seed" not in dialect.refused:
        body["seed"] = request.sample
    return body


def read_prompt_logprobs(body: Mapping[str, Any], request: PromptLogprobsRequest) -> Outcome:
    """The alternatives at each slot.

    `ok` where at least one slot has any; a reason then counts the missing ones. `refused` where a
    filter cut in, else `failed`.
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
    tokens, tops = logprobs.get("tokens"), logprobs.get("top_logprobs")
    if not isinstance(tokens, list) or not isinstance(tops, list):
        reason = "log-probabilities of the prompt came without tokens or alternatives"
        return failed(reason, **counted)
    offsets = _offsets(logprobs.get("text_offset"), tokens, request.prompt)
    if not len(tokens) == len(tops) == len(offsets):
        return failed(
            f"the answer has {len(tokens)} tokens, {len(tops)} lists of alternatives and "
            f"{len(offsets)} offsets; these must be as many",
            **counted,
        )
    return _slots_outcome(tokens, tops, offsets, request, counted)


def _offsets(given: object, tokens: Sequence[Any], prompt: str) -> list[int]:
    texts = [str(token) for token in tokens]
    if isinstance(given, list) and all(isinstance(offset, int) for offset in given):
        offsets = given
    else:
        offsets = list(accumulate(map(len, texts), initial=0))[:-1]
    # A token such as "<s>" that stands before the prompt shifts all others.
    foreign = len(texts[0]) if texts and not prompt.startswith(texts[0]) else 0
    return [offset - foreign for offset in offsets]


def _slots_outcome(
    tokens: Sequence[Any],
    tops: Sequence[Any],
    offsets: Sequence[int],
    request: PromptLogprobsRequest,
    counted: Counted,
) -> Outcome:
    index_at = {offset: index for index, offset in enumerate(offsets) if tokens[index]}
    slots: list[TopLogprobs | None] = []
    merged = 0
    for slot in request.slots:
        index = index_at.get(slot)
        begins = index is not None and request.prompt.startswith(str(tokens[index]), slot)
        top = tops[index] if index is not None and begins else None
        merged += _is_inside(slot, tokens, offsets) if index is None else 0
        slots.append((rounded(top) or None) if isinstance(top, dict) else None)
    n_missing = slots.count(None)
    reason = _missing_reason(n_missing, merged, len(slots)) if n_missing else None
    if slots and n_missing == len(slots):
        return failed(str(reason), **counted)
    return Outcome(status="ok", slots=tuple(slots), reason=reason, **counted)


def _is_inside(slot: int, tokens: Sequence[Any], offsets: Sequence[int]) -> bool:
    return any(
        offset < slot < offset + len(str(token))
        for token, offset in zip(tokens, offsets, strict=True)
    )


def _missing_reason(n_missing: int, merged: int, n_slots: int) -> str:
    reason = f"{n_missing} of {n_slots} slots have no log-probabilities"
    if merged:
        reason += (
            f"; at {merged} of them the tokenizer merges the placeholder with what stands before it"
        )
    if n_missing == n_slots and not merged:
        reason += "; the endpoint did not echo the prompt's tokens"
    return reason
