"""What a simulator is, and which one an endpoint gets.

Simulators differ in what they need of an endpoint and in how much they learn from it: a whole
distribution per token in one request, the distribution around the number the model wrote, or bare
integers. `choose` takes the first in that order that works, and the name travels with every
prediction, because scores of different simulators are not comparable.
"""

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

from neuroscribe import registry
from neuroscribe.errors import CapabilityError
from neuroscribe.llm.protocol import Capabilities, Dialogue
from neuroscribe.records import Prediction


@runtime_checkable
class Simulator(Protocol):
    """Predicts a unit's activations on a text from an explanation alone."""

    name: ClassVar[str]
    """The registered name."""
    needs: ClassVar[str]
    """What the endpoint must offer, for messages to people."""
    preference: ClassVar[int]
    """`choose` takes the smallest that suits."""

    @classmethod
    def suits(cls, capabilities: Capabilities) -> bool:
        """Whether an endpoint with these capabilities can serve it."""

    def __call__(self, explanation: str, tokens: Sequence[str]) -> Dialogue[Prediction]:
        """Predict one value per token; a failure is a prediction with its status and no values."""


def choose(capabilities: Capabilities) -> str:
    """Name of the best simulator that an endpoint with these capabilities can serve.

    Raises:
        CapabilityError: none can; the message says what each would need.
    """
    simulators = sorted(
        (registry.load("simulator", name) for name in registry.names("simulator")),
        key=lambda simulator: (simulator.preference, simulator.name),
    )
    for simulator in simulators:
        if simulator.suits(capabilities):
            return str(simulator.name)
    needs = "; ".join(f"{simulator.name} needs {simulator.needs}" for simulator in simulators)
    raise CapabilityError(f"the endpoint can serve no simulator: {needs}; choose another model")
