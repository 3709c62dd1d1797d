"""The protocol that all reducers share: a stream of batches to a mergeable summary.

A reducer's state is a set of tensors whose size depends on units and K, never on the corpus. The
state of a whole corpus is the merge of the states of its parts, in any order, and a state that was
saved and loaded goes on as if nothing had happened.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from neuroscribe.recorder.reading import Reading

State = dict[str, Tensor]
"""A reducer's whole state, by name."""


@runtime_checkable
class Stateful(Protocol):
    """Whatever has a state: a reducer, or a part of one."""

    def state_dict(self) -> State:
        """The whole state."""


class Reducer(ABC):
    """Reduces one site's activations."""

    @abstractmethod
    def update(self, reading: Reading) -> None:
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


def gather_states(parts: Mapping[str, Stateful]) -> State:
    """Several states as one; `NAME/...` holds the state of part NAME."""
    return {
        f"{prefix}/{name}": tensor
        for prefix, part in parts.items()
        for name, tensor in part.state_dict().items()
    }


def side_by_side(mine: State, other: State, *, axis: int) -> State:
    """Two states' tensors joined along an axis, where this one's are."""
    return {
        name: torch.cat([tensor, other[name].to(tensor.device)], axis)
        for name, tensor in mine.items()
    }


def state_of(prefix: str, part: Stateful, state: State) -> State:
    """What of a gathered state belongs to one part."""
    return {name: state[f"{prefix}/{name}"] for name in part.state_dict()}
