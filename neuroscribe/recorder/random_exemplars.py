"""Random exemplars: a uniform sample of sequences per split, the same for every unit.

Which sequences are drawn depends on their ids alone, so that is decided in host memory and nothing
waits for the device of the activations.
"""

from collections.abc import Callable

import torch

from neuroscribe.kernels.top_activation import NO_SEQUENCE, insert_top, merge_top
from neuroscribe.recorder.draw import draw
from neuroscribe.recorder.reading import Reading
from neuroscribe.recorder.reducer import Reducer, State, side_by_side
from neuroscribe.records import SPLITS
from neuroscribe.shapes import Int64


class RandomExemplars(Reducer):
    """Draws, ids and rows of the sampled sequences of every split; signs as they come."""

    def __init__(
        self,
        *,
        units: int,
        k: int,
        sequence_length: int,
        seed: int,
        rows_device: str | None = "cpu",
    ) -> None:
        self.seed = seed
        self.draws = torch.full((len(SPLITS), 1, k), -torch.inf)
        self.ids = torch.full((len(SPLITS), 1, k), NO_SEQUENCE)
        self.lengths = torch.zeros((len(SPLITS), 1, k), dtype=torch.int32)
        self.rows: torch.Tensor | None = None
        self.row_shape = (len(SPLITS), 1, k, sequence_length, units)
        if rows_device is not None:
            self.rows = torch.zeros(self.row_shape, device=rows_device)

    def allocate_rows(self, allocate: Callable[[tuple[int, ...]], torch.Tensor]) -> None:
        """Give rows that were left out a place."""
        self.rows = allocate(self.row_shape)

    def kept_ids(self) -> Int64[torch.Tensor, " kept"]:
        """The ids of all sampled sequences, ascending."""
        kept: torch.Tensor = self.ids[self.ids != NO_SEQUENCE].unique()
        return kept

    def update(self, reading: Reading) -> None:
        """Keep the sequences that are drawn."""
        batch = reading.batch.host
        source = insert_top(
            self.draws,
            self.ids,
            draw(batch.sequence_ids, seed=self.seed)[:, None],
            batch.sequence_ids,
            batch.splits,
        )
        self._copy(source, reading)

    def replay(self, reading: Reading) -> None:
        """Fill in the rows of the kept sequences that are in this batch."""
        same = self.ids[..., None] == reading.batch.host.sequence_ids
        source = torch.where(same.any(-1), same.int().argmax(-1), -1)
        self._copy(source.int(), reading)

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

    def merge(self, other: State) -> None:
        """The K first drawn of both."""
        mine = self.state_dict()
        both = side_by_side(mine, other, axis=2)
        k = self.ids.shape[2]
        for split, (draws, ids) in enumerate(zip(both["draws"], both["ids"], strict=True)):
            (origin,) = merge_top(draws, ids, k)
            for name, tensor in mine.items():
                tensor[split, 0] = both[name][split, 0, origin.to(tensor.device)]

    def state_dict(self) -> State:
        """Draws, ids, lengths, and rows where they are kept."""
        state = {"draws": self.draws, "ids": self.ids, "lengths": self.lengths}
        return state if self.rows is None else state | {"rows": self.rows}
