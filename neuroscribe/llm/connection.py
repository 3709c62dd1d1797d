"""The connection of one client while one event loop runs: SDK, pool, pace.

Pools and locks belong to an event loop, and users of the synchronous API start a new loop with
every call. So a client holds its connection loosely: it opens one when it is first needed in a
loop, and closing it loses nothing but the open sockets.
"""

import asyncio
import ipaddress
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai

from neuroscribe.llm.pace import TokenRate, throttler
from neuroscribe.llm.settings import ClientSettings
from neuroscribe.llm.tally import Tally
from neuroscribe.llm.window import Window


class Connection:
    """An open way to an endpoint.

    Args:
        base_url: of the endpoint.
        key: sent as the bearer token.
        settings: speed and patience.
        transport: in place of the network.
        tally: counts what goes over the wire.
    """

    def __init__(
        self,
        *,
        base_url: str,
        key: str,
        settings: ClientSettings,
        transport: httpx2.AsyncBaseTransport | None,
        tally: Tally,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self._tally = tally
        self._throttler = (
            throttler(settings.requests_per_second) if settings.requests_per_second else None
        )
        self._token_rate = (
            TokenRate(settings.tokens_per_minute, self.loop.time)
            if settings.tokens_per_minute
            else None
        )
        self.in_flight = asyncio.Semaphore(settings.max_in_flight)
        """Requests under way, those that wait to be sent again included."""
        self.finding_out = asyncio.Lock()
        """Held by the one request that learns for all how the endpoint wants to be asked."""
        self._http = _PacedClient(
            Window(settings.max_in_flight, self.loop.time),
            transport=transport,
            event_hooks={"request": [self._before_sending], "response": [self._on_answer]},
            follow_redirects=True,
            # The SDK's default is 1,000; more than are in flight are never needed.
            limits=httpx2.Limits(max_connections=settings.max_in_flight),
            # A proxy for the outer world cannot reach this machine's own servers.
            trust_env=not _is_loopback(base_url),
        )
        self._sdk = openai.AsyncOpenAI(
            api_key=key,
            base_url=base_url,
            http_client=self._http,
            max_retries=settings.max_retries,
            timeout=settings.timeout_seconds,
        )

    async def post(self, path: str, body: dict[str, object], tokens: int) -> bytes:
        """Send a request and return the body of the answer.

        Args:
            path: under the base URL.
            body: sent as JSON.
            tokens: an estimate of what it will use, both ways.

        Raises:
            openai.APIError: no good answer after all retries.
        """
        if self._token_rate is not None:
            await self._token_rate.reserve(tokens)
        response = await self._sdk.post(path, body=body, cast_to=httpx2.Response)
        return response.content

    def used(self, reserved: int, used: int) -> None:
        """Say what a request did use."""
        if self._token_rate is not None:
            self._token_rate.correct(reserved, used)

    async def aclose(self) -> None:
        """Close all sockets."""
        await self._sdk.close()

    async def _before_sending(self, _: httpx2.Request) -> None:
        if self._throttler is not None:
            await self._throttler.acquire()  # type: ignore[no-untyped-call]
        self._tally.http_requests += 1

    async def _on_answer(self, _: httpx2.Response) -> None:
        self._tally.http_answers += 1


class _PacedClient(httpx2.AsyncClient):
    """The SDK's transport, each of whose attempts, retries included, waits for its place."""

    def __init__(self, window: Window, **settings: Any) -> None:
        super().__init__(**settings)
        self._window = window

    async def send(self, request: httpx2.Request, **how: Any) -> httpx2.Response:
        with await self._window.enter() as place:
            response = await super().send(request, **how)
            place.answered(response.status_code, retry_after_seconds(response.headers))
            return response


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """What an answer asks to wait, in any of the ways in which hosts say it.

    >>> retry_after_seconds({"retry-after": "2"}), retry_after_seconds({"retry-after-ms": "250"})
    (2.0, 0.25)
    """
    for name, divisor in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            return float(headers.get(name, "")) / divisor
        except ValueError:
            continue
    try:
        wanted, now = (parsedate_to_datetime(headers[name]) for name in ("retry-after", "date"))
        return (wanted - now).total_seconds()
    except (KeyError, TypeError, ValueError):
        return None


def _is_loopback(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
