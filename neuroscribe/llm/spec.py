"""Spec strings: how users name an LLM, such as `openai:gpt-5-mini` or `mock`.

The word before the colon is a registered client; the rest is the client's own. So a new kind of
client is one new file in `llm/clients/`, and nothing here changes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from neuroscribe import registry
from neuroscribe.errors import InputError
from neuroscribe.llm.bookkeeper import Use
from neuroscribe.llm.budget import Budget
from neuroscribe.llm.journal import Journal
from neuroscribe.llm.prices import Price, load_prices
from neuroscribe.llm.protocol import Client, Request
from neuroscribe.llm.settings import ClientSettings
from neuroscribe.llm.tally import Tally


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class ClientContext:
    """What every client is opened with."""

    journal: Journal | None = None
    """None keeps no answers."""
    budget: Budget | None = None
    """None is unlimited; one budget may serve several clients."""
    settings: ClientSettings = field(default_factory=ClientSettings)
    prices: Mapping[str, Price] = field(default_factory=load_prices)
    clock: Callable[[], datetime] = now
    """When answers come."""


@runtime_checkable
class CountingClient(Client, Protocol):
    """A client that keeps books: every client of ours."""

    @property
    def tally(self) -> Tally:
        """What it has done so far."""

    def estimate(self, request: Request) -> Use | None:
        """What a request would use at most; None where its answer is journalled."""


@runtime_checkable
class ClientPlugin(Protocol):
    """What a module in `llm/clients/` registers."""

    forms: ClassVar[tuple[str, ...]]
    """The spec strings it takes, for people."""

    @classmethod
    def from_spec(cls, argument: str, context: ClientContext) -> CountingClient:
        """Open a client from what follows the colon.

        Raises:
            InputError: it has another form, or a key is missing.
        """


def open_client(
    spec: str,
    *,
    journal: Journal | None = None,
    budget: Budget | None = None,
    settings: ClientSettings | None = None,
    prices: Path | None = None,
    clock: Callable[[], datetime] = now,
) -> CountingClient:
    """The client that a spec string names; nothing is sent yet.

    Args:
        spec: `openai:MODEL`, `openai:MODEL@BASE_URL`, `mock`, `mock:SEED`, or another registered
            client's.
        journal: answers are kept there and taken from there.
        budget: the most that may be spent.
        settings: speed and patience.
        prices: a file of prices over those of the package; by default the one that the environment
            variable NEUROSCRIBE_PRICES names.
        clock: when answers come.

    Raises:
        InputError: the spec has no known form, a key is missing, or the cost is limited and the
            price not known.
    """
    name, _, argument = spec.partition(":")
    if not name.isidentifier():
        raise InputError(f"no LLM is named {spec!r}; write one of: {', '.join(_forms())}")
    plugin: type[ClientPlugin] = registry.load("client", name)
    context = ClientContext(
        journal=journal,
        budget=budget,
        settings=settings or ClientSettings(),
        prices=load_prices(prices),
        clock=clock,
    )
    return plugin.from_spec(argument, context)


def malformed(spec: str, forms: Sequence[str]) -> InputError:
    """The error for a spec whose first word is right and whose rest is not."""
    return InputError(f"{spec!r} names no LLM; write {' or '.join(forms)}")


def _forms() -> list[str]:
    plugins = [registry.load("client", name) for name in registry.names("client")]
    return [form for plugin in plugins for form in plugin.forms]
