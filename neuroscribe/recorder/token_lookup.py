"""The token look-up table: each unit's mean activation per token id, fitted on the train split.

It is the baseline without an LLM ("this neuron is about these tokens"), and what people look at
first. Sums are kept for a vocabulary that is fixed before recording, the commonest train tokens of
a prefix of the corpus as far as a memory budget reaches, so the table merges across shards; of each
unit's means only the largest are stored.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from neuroscribe.recorder.calibration import Calibration
from neuroscribe.recorder.reading import Reading
from neuroscribe.recorder.reducer import Reducer, State
from neuroscribe.records import SPLITS, Polarity, Sequence
from neuroscribe.shapes import Float, Int64

LEAST_COUNT = 3
"""A mean of fewer occurrences says more about chance than about the unit."""

_TRAIN = SPLITS.index("train")
_GRID_BITS = 14


class LargestMeans(NamedTuple):
    """The tokens that fire each unit most, in falling order of their mean."""

    token_ids: Int64[Tensor, "units n"]
    means: Float[Tensor, "units n"]
    counts: Int64[Tensor, "units n"]


def common_tokens(sequences: Iterable[Sequence], *, most: int) -> tuple[int, ...]:
    """The `most` commonest train tokens that are seen at least `LEAST_COUNT` times, ascending."""
    counts: Counter[int] = Counter()
    for sequence in sequences:
        if sequence.split == "train":
            counts.update(sequence.token_ids)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(sorted(token for token, count in ranked[:most] if count >= LEAST_COUNT))


class TokenSums(Reducer):
    """Sums of activations per vocabulary token and unit, and counts per token.

    Activations are rounded to a grid of 2^-14 of the unit's scale, far below their spread, because
    numbers on one grid add up exactly: the table is the same for any batches, shards and orders.
    """

    def __init__(self, *, units: int, vocabulary: tuple[int, ...], device: str = "cpu") -> None:
        """Allocate the whole state; `calibrate` must be called before the first update."""
        self.vocabulary = torch.tensor(vocabulary, dtype=torch.int64)
        self.sums = torch.zeros((len(vocabulary), units), dtype=torch.float64, device=device)
        self.counts = torch.zeros(len(vocabulary), dtype=torch.int64)
        self.magnet: Tensor | None = None

    def calibrate(self, calibration: Calibration) -> None:
        """Set the grid."""
        # Next to a number this large float32 has the grid's resolution, so adding rounds.
        self.magnet = 1.5 * 2.0 ** (23 - _GRID_BITS) * calibration.scale

    def update(self, reading: Reading) -> None:
        """Add the train tokens that are in the vocabulary."""
        if len(self.vocabulary) == 0:
            return
        if self.magnet is None:
            raise ValueError("token sums need a calibration")
        host = reading.batch.host
        wanted = host.present & (host.splits == _TRAIN)[:, None]
        place = torch.searchsorted(self.vocabulary, host.token_ids.contiguous())
        place.clamp_(max=len(self.vocabulary) - 1)
        wanted &= self.vocabulary[place] == host.token_ids
        row, position = wanted.nonzero(as_tuple=True)
        places, turn, counts = place[row, position].unique(return_inverse=True, return_counts=True)
        device = self.sums.device

        def there(index: Tensor) -> Tensor:
            return index.to(device, non_blocking=True)

        tokens = reading.tokens(there(row), there(position)).add_(self.magnet).sub_(self.magnet)
        sums = tokens.new_zeros((len(places), tokens.shape[1]))
        sums.index_add_(0, there(turn), tokens)
        self.sums.index_add_(0, there(places), sums.double())
        self.counts.index_add_(0, places, counts)

    def merge(self, other: State) -> None:
        """Add the other's sums and counts."""
        self.sums += other["sums"].to(self.sums.device)
        self.counts += other["counts"]

    def state_dict(self) -> State:
        """Vocabulary, sums and counts."""
        return {"vocabulary": self.vocabulary, "sums": self.sums, "counts": self.counts}

    def largest_means(self, n: int, polarity: Polarity) -> LargestMeans:
        """Each unit's `n` tokens with the largest mean, of those seen `LEAST_COUNT` times."""
        seen = (self.counts >= LEAST_COUNT).nonzero()[:, 0]
        sums = self.sums[seen.to(self.sums.device)].cpu() * polarity
        means = (sums / self.counts[seen, None]).T.contiguous()
        top = means.sort(dim=1, descending=True, stable=True)
        indices = top.indices[:, :n]
        return LargestMeans(
            token_ids=self.vocabulary[seen][indices],
            means=top.values[:, :n],
            counts=self.counts[seen][indices],
        )
