"""How many requests are on the wire at once, end to end."""

import asyncio
import time

import pytest

from neuroscribe.llm.clients.openai import OpenAIClient
from neuroscribe.llm.mock import Misbehaviour, MockLLM, serve


class Watched(MockLLM):
    """A mock that takes only so many requests at once, and counts them by their answers."""

    def __init__(self, bears: int, latency_seconds: float) -> None:
        super().__init__()
        self.bears = bears
        self.latency_seconds = latency_seconds
        self.limited = 0
        self.most = 0
        self._ends: list[float] = []

    def handle(self, method, path, body):
        now = time.monotonic()
        self._ends = [end for end in self._ends if end > now]
        if len(self._ends) >= self.bears:
            self.limited += 1
            trouble = MockLLM(misbehaviour=Misbehaviour(rate_limit=1.0, retry_after_seconds=0.02))
            return trouble.handle(method, path, body)
        self._ends.append(now + self.latency_seconds)
        self.most = max(self.most, len(self._ends))
        return super().handle(method, path, body)._replace(delay_seconds=self.latency_seconds)


def test_sixty_four_requests_are_under_way_at_once_by_default(chat, ask):
    slow = Watched(bears=1000, latency_seconds=0.5)
    with serve(slow) as base_url:
        client = OpenAIClient(f"openai:mock@{base_url}", "mock", base_url)
        start = time.monotonic()
        replies = ask(client, *(chat(str(index)) for index in range(64)))
        elapsed = time.monotonic() - start
    assert [reply.status for reply in replies] == ["ok"] * 64
    assert slow.most == 64
    assert elapsed < 5


@pytest.fixture
def overloaded(mock_client):
    """A client of a mock that bears four requests at once."""
    client = mock_client(max_retries=4)
    client.mock = Watched(bears=4, latency_seconds=0.01)
    client._transport.mock = client.mock
    return client


def test_an_overloaded_endpoint_is_sent_less_until_it_bears_it(overloaded, chat, ask):
    replies = ask(overloaded, *(chat(str(index)) for index in range(300)))
    assert [reply.status for reply in replies] == ["ok"] * 300
    assert overloaded.mock.most == 4
    # Without slowing down all but 4 of each 64 would be turned away, again and again.
    assert overloaded.mock.limited < 150


def test_after_a_limit_the_speed_comes_back(mock_client, chat):
    limited_once = Misbehaviour(rate_limit=1.0, first_attempts=1, retry_after_seconds=0.02)
    client = mock_client(misbehaviour=limited_once, max_retries=2, max_in_flight=8)
    allowed = []

    async def whole():
        try:
            for requests in ([chat(str(index)) for index in range(8)], [chat("8")] * 40):
                for reply in await client.complete(requests):
                    assert reply.status == "ok"
                # The window lives as long as the connection.
                allowed.append(client._connection._http._window.allowed)
        finally:
            await client.aclose()

    asyncio.run(whole())
    slowed, again = allowed
    assert slowed < 8
    assert again == 8


def test_a_wait_is_no_failure_and_takes_no_time_from_the_timeout(mock_client, chat, ask):
    limited_once = Misbehaviour(rate_limit=0.2, first_attempts=1, retry_after_seconds=0.25)
    client = mock_client(misbehaviour=limited_once, max_retries=1, timeout_seconds=0.15)

    async def whole():
        try:
            # One after the other, so that later ones wait for what earlier ones were told.
            return [
                reply
                for start in range(0, 20, 10)
                for reply in await client.complete(
                    [chat(str(index)) for index in range(start, start + 10)]
                )
            ]
        finally:
            await client.aclose()

    replies = asyncio.run(whole())
    assert {reply.status for reply in replies} == {"ok"}
    assert client.tally.http_requests > 20
