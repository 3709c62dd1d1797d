"""Quantile exemplars: sequences from every band of a unit's distribution of peaks, per split.

Bands are estimated beforehand (`calibration`); within each, the sequences with the largest seeded
draws are kept, which is a uniform sample. The bands are strata only: which band an exemplar is in
is read off the exact distribution once the corpus has been read.
"""

import torch

from neuroscribe.recorder.calibration import QUANTILES, Calibration
from neuroscribe.recorder.draw import draw
from neuroscribe.recorder.kept_sequences import KeptSequences
from neuroscribe.recorder.reading import Reading
from neuroscribe.recorder.reducer import Reducer, State, gather_states, state_of
from neuroscribe.records import Polarity

N_BANDS = len(QUANTILES) + 1
_STREAM = 1


class QuantileExemplars(Reducer):
    """A sample of every band of every unit and split."""

    def __init__(
        self,
        *,
        units: int,
        k: int,
        sequence_length: int,
        seed: int,
        polarity: Polarity,
        device: str,
        rows_device: str | None,
    ) -> None:
        """Allocate the whole state; `calibration` must be set before the first update.

        Args:
            units: of the site.
            k: sequences kept per band.
            sequence_length: positions of a row.
            seed: of the draws.
            polarity: the side of the units whose peaks are meant.
            device: where the activations come from.
            rows_device: where rows are kept; None leaves them to a replay.
        """
        self.seed = seed
        self.polarity = polarity
        self.limits: torch.Tensor | None = None
        self.bands = tuple(
            KeptSequences(
                units=units,
                k=k,
                sequence_length=sequence_length,
                polarity=polarity,
                device=device,
                rows_device=rows_device,
            )
            for _ in range(N_BANDS)
        )

    def calibrate(self, calibration: Calibration, index: int) -> None:
        """Set the bands: `index` is this polarity's place in the calibration."""
        self.limits = calibration.bands[index]

    def update(self, reading: Reading) -> None:
        """Keep the sequences that are drawn in their band."""
        if self.limits is None:
            raise ValueError("quantile exemplars need the limits of their bands")
        peaks = reading.peaks(self.polarity)
        draws = draw(reading.batch.sequence_ids, seed=self.seed, stream=_STREAM)[:, None]
        draws = draws.masked_fill(peaks == -torch.inf, -torch.inf)
        above = [peaks > limit for limit in self.limits]
        bounds = [torch.ones_like(above[0]), *above, torch.zeros_like(above[0])]
        for band, (reached, passed) in zip(self.bands, zip(bounds, bounds[1:]), strict=True):  # noqa: B905, RUF007
            band.insert(draws.masked_fill(~reached | passed, -torch.inf), reading)

    def replay(self, reading: Reading) -> None:
        """Fill in the rows of the kept sequences that are in this batch."""
        for band in self.bands:
            band.replay(reading)

    def merge(self, other: State) -> None:
        """Keep the first drawn of both in every band."""
        for name, band in self._named().items():
            band.merge(state_of(name, band, other))

    def state_dict(self) -> State:
        """The states of the bands."""
        return gather_states(self._named())

    def _named(self) -> dict[str, KeptSequences]:
        return {str(number): band for number, band in enumerate(self.bands)}
