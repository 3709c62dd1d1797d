"""The mock in process: an httpx2 transport around the core, so nothing but the wire is missing."""

import asyncio

import httpx2

from neuroscribe.llm.mock.core import MockLLM

BASE_URL = "http://mock.invalid/v1"
"""An address that no host can have: what reaches a wire by mistake goes nowhere."""


class MockTransport(httpx2.AsyncBaseTransport):
    """Answers requests from a `MockLLM`; time-outs and dropped connections raise as on a wire.

    >>> client = httpx2.AsyncClient(transport=MockTransport(MockLLM(seed=1)))
    """

    def __init__(self, mock: MockLLM) -> None:
        self.mock = mock

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request."""
        answer = self.mock.handle(request.method, request.url.path, await request.aread())
        if answer.dropped:
            raise httpx2.RemoteProtocolError(
                "Server disconnected without sending a response.", request=request
            )
        if answer.delay_seconds:
            patience = request.extensions.get("timeout", {}).get("read")
            if patience is not None and patience < answer.delay_seconds:
                await asyncio.sleep(patience)
                raise httpx2.ReadTimeout("The read operation timed out.", request=request)
            await asyncio.sleep(answer.delay_seconds)
        return httpx2.Response(answer.status, headers=answer.headers, content=answer.body)
