"""What the reducers are given with each batch of activations."""

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from neuroscribe.errors import RecordError
from neuroscribe.kernels.top_activation.naive import MAX_SEQUENCE_ID
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

    def __post_init__(self) -> None:
        if int(self.sequence_ids.max()) > MAX_SEQUENCE_ID:
            raise RecordError(
                f"sequence id {int(self.sequence_ids.max())} is over {MAX_SEQUENCE_ID}: "
                "record the corpus in parts"
            )

    @classmethod
    def of(cls, sequences: Seq[Sequence], device: torch.device | str = "cpu") -> "Batch":
        """Pad the sequences' token ids to a rectangle."""
        lengths = [len(sequence) for sequence in sequences]
        token_ids = torch.zeros((len(sequences), max(lengths)), dtype=torch.int64)
        for row, sequence in enumerate(sequences):
            token_ids[row, : lengths[row]] = torch.tensor(sequence.token_ids)
        return cls(
            sequence_ids=torch.tensor([s.sequence_id for s in sequences]).to(device),
            splits=torch.tensor([SPLITS.index(s.split) for s in sequences]).to(device),
            lengths=torch.tensor(lengths).to(device),
            token_ids=token_ids.to(device),
        )

    def __len__(self) -> int:
        return len(self.sequence_ids)

    @cached_property
    def present(self) -> Bool[Tensor, "batch sequence"]:
        """False at padding."""
        positions = torch.arange(self.token_ids.shape[1], device=self.lengths.device)
        return positions < self.lengths[:, None]
