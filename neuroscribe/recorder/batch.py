"""What the reducers are given with each batch of activations.

A batch is made in host memory and copied to the device of the activations; it keeps the host's
copy, so that what depends on tokens, lengths and ids alone is worked out there and no reducer has
to wait for the device.
"""

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from neuroscribe.errors import RecordError
from neuroscribe.kernels.top_activation import NO_SEQUENCE
from neuroscribe.records import SPLITS, Sequence
from neuroscribe.shapes import Bool, Int64


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Sequences that go through the subject together, padded to the longest."""

    sequence_ids: Int64[Tensor, " batch"]
    splits: Int64[Tensor, " batch"]
    """Index into `records.SPLITS`."""
    lengths: Int64[Tensor, " batch"]
    token_ids: Int64[Tensor, "batch sequence"]
    """0 beyond a sequence's length."""
    on_host: "Batch | None" = None
    """The same batch in host memory, where this one is a copy of it."""

    def __post_init__(self) -> None:
        if self.on_host is None and (worst := self._worst_id()) is not None:
            raise RecordError(f"sequence id {worst} is not in 0..{NO_SEQUENCE - 1}")

    @classmethod
    def of(cls, sequences: Seq[Sequence], device: torch.device | str = "cpu") -> "Batch":
        """Pad the sequences' token ids to a rectangle."""
        lengths = [len(sequence) for sequence in sequences]
        token_ids = torch.zeros((len(sequences), max(lengths)), dtype=torch.int64)
        for row, sequence in enumerate(sequences):
            token_ids[row, : lengths[row]] = torch.tensor(sequence.token_ids)
        batch = cls(
            sequence_ids=torch.tensor([s.sequence_id for s in sequences]),
            splits=torch.tensor([SPLITS.index(s.split) for s in sequences]),
            lengths=torch.tensor(lengths),
            token_ids=token_ids,
        )
        return batch.to(device)

    def __len__(self) -> int:
        return len(self.sequence_ids)

    def to(self, device: torch.device | str) -> "Batch":
        """The batch on a device; through pinned memory, so that nothing waits for the copy."""
        device = torch.device(device)
        if self.token_ids.device == device:
            return self
        host = self.host

        def copy(tensor: Tensor) -> Tensor:
            source = tensor.pin_memory() if device.type == "cuda" else tensor
            return source.to(device, non_blocking=True)

        return Batch(
            sequence_ids=copy(host.sequence_ids),
            splits=copy(host.splits),
            lengths=copy(host.lengths),
            token_ids=copy(host.token_ids),
            on_host=host,
        )

    @property
    def host(self) -> "Batch":
        """The batch in host memory."""
        if self.on_host is not None:
            return self.on_host
        return self if self.token_ids.device.type == "cpu" else self.to("cpu")

    @cached_property
    def present(self) -> Bool[Tensor, "batch sequence"]:
        """False at padding."""
        positions = torch.arange(self.token_ids.shape[1], device=self.lengths.device)
        return positions < self.lengths[:, None]

    def _worst_id(self) -> int | None:
        ids = self.sequence_ids
        outside = ids[(ids < 0) | (ids >= NO_SEQUENCE)]
        return int(outside[0]) if len(outside) else None
