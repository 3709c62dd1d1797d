"""Random exemplars: a uniform sample of sequences per split, the same for every unit.

A sequence's place in the draw is a seeded hash of its id, and the sample is the sequences with the
largest hashes. So the sample does not depend on batches or shards, and a merge is again "the K
largest of a union".
"""

import torch
from torch import Tensor

from neuroscribe.kernels.top_activation.naive import EMPTY, insert_top, merge_top
from neuroscribe.recorder.batch import Batch
from neuroscribe.recorder.reducer import Reducer, State
from neuroscribe.records import SPLITS
from neuroscribe.shapes import Float, Int64


class RandomExemplars(Reducer):
    """Draws, ids and rows of the sampled sequences of every split."""

    def __init__(
        self, *, units: int, k: int, sequence_length: int, seed: int, device: str = "cpu"
    ) -> None:
        self.seed = seed
        shape = (len(SPLITS), k)
        self.draws = torch.full(shape, EMPTY, dtype=torch.int64, device=device)
        self.sequence_ids = torch.zeros(shape, dtype=torch.int64, device=device)
        self.lengths = torch.zeros(shape, dtype=torch.int32, device=device)
        self.rows = torch.zeros(
            (*shape, sequence_length, units), dtype=torch.float32, device=device
        )

    def update(self, batch: Batch, activations: Float[Tensor, "batch sequence units"]) -> None:
        """Keep the sequences that are drawn."""
        draws = draw(batch.sequence_ids, self.seed)
        for split in range(len(SPLITS)):
            members = (batch.splits == split).nonzero()[:, 0]
            if len(members) == 0:
                continue
            _, place, member = insert_top(self.draws[split : split + 1], draws[members][:, None])
            source = members[member]
            self.sequence_ids[split, place] = batch.sequence_ids[source]
            self.lengths[split, place] = batch.lengths[source].int()
            self.rows[split, place, : activations.shape[1]] = activations[source].float()
            self.rows[split, place, activations.shape[1] :] = 0.0

    def merge(self, other: State) -> None:
        """The K first drawn of both."""
        for split in range(len(SPLITS)):
            here = slice(split, split + 1)
            draws, origin = merge_top(self.draws[here], other["draws"][here])
            self.draws[here] = draws
            for name in ("sequence_ids", "lengths", "rows"):
                mine = self.state_dict()[name]
                mine[split] = torch.cat([mine[split], other[name][split]])[origin[0]]

    def state_dict(self) -> State:
        """Draws, ids, lengths and rows."""
        return {
            "draws": self.draws,
            "sequence_ids": self.sequence_ids,
            "lengths": self.lengths,
            "rows": self.rows,
        }


def draw(sequence_ids: Int64[Tensor, " batch"], seed: int) -> Int64[Tensor, " batch"]:
    """A place in the draw for each id: a hash that is one-to-one in the id (splitmix64)."""
    value = sequence_ids + _signed(0x9E3779B97F4A7C15 * (2 * seed + 1))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        value = (value ^ _shift_right(value, shift)) * _signed(factor)
    value = value ^ _shift_right(value, 31)
    # The smallest int64 stands for an empty place.
    return value.clamp(min=EMPTY + 1)


def _shift_right(value: Tensor, bits: int) -> Tensor:
    """A logical shift: torch's keeps the sign."""
    return (value >> bits) & ((1 << (64 - bits)) - 1)


def _signed(value: int) -> int:
    value %= 2**64
    return value - 2**64 if value >= 2**63 else value
