"""What a simulator is, and which one an endpoint gets.

Simulators differ in what they need of an endpoint and in how much they learn from it: a whole
distribution per token in one request, the distribution around the number the model wrote, or bare
integers. `choose` takes the first in that order that works, and the name travels with every
prediction, because scores of different simulators are not comparable. Simulators that are slow or
say nothing of the explanation are there to be named.
"""

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

from neuroscribe import registry
from neuroscribe.errors import CapabilityError
from neuroscribe.llm.protocol import Capabilities, Dialogue
from neuroscribe.records import Prediction, UnitRecord


@runtime_checkable
class Simulator(Protocol):
    """Predicts a unit's activations on a text from an explanation alone."""

    name: ClassVar[str]
    """The registered name."""
    needs: ClassVar[str]
    """What the endpoint must offer, for messages to people."""
    preference: ClassVar[int | None]
    """`choose` takes the smallest that suits; None is never chosen, only named."""
    asks: ClassVar[bool]
    """Whether it asks an LLM at all; what does not names `none` as the LLM."""

    @classmethod
    def suits(cls, capabilities: Capabilities) -> bool:
        """Whether an endpoint with these capabilities can serve it."""

    def __call__(
        self,
        explanation: str,
        tokens: Sequence[str],
        *,
        token_ids: Sequence[int] | None = None,
        record: UnitRecord | None = None,
    ) -> Dialogue[Prediction]:
        """Predict one value per token; a failure is a prediction with its status and no values.

        A simulator names the keywords that it reads and passes over the others (`**_: object`).

        Args:
            explanation: what is said of the unit.
            tokens: of the text.
            token_ids: the subject's ids, for simulators that share its tokenizer.
            record: of the unit, for simulators that need no explanation.

        Raises:
            InputError: the simulator needs ids or a record and was given none.
        """


def choose(capabilities: Capabilities) -> str:
    """Name of the best simulator that an endpoint with these capabilities can serve.

    Raises:
        CapabilityError: none can; the message says what each would need.
    """
    known = (registry.load("simulator", name) for name in registry.names("simulator"))
    simulators = sorted(
        (simulator for simulator in known if simulator.preference is not None),
        key=lambda simulator: (simulator.preference, simulator.name),
    )
    for simulator in simulators:
        if simulator.suits(capabilities):
            return str(simulator.name)
    needs = "; ".join(f"{simulator.name} needs {simulator.needs}" for simulator in simulators)
    raise CapabilityError(f"the endpoint can serve no simulator: {needs}; choose another model")
