"""Quantile exemplars: sequences from every band of a unit's distribution of peaks, per split.

Bands are estimated beforehand (`calibration`); within each, the sequences with the largest seeded
draws are kept, which is a uniform sample. The bands are strata only: which band an exemplar is in
is read off the exact distribution once the corpus has been read.
"""

from typing import Any

import torch

from neuroscribe.recorder.calibration import QUANTILES, Calibration
from neuroscribe.recorder.draw import draw
from neuroscribe.recorder.kept_sequences import KeptSequences
from neuroscribe.recorder.reading import Reading
from neuroscribe.recorder.reducer import Reducer
from neuroscribe.records import SPLITS

N_BANDS = len(QUANTILES) + 1
_STREAM = 1


class QuantileExemplars(KeptSequences, Reducer):
    """A sample of every band of every unit and split; group `band * splits + split`."""

    def __init__(self, *, seed: int, **kept: Any) -> None:
        """Allocate the whole state; `calibrate` must be called before the first update.

        Args:
            seed: of the draws.
            kept: arguments of `KeptSequences`, whose `k` is per band.
        """
        super().__init__(groups=N_BANDS * len(SPLITS), **kept)
        self.seed = seed
        self.limits: torch.Tensor | None = None

    def calibrate(self, calibration: Calibration, index: int) -> None:
        """Set the bands: `index` is this polarity's place in the calibration."""
        self.limits = calibration.bands[index]

    def update(self, reading: Reading) -> None:
        """Keep the sequences that are drawn in their band."""
        if self.limits is None:
            raise ValueError("quantile exemplars need the limits of their bands")
        peaks = reading.peaks(self.polarity)
        draws = draw(reading.batch.sequence_ids, seed=self.seed, stream=_STREAM)[:, None]
        above = (peaks > self.limits[:, None]).sum(0)
        band = above.masked_fill_(peaks == -torch.inf, -1)
        numbers = torch.arange(N_BANDS, device=peaks.device)[:, None, None]
        values = torch.where(band == numbers, draws, -torch.inf)
        groups = numbers[:, :, 0] * len(SPLITS) + reading.batch.splits
        self.insert(values.flatten(0, 1), groups.flatten(), reading)
