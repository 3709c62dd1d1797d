"""The LLM stages as plain functions on plain data: no study, no files."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from neuroscribe import registry
from neuroscribe.errors import InputError
from neuroscribe.llm.budget import Budget
from neuroscribe.llm.session import Session
from neuroscribe.llm.spec import CountingClient, open_client
from neuroscribe.records import Exemplar, Explanation, Prediction, UnitRecord
from neuroscribe.simulator import choose

if TYPE_CHECKING:
    from neuroscribe.llm.protocol import Dialogue


def explain(
    record: UnitRecord,
    client: CountingClient | str,
    *,
    explainer: str = "token_activation_pairs",
    shown: Sequence[Exemplar] | None = None,
    **settings: Any,
) -> Explanation:
    """Explain one unit.

    Args:
        record: what was recorded of it.
        client: an open client, or its spec.
        explainer: a registered name.
        shown: `train` exemplars to show; None shows the strongest.
        settings: of the explainer, such as `form`, and the services that it needs
            (`neuroscribe.services`), such as `negatives`.

    Raises:
        InputError: the explainer needs a service that was not given.
    """
    plugin = registry.load("explainer", explainer)
    missing = [need for need in plugin.needs if need not in settings]
    if missing:
        raise InputError(
            f"the explainer {explainer!r} needs {', '.join(missing)}; give them by name (see "
            "neuroscribe.services), or explain through a Study, which opens them"
        )
    with _session(client) as session:
        dialogue: Dialogue[Explanation] = plugin(**settings)(record, shown)
        return session.result(dialogue)


def simulate(
    explanation: str,
    tokens: Sequence[str],
    client: CountingClient | str,
    *,
    simulator: str = "auto",
    token_ids: Sequence[int] | None = None,
    record: UnitRecord | None = None,
) -> Prediction:
    """Predict a unit's activations on one text, on the 0..10 scale.

    Args:
        explanation: what the unit is said to fire on.
        tokens: of the text.
        client: an open client, or its spec.
        simulator: a registered name, or `auto` for the best the client can serve.
        token_ids: the subject's ids, for simulators that share its tokenizer.
        record: of the unit, for simulators that need no explanation.

    Raises:
        InputError: the simulator needs ids or a record and was given none.
    """
    with _session(client) as session:
        name = choose(session.capabilities()) if simulator == "auto" else simulator
        simulate = registry.load("simulator", name)()
        dialogue: Dialogue[Prediction] = simulate(
            explanation, tokens, token_ids=token_ids, record=record
        )
        return session.result(dialogue)


def _session(client: CountingClient | str) -> Session:
    return Session(open_client(client) if isinstance(client, str) else client, Budget())
