"""Journal, budget and tally around whatever answers: written once, for every kind of client.

The order is the point. The journal is asked before anything is reserved or throttled; the budget
reserves before anything is sent; the answer is journalled before it is used. Two equal requests
under way at once in one event loop become one.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple

from neuroscribe.errors import InputError
from neuroscribe.llm.budget import Budget
from neuroscribe.llm.canonical import (
    CHARACTERS_PER_TOKEN,
    Identity,
    characters,
    request_key,
)
from neuroscribe.llm.journal import Journal, from_entry, to_entry
from neuroscribe.llm.outcome import Outcome
from neuroscribe.llm.prices import VARIABLE, Price
from neuroscribe.llm.protocol import ChatRequest, Reply, Request
from neuroscribe.llm.tally import Tally

Ask = Callable[[Request], Awaitable[Outcome]]


class Use(NamedTuple):
    """What a request may use."""

    input_tokens: int
    """A quarter of the characters."""
    output_tokens: int
    """At most."""
    cost_usd: float | None
    """At most; None where the price is not known."""


class Bookkeeper:
    """Keeps the books of one client.

    Args:
        spec: the client's.
        identity: who answers, for the journal's keys.
        price: None where it is not known.
        journal: None keeps no answers.
        budget: None is unlimited.
        read_journal: False asks afresh.
        extra_output_tokens: what the client adds to a chat's limit, as far as it knows by now.
        clock: when answers come.

    Raises:
        InputError: a highest cost is set but the price is not known.
    """

    def __init__(
        self,
        *,
        spec: str,
        identity: Identity,
        price: Price | None,
        journal: Journal | None,
        budget: Budget | None,
        read_journal: bool,
        extra_output_tokens: Callable[[], int],
        clock: Callable[[], datetime],
    ) -> None:
        self.budget = budget or Budget()
        if self.budget.max_cost_usd is not None and price is None:
            raise InputError(
                f"the price of {spec} is not known, so its cost cannot be limited; write "
                f'[models."..."] with input_usd and output_usd to a TOML file and name the file in '
                f"{VARIABLE}, or limit the number of requests"
            )
        self.spec = spec
        self.identity = identity
        self.price = price
        self.journal = journal
        self.tally = Tally()
        self._read_journal = read_journal
        self._extra_output_tokens = extra_output_tokens
        self._clock = clock
        # By loop: an event wakes nobody in another one.
        self._under_way: dict[tuple[asyncio.AbstractEventLoop, bytes], asyncio.Event] = {}

    async def answer(self, request: Request, ask: Ask) -> Reply:
        """The reply to a request, from the journal or by asking."""
        reply = await self._once(request, ask)
        self.tally.add(reply)
        return reply

    def stored(self, request: Request) -> Reply | None:
        """The journalled reply to a request, or None."""
        if self.journal is None or not self._read_journal:
            return None
        entry = self.journal.get(request_key(self.identity, request))
        return None if entry is None else from_entry(entry, self.spec)

    def estimate(self, request: Request) -> Use:
        """What a request may use, at most."""
        n_input = math.ceil(characters(request) / CHARACTERS_PER_TOKEN)
        n_output = 1
        if isinstance(request, ChatRequest):
            n_output = request.max_tokens + self._extra_output_tokens()
        cost = self.price.cost_usd(n_input, n_output) if self.price else None
        return Use(n_input, n_output, cost)

    async def _once(self, request: Request, ask: Ask) -> Reply:
        if self.journal is None or not self._read_journal:
            return await self._bought(request, ask)
        place = (asyncio.get_running_loop(), request_key(self.identity, request))
        while place in self._under_way:
            await self._under_way[place].wait()
        reply = self.stored(request)
        if reply is not None:
            return reply
        done = self._under_way[place] = asyncio.Event()
        try:
            return await self._bought(request, ask)
        finally:
            del self._under_way[place]
            done.set()

    async def _bought(self, request: Request, ask: Ask) -> Reply:
        reservation = await self.budget.reserve(self.estimate(request).cost_usd)
        if reservation is None:
            outcome = Outcome(status="skipped", reason="the budget is reached")
            return self._signed(outcome, 0.0)
        cost: float | None = 0.0
        try:
            outcome = await ask(request)
            cost = self._cost(outcome)
        finally:
            self.budget.settle(reservation, cost)
        return self._kept(request, outcome, cost)

    def _kept(self, request: Request, outcome: Outcome, cost_usd: float | None) -> Reply:
        reply = self._signed(outcome, cost_usd)
        if self.journal is not None and outcome.came:
            entry = to_entry(outcome, reply.created_at, cost_usd)
            self.journal.put(request_key(self.identity, request), entry)
        return reply

    def _cost(self, outcome: Outcome) -> float | None:
        if self.price is None:
            return None if outcome.came or outcome.input_tokens else 0.0
        return self.price.cost_usd(outcome.input_tokens, outcome.output_tokens)

    def _signed(self, outcome: Outcome, cost_usd: float | None) -> Reply:
        return Reply(
            status=outcome.status,
            llm=self.spec,
            created_at=self._clock(),
            text=outcome.text,
            generated=outcome.generated,
            slots=outcome.slots,
            loss=outcome.loss,
            decisions=outcome.decisions,
            reason=outcome.reason,
            http_status=outcome.http_status,
            input_tokens=outcome.input_tokens,
            output_tokens=outcome.output_tokens,
            cost_usd=cost_usd,
        )
