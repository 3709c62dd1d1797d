"""A session with one LLM, for synchronous callers.

An event loop runs in a thread of its own while the session is open, so the same calls work in a
script and in a notebook, whose own loop is already running. Connections live as long as the
session. An interrupt in the caller's thread cancels what is under way; results that were delivered
stay delivered.
"""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, final

from neuroscribe.errors import BudgetReached
from neuroscribe.llm import driver
from neuroscribe.llm.budget import Budget
from neuroscribe.llm.driver import Estimate
from neuroscribe.llm.journal import Journal
from neuroscribe.llm.protocol import Capabilities, Dialogue
from neuroscribe.llm.settings import ClientSettings
from neuroscribe.llm.spec import CountingClient, open_client

__all__ = ["Estimate", "LLMOptions", "Session", "SessionSummary", "open_session"]

KeyT = TypeVar("KeyT")
ResultT = TypeVar("ResultT")
ValueT = TypeVar("ValueT")


@dataclass(frozen=True, kw_only=True)
class LLMOptions:
    """Limits on cost and speed, and how patient to be."""

    max_cost_usd: float | None = None
    """Stop at this cost; the run can be resumed."""
    max_requests: int | None = None
    """Stop after this many requests; the run can be resumed."""
    prices: Path | None = None
    """TOML file of prices per million tokens, over those that come along."""
    settings: ClientSettings = field(default_factory=ClientSettings)
    """Concurrency, speed, retries, time-outs, and whether journalled answers count."""


@dataclass(frozen=True, kw_only=True)
class SessionSummary:
    """What a session has sent and paid."""

    llm: str
    requests: int
    """Answers that were asked for and not in the journal."""
    journalled: int
    """Answers that came from the journal."""
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    """None where a price is not known."""
    budget_reached: bool

    def __str__(self) -> str:
        cost = "cost unknown" if self.cost_usd is None else f"${self.cost_usd:,.4f}"
        return (
            f"{self.llm}: {self.requests:,} requests sent, {self.journalled:,} answers from the "
            f"journal, {self.input_tokens:,} + {self.output_tokens:,} tokens, {cost}"
        )


@final
class Session:
    """One LLM while it is being used."""

    def __init__(
        self, client: CountingClient, budget: Budget, *, journal: Journal | None = None
    ) -> None:
        """Open the loop; `close` (or leaving a `with` block) ends it, and closes the journal."""
        self._client = client
        self._budget = budget
        self._journal = journal
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @property
    def spec(self) -> str:
        """How the user named the LLM."""
        return self._client.spec

    @property
    def cost_usd(self) -> float | None:
        """What was paid so far; None where a price is not known."""
        return self._client.tally.cost_usd

    def capabilities(self) -> Capabilities:
        """What the endpoint can do."""
        return self._wait(self._client.capabilities())

    def run(
        self,
        jobs: Iterable[tuple[KeyT, Dialogue[ResultT]]],
        on_result: Callable[[KeyT, ResultT], None],
    ) -> None:
        """Run dialogues side by side; results are delivered as they come, one at a time.

        Args:
            jobs: drawn from only as fast as they are worked off.
            on_result: called with each job's key and result.
        """
        self._wait(driver.run(jobs, self._client, on_result=on_result, budget=self._budget))

    def result(self, dialogue: Dialogue[ValueT]) -> ValueT:
        """The result of one dialogue.

        Raises:
            BudgetReached: a request of it was skipped.
        """
        results: list[ValueT] = []
        self.run([(None, dialogue)], lambda _, result: results.append(result))
        if not results:
            raise BudgetReached(f"the budget for {self.spec} is reached")
        return results[0]

    def estimate(self, jobs: Iterable[tuple[KeyT, Dialogue[ResultT]]]) -> Estimate:
        """What the first round of the dialogues would send and cost; nothing is sent."""
        return driver.estimate(jobs, self._client)

    def summary(self) -> SessionSummary:
        """What was sent and paid so far."""
        tally = self._client.tally
        return SessionSummary(
            llm=self.spec,
            requests=tally.replies - tally.journalled - tally.by_status["skipped"],
            journalled=tally.journalled,
            input_tokens=tally.input_tokens,
            output_tokens=tally.output_tokens,
            cost_usd=tally.cost_usd,
            budget_reached=self._budget.reached,
        )

    def close(self) -> None:
        """Close connections and the loop."""
        if self._loop.is_closed():
            return
        self._wait(self._client.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self._journal is not None:
            self._journal.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _wait(self, work: Coroutine[Any, Any, ValueT]) -> ValueT:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            concurrent.futures.wait([future], timeout=5)
            raise


def open_session(llm: str, *, journal: Path, options: LLMOptions) -> Session:
    """Open a session.

    Args:
        llm: the client's spec.
        journal: file of the journal.
        options: limits and patience.

    Raises:
        InputError: a malformed spec, or a limit on a cost that is not known.
        StoreError: the journal is damaged.
    """
    budget = Budget(max_cost_usd=options.max_cost_usd, max_requests=options.max_requests)
    with ExitStack() as unless_opened:
        answers = unless_opened.enter_context(Journal(journal))
        client = open_client(
            llm,
            journal=answers,
            budget=budget,
            settings=options.settings,
            prices=options.prices,
        )
        unless_opened.pop_all()
    return Session(client, budget, journal=answers)
