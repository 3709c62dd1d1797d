import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from neuroscribe.llm.clients.mock import MockClient
from neuroscribe.llm.clients.openai import OpenAIClient
from neuroscribe.llm.journal import Journal
from neuroscribe.llm.mock import Abilities, Misbehaviour, MockLLM
from neuroscribe.llm.protocol import ChatRequest, Message, PromptLogprobsRequest
from neuroscribe.llm.settings import ClientSettings
from neuroscribe.llm.spec import ClientContext
from neuroscribe.notation import UNKNOWN, activation_table, slots_of

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
TOKENS = ("the", " raw", " data", "\n")


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("NEUROSCRIBE_PRICES", raising=False)


@pytest.fixture
def journal(tmp_path: Path):
    with Journal(tmp_path / "journal.sqlite") as opened:
        yield opened


@pytest.fixture
def table() -> str:
    return activation_table(TOKENS, [UNKNOWN] * len(TOKENS))


@pytest.fixture
def simulate(table) -> PromptLogprobsRequest:
    """A simulation prompt of four tokens with four slots."""
    prompt = f'Explanation: the tokens "raw"\n{table}'
    return PromptLogprobsRequest(prompt=prompt, slots=slots_of(prompt, table))


@pytest.fixture
def chat() -> Callable[..., ChatRequest]:
    def build(content: str = "What is this?", **settings) -> ChatRequest:
        messages = (Message(role="user", content=content),)
        return ChatRequest(messages=messages, **{"max_tokens": 100} | settings)

    return build


@pytest.fixture
def mock_client() -> Callable[..., MockClient]:
    """Opens clients of a mock; the mock is at hand as `client.mock`."""

    def build(
        seed: int = 0,
        misbehaviour: Misbehaviour | None = None,
        abilities: Abilities | None = None,
        journal=None,
        budget=None,
        **settings,
    ) -> MockClient:
        mock = MockLLM(seed, misbehaviour=misbehaviour, abilities=abilities)
        client = MockClient.around(
            mock,
            ClientContext(
                journal=journal,
                budget=budget,
                settings=ClientSettings(**{"max_retries": 0} | settings),
                clock=lambda: NOON,
            ),
        )
        client.mock = mock
        return client

    return build


@pytest.fixture
def endpoint() -> Callable[..., OpenAIClient]:
    """Opens clients of a function from HTTP request to (status, JSON body or bytes)."""

    def build(answer, *, base_url="http://host.test/v1", journal=None, **settings) -> OpenAIClient:
        def handle(request: httpx2.Request) -> httpx2.Response:
            status, body = answer(request)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            return httpx2.Response(status, content=content)

        spec = f"openai:m@{base_url}" if base_url else "openai:m"
        return OpenAIClient(
            spec,
            "m",
            base_url,
            journal=journal,
            settings=ClientSettings(**{"max_retries": 0} | settings),
            transport=httpx2.MockTransport(handle),
            clock=lambda: NOON,
        )

    return build


@pytest.fixture
def ask():
    """The replies of a client to some requests, connections closed afterwards."""

    def complete(client, *requests):
        async def whole():
            try:
                return await client.complete(requests)
            finally:
                await client.aclose()

        return asyncio.run(whole())

    return complete


@pytest.fixture
def probe():
    """The capabilities of a client, connections closed afterwards."""

    def find(client):
        async def whole():
            try:
                return await client.capabilities()
            finally:
                await client.aclose()

        return asyncio.run(whole())

    return find
