"""The LLM stages as plain functions on plain data: no study, no files."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from neuroscribe import registry
from neuroscribe.llm.budget import Budget
from neuroscribe.llm.session import Session
from neuroscribe.llm.spec import CountingClient, open_client
from neuroscribe.records import Explanation, Prediction, UnitRecord
from neuroscribe.simulator import choose

if TYPE_CHECKING:
    from neuroscribe.llm.protocol import Dialogue


def explain(
    record: UnitRecord,
    client: CountingClient | str,
    *,
    explainer: str = "token_activation_pairs",
) -> Explanation:
    """Explain one unit.

    Args:
        record: what was recorded of it.
        client: an open client, or its spec.
        explainer: a registered name.
    """
    with _session(client) as session:
        dialogue: Dialogue[Explanation] = registry.load("explainer", explainer)()(record)
        return session.result(dialogue)


def simulate(
    explanation: str,
    tokens: Sequence[str],
    client: CountingClient | str,
    *,
    simulator: str = "auto",
) -> Prediction:
    """Predict a unit's activations on one text, on the 0..10 scale.

    Args:
        explanation: what the unit is said to fire on.
        tokens: of the text.
        client: an open client, or its spec.
        simulator: a registered name, or `auto` for the best the client can serve.
    """
    with _session(client) as session:
        name = choose(session.capabilities()) if simulator == "auto" else simulator
        dialogue: Dialogue[Prediction] = registry.load("simulator", name)()(explanation, tokens)
        return session.result(dialogue)


def _session(client: CountingClient | str) -> Session:
    return Session(open_client(client) if isinstance(client, str) else client, Budget())
