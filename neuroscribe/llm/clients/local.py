"""A causal language model in this process: a folder, a name on the hub, or the embedded decoder.

Nothing is sent and nothing paid, but the books are kept all the same: the journal answers a second
run without one pass through the model. Its key is the hash of the weights, the tokenizer and the
arithmetic, not the path, so a model that was moved is still known and one that was trained further
is not mistaken for itself. torch and transformers are loaded when a client is opened, not before.
"""

import asyncio
import threading
from typing import TYPE_CHECKING, ClassVar

from neuroscribe.llm.booked_client import BookedClient
from neuroscribe.llm.bookkeeper import Bookkeeper
from neuroscribe.llm.canonical import Identity
from neuroscribe.llm.local.collector import Collector
from neuroscribe.llm.outcome import Outcome
from neuroscribe.llm.prices import Price
from neuroscribe.llm.protocol import Capabilities, Request
from neuroscribe.llm.spec import ClientContext, malformed

if TYPE_CHECKING:
    from neuroscribe.llm.local.engine import Engine

LAYOUT = 1
"""Goes up when prompts are laid out or read in another way, so that old answers are not taken."""


class LocalClient(BookedClient):
    """A model in this process.

    Args:
        spec: how the user named it.
        engine: answers.
        context: journal, budget, settings and clock.
    """

    forms: ClassVar[tuple[str, ...]] = ("local:PATH_OR_NAME", "local:tinypython")

    def __init__(self, spec: str, engine: "Engine", context: ClientContext) -> None:
        self.engine = engine
        books = Bookkeeper(
            spec=spec,
            identity=Identity(base_url=f"local:{LAYOUT}", model=engine.model.identity),
            price=Price(input_usd=0.0, output_usd=0.0),
            journal=context.journal,
            budget=context.budget,
            read_journal=context.settings.read_journal,
            extra_output_tokens=lambda: 0,
            clock=context.clock,
        )
        super().__init__(books)
        self._collector: Collector | None = None
        self._turn = threading.Lock()

    @classmethod
    def from_spec(cls, argument: str, context: ClientContext) -> "LocalClient":
        """Load the model that follows the colon.

        Raises:
            SubjectError: there is no such model, or it cannot be used; the message says what to do.
        """
        if not argument.strip():
            raise malformed(f"local:{argument}", cls.forms)
        from neuroscribe.llm.local.engine import Engine  # noqa: PLC0415 -- loads torch
        from neuroscribe.llm.local.opening import open_model  # noqa: PLC0415

        return cls(f"local:{argument}", Engine(open_model(argument)), context)

    async def capabilities(self) -> Capabilities:
        """What the model can do; known without asking it."""
        return Capabilities(
            prompt_logprobs=True,
            generated_logprobs=True,
            json_schema=False,
            # The chain rule tells 1 from 10 whatever the tokenizer does.
            splits_ten=False,
            decisions=True,
            direct=self.engine.model.direct is not None,
        )

    async def aclose(self) -> None:
        """Forget the prefixes; the model stays, and the client can be used again."""
        if self._collector is not None:
            collector, self._collector = self._collector, None
            await collector.aclose()
        self.engine.scorer.prefixes.clear()

    async def _ask(self, request: Request) -> Outcome:
        if self._collector is None or self._collector.loop is not asyncio.get_running_loop():
            self._collector = Collector(self.engine.answers, self._turn)
        return await self._collector.ask(request)


PLUGIN = LocalClient
