"""The protocol that all reducers share: a stream of batches to a mergeable summary.

A reducer's state is a set of tensors whose size depends on units and K, never on the corpus. The
state of a whole corpus is the merge of the states of its parts, in any order, and a state that was
saved and loaded goes on as if nothing had happened.
"""

from abc import ABC, abstractmethod

from torch import Tensor

from neuroscribe.recorder.batch import Batch
from neuroscribe.shapes import Float

State = dict[str, Tensor]
"""A reducer's whole state, by name."""


class Reducer(ABC):
    """Reduces one site's activations."""

    @abstractmethod
    def update(self, batch: Batch, activations: Float[Tensor, "batch sequence units"]) -> None:
        """Take in the next sequences; values at padding are ignored."""

    @abstractmethod
    def merge(self, other: State) -> None:
        """Take in the state of a reducer that saw other sequences."""

    @abstractmethod
    def state_dict(self) -> State:
        """The whole state, as tensors that share memory with the reducer."""

    def load_state_dict(self, state: State) -> None:
        """Replace the state by one that `state_dict` gave."""
        for name, tensor in self.state_dict().items():
            tensor.copy_(state[name])
