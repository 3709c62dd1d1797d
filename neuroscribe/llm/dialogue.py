"""Dialogues made of dialogues."""

from collections.abc import Sequence
from typing import TypeVar

from neuroscribe.llm.protocol import Dialogue, Reply, Request

ResultT = TypeVar("ResultT")


def together(dialogues: Sequence[Dialogue[ResultT]]) -> Dialogue[list[ResultT]]:
    """Run several dialogues side by side: each round yields the requests of all that still run.

    The results come in the order of the dialogues. A round of many requests is answered
    concurrently, so fifty simulations cost one round trip, not fifty.
    """
    results: dict[int, ResultT] = {}
    pending: dict[int, Sequence[Request]] = {}
    for index, dialogue in enumerate(dialogues):
        try:
            pending[index] = next(dialogue)
        except StopIteration as stop:
            results[index] = stop.value
    while pending:
        replies = yield [request for requests in pending.values() for request in requests]
        pending = _advance(dialogues, pending, list(replies), results)
    return [results[index] for index in range(len(dialogues))]


def _advance(
    dialogues: Sequence[Dialogue[ResultT]],
    pending: dict[int, Sequence[Request]],
    replies: list[Reply],
    results: dict[int, ResultT],
) -> dict[int, Sequence[Request]]:
    still_pending: dict[int, Sequence[Request]] = {}
    start = 0
    for index, requests in pending.items():
        answers = replies[start : start + len(requests)]
        start += len(requests)
        try:
            still_pending[index] = dialogues[index].send(answers)
        except StopIteration as stop:
            results[index] = stop.value
    return still_pending
