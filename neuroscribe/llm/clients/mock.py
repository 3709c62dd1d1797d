"""The mock as a client: the OpenAI client over the mock's in-process transport.

So an offline run executes what a production run executes: SDK, retries, parsing, journal, budget.
Only the bytes do not cross a wire.
"""

from typing import ClassVar

from neuroscribe.llm.clients.openai import OpenAIClient
from neuroscribe.llm.mock import MockLLM, MockTransport
from neuroscribe.llm.mock.transport import BASE_URL
from neuroscribe.llm.spec import ClientContext, malformed


class MockClient(OpenAIClient):
    """`mock` (seed 0) or `mock:SEED`."""

    forms: ClassVar[tuple[str, ...]] = ("mock", "mock:SEED")

    @classmethod
    def from_spec(cls, argument: str, context: ClientContext) -> "MockClient":
        """Open a mock with the seed that follows the colon, if one does."""
        if argument and not (argument.isascii() and argument.isdigit()):
            raise malformed(f"mock:{argument}", cls.forms)
        return cls.around(MockLLM(int(argument or 0)), context)

    @classmethod
    def around(cls, mock: MockLLM, context: ClientContext | None = None) -> "MockClient":
        """A client of this very mock, such as one that misbehaves."""
        context = context or ClientContext()
        spec = f"mock:{mock.seed}" if mock.seed else "mock"
        return cls(
            spec,
            "mock",
            BASE_URL,
            journal=context.journal,
            budget=context.budget,
            settings=context.settings,
            transport=MockTransport(mock),
            identity=f"mock:{mock.seed}",
            prices=context.prices,
            clock=context.clock,
        )


PLUGIN = MockClient
