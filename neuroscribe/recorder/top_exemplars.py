"""Top exemplars: each unit's K sequences with the largest peaks, per split, with their rows.

The activation rows are copied when a sequence enters, because almost none do: about
`K (1 + ln(N / B))` per unit over N sequences in batches of B. Reading them later would need a
second forward pass over nearly the whole corpus, and a different batch changes the bits.
"""

import torch
from torch import Tensor

from neuroscribe.kernels.top_activation.naive import (
    EMPTY,
    insert_top,
    merge_top,
    peak_keys,
    sequence_peaks,
)
from neuroscribe.recorder.batch import Batch
from neuroscribe.recorder.reducer import Reducer, State
from neuroscribe.records import SPLITS
from neuroscribe.shapes import Float


class TopExemplars(Reducer):
    """Keys, rows and lengths of the K best sequences of every unit and split."""

    def __init__(self, *, units: int, k: int, sequence_length: int, device: str = "cpu") -> None:
        shape = (len(SPLITS), units, k)
        self.keys = torch.full(shape, EMPTY, dtype=torch.int64, device=device)
        self.lengths = torch.zeros(shape, dtype=torch.int32, device=device)
        self.rows = torch.zeros((*shape, sequence_length), dtype=torch.float32, device=device)

    def update(self, batch: Batch, activations: Float[Tensor, "batch sequence units"]) -> None:
        """Insert the sequences that beat a unit's smallest kept peak."""
        keys = peak_keys(sequence_peaks(activations, batch.present), batch.sequence_ids)
        by_unit = activations.transpose(1, 2)
        width = activations.shape[1]
        for split in range(len(SPLITS)):
            members = (batch.splits == split).nonzero()[:, 0]
            if len(members) == 0:
                continue
            unit, place, member = insert_top(self.keys[split], keys[members])
            source = members[member]
            self.rows[split, unit, place, :width] = by_unit[source, unit].float()
            self.rows[split, unit, place, width:] = 0.0
            self.lengths[split, unit, place] = batch.lengths[source].int()

    def merge(self, other: State) -> None:
        """The K best of both."""
        for split in range(len(SPLITS)):
            self.keys[split], origin = merge_top(self.keys[split], other["keys"][split])
            for mine, theirs in ((self.rows, other["rows"]), (self.lengths, other["lengths"])):
                both = torch.cat([mine[split], theirs[split]], 1)
                index = origin if both.ndim == 2 else origin[:, :, None].expand(mine[split].shape)
                mine[split] = both.gather(1, index)

    def state_dict(self) -> State:
        """Keys, rows and lengths."""
        return {"keys": self.keys, "rows": self.rows, "lengths": self.lengths}
