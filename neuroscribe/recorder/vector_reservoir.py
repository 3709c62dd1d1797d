"""A reservoir of activation vectors: all units of a site at some tokens, drawn uniformly.

What activation atlases and sparse autoencoders start from, and what cannot be had later without
running the model again. Which tokens are drawn depends on ids and positions alone and is decided in
host memory.
"""

import torch

from neuroscribe.kernels.top_activation import NO_SEQUENCE, insert_top, merge_top
from neuroscribe.recorder.draw import draw
from neuroscribe.recorder.reading import Reading
from neuroscribe.recorder.reducer import Reducer, State

_STREAM = 3


class VectorReservoir(Reducer):
    """The tokens with the largest draws, and the site's activations there."""

    def __init__(
        self, *, units: int, k: int, sequence_length: int, seed: int, device: str = "cpu"
    ) -> None:
        self.sequence_length = sequence_length
        self.seed = seed
        self.draws = torch.full((1, 1, k), -torch.inf)
        self.ids = torch.full((1, 1, k), NO_SEQUENCE)
        self.vectors = torch.zeros((k, units), device=device)

    def update(self, reading: Reading) -> None:
        """Keep the tokens that are drawn."""
        batch = reading.batch.host
        row, position = batch.present.nonzero(as_tuple=True)
        # One number for sequence and position; unlike a sequence's id it may well need 64 bits.
        ids = batch.sequence_ids[row] * self.sequence_length + position
        source = insert_top(
            self.draws,
            self.ids,
            draw(ids, seed=self.seed, stream=_STREAM)[:, None],
            ids,
            torch.zeros_like(ids),
        )
        places = (source[0, 0] >= 0).nonzero()[:, 0]
        token = source[0, 0, places].long()
        where = (index.to(self.vectors.device) for index in (places, row[token], position[token]))
        place, of_row, at = where
        self.vectors[place] = reading.activations[of_row, at].float()

    def merge(self, other: State) -> None:
        """The K first drawn of both."""
        mine = self.state_dict()
        axis = {"draws": 2, "ids": 2, "vectors": 0}
        both = {
            name: torch.cat([mine[name], other[name].to(mine[name].device)], axis[name])
            for name in mine
        }
        (origin,) = merge_top(both["draws"][0], both["ids"][0], self.ids.shape[2])
        for name, tensor in mine.items():
            tensor.copy_(both[name].index_select(axis[name], origin.to(tensor.device)))

    def state_dict(self) -> State:
        """Draws, ids and vectors."""
        return {"draws": self.draws, "ids": self.ids, "vectors": self.vectors}

    def drawn(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Sequence ids, positions and vectors, in order of sequence and position; host memory."""
        ids = self.ids[0, 0].cpu()
        order = ids.argsort()[: int((ids != NO_SEQUENCE).sum())]
        kept = ids[order]
        return kept // self.sequence_length, kept % self.sequence_length, self.vectors.cpu()[order]
