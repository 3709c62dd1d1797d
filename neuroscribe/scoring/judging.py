"""The dialogue of a judge who says yes or no of each of several texts.

Texts are put in an order drawn from the seed and cut into requests, and everything that a scorer
asks (of the explanation and of the random one) goes out in one round. Both are asked of the same
texts in the same order, so they differ in the explanation alone. How many texts fit is never said.
An answer of another length than asked for says nothing of any text, since nobody knows which one is
missing.

Source: METHODS section 5; several texts a request and marks are as in Paulo et al., 2024.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from neuroscribe import texts
from neuroscribe.llm.answer_schema import array_of, object_with
from neuroscribe.llm.dialogue import together
from neuroscribe.llm.protocol import Capabilities, ChatRequest, Dialogue, Message, Reply
from neuroscribe.records import content_hash
from neuroscribe.scoring.answers import Answer, Problem, ask, digit_probabilities, read_key
from neuroscribe.scoring.opinions import Item, Opinion

Prompt = Callable[[str, Sequence[str]], tuple[Message, ...]]
"""From an explanation and the texts of one request, as shown, to a chat."""

FITS = "fits"
"""The key of the answer."""
TOP_LOGPROBS = 20
"""Alternatives wanted at each digit."""


def judged(
    explanations: Sequence[str],
    items: Sequence[Item],
    prompt: Prompt,
    *,
    capabilities: Capabilities,
    texts_per_request: int,
    seed: int,
) -> Dialogue[list[list[Opinion]]]:
    """Ask of every explanation what fits it.

    Returns:
        For each explanation one opinion per item, in the order of the items.
    """
    order = shuffled(len(items), seed=seed)
    batches = [
        order[start : start + texts_per_request]
        for start in range(0, len(order), texts_per_request)
    ]
    answers = yield from together(
        [
            _judged(
                prompt(explanation, [items[place].shown for place in batch]), batch, capabilities
            )
            for explanation in explanations
            for batch in batches
        ]
    )
    return [
        _in_order(answers[turn * len(batches) : (turn + 1) * len(batches)])
        for turn in range(len(explanations))
    ]


def shuffled(count: int, *, seed: int) -> list[int]:
    """The numbers below `count` in an order that a hash of the seed decides."""
    return sorted(range(count), key=lambda place: content_hash("order", str(seed), str(place)))


def question(explanation: str | None, shown: Sequence[str]) -> str:
    r"""The last turn of a judge's chat.

    >>> print(question("colours", ["The red fox", "A bus"]), end="")
    Explanation: colours
    <BLANKLINE>
    1. The red fox
    2. A bus
    <BLANKLINE>
    Number of texts: 2
    """
    stated = "" if explanation is None else f"{texts.explanation_line(explanation)}\n"
    return f"{stated}{texts.numbered(shown)}\nNumber of texts: {len(shown)}\n"


def _judged(
    messages: tuple[Message, ...], batch: Sequence[int], capabilities: Capabilities
) -> Dialogue[dict[int, Opinion]]:
    request = ChatRequest(
        messages=messages,
        max_tokens=8 * len(batch) + 32,
        schema=_schema(len(batch)) if capabilities.json_schema else None,
        top_logprobs=TOP_LOGPROBS if capabilities.generated_logprobs else 0,
    )
    answer = yield from ask(request, lambda reply: _read(reply, len(batch)))
    return dict(zip(batch, _opinions(answer, len(batch)), strict=True))


def _schema(n_texts: int) -> Mapping[str, Any]:
    digit = {"type": "integer", "enum": [0, 1]}
    return object_with(FITS, array_of(digit, n_texts))


def _read(reply: Reply, n_texts: int) -> list[tuple[bool, float | None]] | Problem:
    digits = read_key(reply.text, FITS)
    if isinstance(digits, Problem):
        return digits
    if not isinstance(digits, list) or any(digit not in (0, 1) for digit in digits):
        return Problem(f"`{FITS}` is no list of 0 and 1: {reply.text}")
    if len(digits) != n_texts:
        return Problem(f"{len(digits)} verdicts for {n_texts} texts: {reply.text}")
    shares = digit_probabilities(reply.generated, FITS, n_texts, ("0", "1"))
    return [
        (bool(digit), None if share is None else share["1"])
        for digit, share in zip(digits, shares, strict=True)
    ]


def _opinions(answer: Answer[list[tuple[bool, float | None]]], n_texts: int) -> list[Opinion]:
    if answer.value is None:
        nothing = Opinion(status=answer.status, llm=answer.llm, reason=answer.reason)
        return [nothing] * n_texts
    return [
        Opinion(status="ok", llm=answer.llm, verdict=verdict, probability=probability)
        for verdict, probability in answer.value
    ]


def _in_order(answers: Sequence[Mapping[int, Opinion]]) -> list[Opinion]:
    found = {place: opinion for answer in answers for place, opinion in answer.items()}
    return [found[place] for place in sorted(found)]
