"""Any endpoint that speaks the OpenAI protocol, through OpenAI's own SDK.

The SDK brings retries (Retry-After honoured), time-outs and pooling; there is no hand-written HTTP.
Answers are read as plain JSON (`wire`), and every one is checked. A parameter that a model refuses
is learnt from its first 400. Keys come from the environment alone and appear nowhere else.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

import httpx2
import openai

from neuroscribe.errors import BudgetReached, LLMError
from neuroscribe.llm import capabilities as probes
from neuroscribe.llm.booked_client import BookedClient
from neuroscribe.llm.bookkeeper import Bookkeeper
from neuroscribe.llm.budget import Budget
from neuroscribe.llm.canonical import Identity, key_of
from neuroscribe.llm.connection import Connection
from neuroscribe.llm.credentials import NO_KEY, checked_address, key_from_environment
from neuroscribe.llm.deciding import decide
from neuroscribe.llm.gather import gather
from neuroscribe.llm.journal import Journal
from neuroscribe.llm.outcome import Outcome, failed
from neuroscribe.llm.prices import Price, load_prices, price_of
from neuroscribe.llm.protocol import (
    Capabilities,
    ChatRequest,
    DecideRequest,
    DirectRequest,
    Request,
)
from neuroscribe.llm.settings import ClientSettings
from neuroscribe.llm.spec import ClientContext, malformed, now
from neuroscribe.llm.wire import chat
from neuroscribe.llm.wire.body import read_body, usage
from neuroscribe.llm.wire.decisions import NOT_THERE, Form
from neuroscribe.llm.wire.dialect import LIMITS, Dialect
from neuroscribe.llm.wire.errors import outcome_of
from neuroscribe.llm.wire.exchange import Exchange, Sendable, exchange

OPENAI_URL = "https://api.openai.com/v1"
_ARGUMENT = re.compile(r"(?P<model>[^\s@]+)(?:@(?P<base_url>https?://\S+))?")


class OpenAIClient(BookedClient):
    """An endpoint that speaks the OpenAI protocol.

    Args:
        spec: how the user named it.
        model: the endpoint's name for the model.
        base_url: None for OpenAI's own address.
        journal: answers are kept there and taken from there.
        budget: the most that may be spent.
        settings: speed and patience.
        transport: in place of the network.
        identity: what the journal calls the endpoint; by default its address.
        prices: by default those of the package and of the user.
        clock: when answers come.

    Raises:
        InputError: no key for OpenAI's own address, a password in the address, or the cost is
            limited and the price not known.
    """

    forms: ClassVar[tuple[str, ...]] = ("openai:MODEL", "openai:MODEL@BASE_URL")

    def __init__(
        self,
        spec: str,
        model: str,
        base_url: str | None,
        *,
        journal: Journal | None = None,
        budget: Budget | None = None,
        settings: ClientSettings | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        identity: str | None = None,
        prices: Mapping[str, Price] | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._model = model
        self._base_url = checked_address(base_url) if base_url else OPENAI_URL
        self._key = key_from_environment(needed=base_url is None)
        self._settings = settings or ClientSettings()
        self._transport = transport
        self._dialect = Dialect(limit=LIMITS[1] if base_url is None else LIMITS[0])
        books = Bookkeeper(
            spec=spec,
            identity=Identity(
                base_url=identity or self._base_url,
                model=model,
                reasoning_effort=self._settings.reasoning_effort,
            ),
            price=price_of(load_prices() if prices is None else prices, model, base_url),
            journal=journal,
            budget=budget,
            read_journal=self._settings.read_journal,
            extra_output_tokens=self._extra_output_tokens,
            clock=clock,
        )
        super().__init__(books)
        self._connection: Connection | None = None
        self._capabilities: Capabilities | None = None

    @classmethod
    def from_spec(cls, argument: str, context: ClientContext) -> "OpenAIClient":
        """Open `MODEL` or `MODEL@BASE_URL`."""
        match = _ARGUMENT.fullmatch(argument)
        if match is None:
            raise malformed(f"openai:{argument}", cls.forms)
        return cls(
            f"openai:{argument}",
            match["model"],
            match["base_url"],
            journal=context.journal,
            budget=context.budget,
            settings=context.settings,
            prices=context.prices,
            clock=context.clock,
        )

    async def capabilities(self) -> Capabilities:
        """What the endpoint can do, asked once in the life of the journal.

        Raises:
            LLMError: the key, the model or the address is wrong.
            BudgetReached: the probes themselves do not fit in the budget.
        """
        if self._capabilities is None:
            self._capabilities = self._known_capabilities() or await self._probe()
        return self._capabilities

    async def aclose(self) -> None:
        """Close all connections; the client opens new ones when it is used again."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.aclose()

    async def _ask(self, request: Request, *, probing: bool = False) -> Outcome:
        if isinstance(request, DirectRequest):
            return failed(
                "no server gives the levels of all tokens at once; name a simulator model in "
                "process, as local:PATH"
            )
        if isinstance(request, DecideRequest):
            return await self._decide(request, probing=probing)
        return await self._in_turn(request, self._exchange_of(request), probing=probing)

    async def _decide(self, request: DecideRequest, *, probing: bool) -> Outcome:
        async def ask(part: DecideRequest, form: Form) -> Outcome:
            return await self._in_turn(part, self._exchange_of(part, form), probing=True)

        outcome = await decide(request, self._dialect, self._connected().finding_out, ask)
        if outcome.http_status in NOT_THERE and not probing:
            raise LLMError(
                f"{self._base_url} answers no typed questions for {self.spec}: {outcome.reason}; "
                "choose another simulator or judge"
            )
        return outcome

    async def _in_turn(self, request: Sendable, exchange: Exchange, *, probing: bool) -> Outcome:
        connection = self._connected()
        # The body is made when the request's turn has come, with all that was learnt by then.
        async with connection.in_flight:
            return await self._exchange(connection, request, exchange, probing=probing)

    async def _exchange(
        self, connection: Connection, request: Sendable, exchange: Exchange, *, probing: bool
    ) -> Outcome:
        if isinstance(request, ChatRequest):
            lacking = chat.refused_ability(request, self._dialect)
            if lacking is not None:
                return Outcome(status="failed", reason=lacking, http_status=400)
        discarded = Outcome(status="unparsed")
        while True:
            sent = exchange.write()
            try:
                body = await self._post(connection, exchange.path, sent, request)
            except openai.APIError as error:
                if isinstance(error, openai.BadRequestError) and self._learnt(error, sent):
                    continue
                return self._outcome_of(error, probing=probing)
            outcome = body if isinstance(body, Outcome) else exchange.read(body)
            if not isinstance(body, Outcome) and self._reasoned_away(body, sent, request):
                discarded = outcome
                continue
            # What was spent on a discarded answer was paid all the same.
            return replace(
                outcome,
                input_tokens=outcome.input_tokens + discarded.input_tokens,
                output_tokens=outcome.output_tokens + discarded.output_tokens,
            )

    async def _post(
        self, connection: Connection, path: str, sent: dict[str, Any], request: Request
    ) -> Mapping[str, Any] | Outcome:
        use = self._books.estimate(request)
        reserved = use.input_tokens + use.output_tokens
        content = await connection.post(path, sent, reserved)
        if self._key != NO_KEY:
            # Some gateways repeat it in what they answer with 200.
            content = content.replace(self._key.encode(), b"[key]")
        body = read_body(content)
        if not isinstance(body, Outcome):
            counted = usage(body)
            used = counted["input_tokens"] + counted["output_tokens"]
            connection.used(reserved, used or reserved)
        return body

    def _learnt(self, error: openai.BadRequestError, sent: dict[str, Any]) -> bool:
        return self._dialect.learn(sent, error.param, str(error.body or error.message))

    def _exchange_of(self, request: Sendable, form: Form = "decisions") -> Exchange:
        return exchange(request, self._model, self._dialect, self._settings, form=form)

    def _reasoned_away(
        self, body: Mapping[str, Any], sent: Mapping[str, Any], request: Request
    ) -> bool:
        if not isinstance(request, ChatRequest) or not chat.spent_on_reasoning(body):
            return False
        self._dialect.reasons = True
        # Another request may have learnt the other name of the limit meanwhile.
        allowed = max(sent.get(name, 0) for name in LIMITS) > request.max_tokens
        return not allowed and self._settings.reasoning_allowance > 0

    def _extra_output_tokens(self) -> int:
        return self._settings.reasoning_allowance if self._dialect.reasons else 0

    def _known_capabilities(self) -> Capabilities | None:
        journal = self._books.journal
        if journal is None or not self._settings.read_journal:
            return None
        entry = journal.get(key_of(self._books.identity, probes.ENTRY))
        return None if entry is None else probes.from_entry(entry)

    async def _probe(self) -> Capabilities:
        outcomes: list[Outcome] = []

        async def ask(request: Request) -> Outcome:
            try:
                outcome = await self._ask(request, probing=True)
            except LLMError as error:
                if not isinstance(request, DecideRequest):
                    raise
                # Keys may be good for chats alone; that is no reason to end.
                outcome = Outcome(status="failed", reason=str(error), http_status=404)
            outcomes.append(outcome)
            return outcome

        replies = await gather(self._books.answer(probe, ask) for probe in probes.PROBES)
        if any(reply.status == "skipped" for reply in replies):
            raise BudgetReached(f"the budget does not allow to find out what {self.spec} can do")
        conclusive = all(map(probes.is_conclusive, outcomes))
        if all(reply.status == "failed" for reply in replies) and (
            not conclusive or all(outcome.http_status == 404 for outcome in outcomes)
        ):
            raise LLMError(f"{self.spec} at {self._base_url} answers nothing: {replies[0].reason}")
        found = replace(probes.judge(replies), certain=conclusive)
        if conclusive and self._books.journal is not None:
            key = key_of(self._books.identity, probes.ENTRY)
            self._books.journal.put(key, probes.to_entry(found))
        return found

    def _outcome_of(self, error: openai.APIError, *, probing: bool) -> Outcome:
        return outcome_of(
            error,
            spec=self.spec,
            base_url=self._base_url,
            key=None if self._key == NO_KEY else self._key,
            reached=self.tally.http_answers > 0,
            attempts=self._settings.max_retries + 1,
            probing=probing,
        )

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.loop is not asyncio.get_running_loop():
            self._connection = Connection(
                base_url=self._base_url,
                key=self._key,
                settings=self._settings,
                transport=self._transport,
                tally=self.tally,
            )
        return self._connection


PLUGIN = OpenAIClient
