"""Random exemplars: a uniform sample of sequences per split, the same for every unit.

Which sequences are drawn depends on their ids alone, so that is decided in host memory and nothing
waits for the device of the activations.
"""

import torch

from neuroscribe.recorder.draw import draw
from neuroscribe.recorder.kept_sequences import KeptSequences
from neuroscribe.recorder.reading import Reading
from neuroscribe.recorder.reducer import Reducer


class RandomExemplars(KeptSequences, Reducer):
    """The sequences with the largest draws, all units' activations on them; signs as they come."""

    def __init__(
        self,
        *,
        units: int,
        k: int,
        sequence_length: int,
        seed: int,
        rows_device: str | None = "cpu",
    ) -> None:
        # What is drawn is the same for every unit, so there is one place for them all.
        super().__init__(
            units=1,
            k=k,
            sequence_length=sequence_length,
            row_width=(units,),
            rows_device=rows_device,
        )
        self.seed = seed

    def update(self, reading: Reading) -> None:
        """Keep the sequences that are drawn."""
        batch = reading.batch.host
        draws = draw(batch.sequence_ids, seed=self.seed)[:, None]
        self.insert(draws, batch.splits, reading)

    def _copy(self, source: torch.Tensor, reading: Reading) -> None:
        places = (source >= 0).nonzero(as_tuple=True)
        rows = source[places].long()
        self.lengths[places] = reading.batch.host.lengths[rows].int()
        if self.rows is None:
            return
        for split, unit, place, row in zip(*(p.tolist() for p in (*places, rows)), strict=True):
            kept = self.rows[split, unit, place]
            length = int(self.lengths[split, unit, place])
            kept[:length].copy_(reading.activations[row, :length])
            kept[length:] = 0.0
