"""Log-probabilities at given places of a prompt, from an echo of it.

The slots of a request are character offsets. A slot counts only where a token begins that spells
what the prompt says there; otherwise it is None, and an answer without any slot has failed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from neuroscribe.llm.outcome import Outcome, failed, rounded
from neuroscribe.llm.protocol import PromptLogprobsRequest, TopLogprobs
from neuroscribe.llm.wire.body import usage
from neuroscribe.llm.wire.dialect import Dialect
from neuroscribe.llm.wire.echo import Echo, echo_body, read_echo


def prompt_logprobs_body(
    request: PromptLogprobsRequest, model: str, dialect: Dialect
) -> dict[str, Any]:
    """The JSON body."""
    return echo_body(
        request.prompt, model, dialect, top_logprobs=request.top_logprobs, sample=request.sample
    )


def read_prompt_logprobs(body: Mapping[str, Any], request: PromptLogprobsRequest) -> Outcome:
    """The alternatives at each slot.

    `ok` where at least one slot has any; a reason then counts the missing ones. `refused` where a
    filter cut in, else `failed`.
    """
    echo = read_echo(body, request.prompt, "top_logprobs")
    if isinstance(echo, Outcome):
        return echo
    counted = usage(body)
    slots, n_merged = _slots(echo, request)
    n_missing = slots.count(None)
    reason = _missing_reason(n_missing, n_merged, len(slots)) if n_missing else None
    if slots and n_missing == len(slots):
        return failed(str(reason), **counted)
    return Outcome(status="ok", slots=tuple(slots), reason=reason, **counted)


def _slots(echo: Echo, request: PromptLogprobsRequest) -> tuple[list[TopLogprobs | None], int]:
    index_at = {offset: index for index, offset in enumerate(echo.offsets) if echo.tokens[index]}
    slots: list[TopLogprobs | None] = []
    n_merged = 0
    for slot in request.slots:
        index = index_at.get(slot)
        begins = index is not None and request.prompt.startswith(echo.tokens[index], slot)
        top = echo.entries[index] if index is not None and begins else None
        n_merged += _is_inside(slot, echo.tokens, echo.offsets) if index is None else 0
        slots.append((rounded(top) or None) if isinstance(top, dict) else None)
    return slots, n_merged


def _is_inside(slot: int, tokens: Sequence[str], offsets: Sequence[int]) -> bool:
    return any(
        offset < slot < offset + len(token) for token, offset in zip(tokens, offsets, strict=True)
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
