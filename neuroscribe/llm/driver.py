"""Running dialogues: the one place that awaits for explainers, simulators and judges.

Jobs are pulled one by one as earlier ones end, so a million dialogues need the memory of those
under way. Results are handed over as they come, one at a time, so whatever happens later nothing
that came is lost. Once the budget is reached no dialogue is started, and one that met a skipped
request is dropped unfinished rather than delivered with a hole: a second run does it whole, and
pays only for what the journal lacks.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from neuroscribe.errors import BudgetReached
from neuroscribe.llm.budget import Budget
from neuroscribe.llm.gather import gather
from neuroscribe.llm.protocol import Client, Dialogue, Reply, Request
from neuroscribe.llm.spec import CountingClient

KeyT = TypeVar("KeyT")
ResultT = TypeVar("ResultT")
MAX_DIALOGUES = 128
"""Dialogues under way at once; each may have many requests under way."""


@dataclass
class RunOutcome(Generic[KeyT]):
    """How far a run came."""

    delivered: int = 0
    """Results handed over."""
    unfinished: list[KeyT] = field(default_factory=list)
    """Dialogues dropped because the budget was reached in their midst."""
    budget_reached: bool = False
    """Whether jobs may be left that were not even started."""


async def run(
    jobs: Iterable[tuple[KeyT, Dialogue[ResultT]]],
    client: Client,
    *,
    on_result: Callable[[KeyT, ResultT], None],
    budget: Budget | None = None,
    max_dialogues: int = MAX_DIALOGUES,
) -> RunOutcome[KeyT]:
    """Run all dialogues to their end, many at once.

    Args:
        jobs: dialogues with what to call them; pulled one at a time.
        client: answers the requests.
        on_result: told each result as soon as it is there, one at a time. What it raises ends the
            run.
        budget: no dialogue is started once it is reached, whoever reached it.
        max_dialogues: most under way at once.

    Raises:
        LLMError: no request can succeed.
    """
    iterator = iter(jobs)
    outcome: RunOutcome[KeyT] = RunOutcome()
    workers = range(max(1, max_dialogues))
    await gather(_work(iterator, client, on_result, budget, outcome) for _ in workers)
    if budget is not None and budget.reached:
        outcome.budget_reached = True
    return outcome


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a run would send and cost, from the first rounds of all its dialogues."""

    dialogues: int
    requests: int
    """To be sent."""
    journalled: int
    """Answered before: nothing is sent or paid for them."""
    input_tokens: int
    """A quarter of the characters."""
    output_tokens: int
    """At most."""
    cost_usd: float | None
    """At most; None where the price is not known."""

    def __str__(self) -> str:
        cost = "a cost that is not known" if self.cost_usd is None else f"${self.cost_usd:,.4f}"
        return (
            f"nothing was sent: {self.dialogues:,} items would send {self.requests:,} requests at "
            f"first ({self.journalled:,} more are in the journal), with about "
            f"{self.input_tokens:,} input tokens and at most {self.output_tokens:,} output tokens, "
            f"for at most {cost}"
        )


def estimate(jobs: Iterable[tuple[object, Dialogue[object]]], client: CountingClient) -> Estimate:
    """Count what `run` would send first, before anything is sent.

    Each dialogue is asked for its first round of requests and closed; later rounds depend on
    answers that nobody has yet.
    """
    counts: Counter[str] = Counter()
    cost: float | None = 0.0
    for _, dialogue in jobs:
        counts["dialogues"] += 1
        for request in _first_round(dialogue):
            use = client.estimate(request)
            if use is None:
                counts["journalled"] += 1
                continue
            counts["requests"] += 1
            counts["input_tokens"] += use.input_tokens
            counts["output_tokens"] += use.output_tokens
            cost = None if cost is None or use.cost_usd is None else cost + use.cost_usd
    return Estimate(
        dialogues=counts["dialogues"],
        requests=counts["requests"],
        journalled=counts["journalled"],
        input_tokens=counts["input_tokens"],
        output_tokens=counts["output_tokens"],
        cost_usd=cost,
    )


def _first_round(dialogue: Dialogue[object]) -> list[Request]:
    try:
        return list(next(dialogue, ()))
    finally:
        dialogue.close()


async def _work(
    jobs: Iterator[tuple[KeyT, Dialogue[ResultT]]],
    client: Client,
    on_result: Callable[[KeyT, ResultT], None],
    budget: Budget | None,
    outcome: RunOutcome[KeyT],
) -> None:
    while not (outcome.budget_reached or (budget is not None and budget.reached)):
        job = next(jobs, None)
        if job is None:
            return
        key, dialogue = job
        try:
            result = await _converse(dialogue, client)
        except BudgetReached:
            outcome.budget_reached = True
            outcome.unfinished.append(key)
            return
        on_result(key, result)
        outcome.delivered += 1


async def _converse(dialogue: Dialogue[ResultT], client: Client) -> ResultT:
    try:
        requests = next(dialogue)
        while True:
            replies: Sequence[Reply] = await client.complete(requests)
            if any(reply.status == "skipped" for reply in replies):
                raise BudgetReached(f"the budget for {client.spec} is reached")
            requests = dialogue.send(replies)
    except StopIteration as stop:
        result: ResultT = stop.value
        return result
    finally:
        dialogue.close()
