"""One site's activations on one batch, and what several reducers need of them, read once."""

from functools import cached_property

import torch
from torch import Tensor

from neuroscribe.kernels.sequence_summary import Summary, sequence_peaks, sequence_summary
from neuroscribe.recorder.batch import Batch
from neuroscribe.records import Polarity
from neuroscribe.shapes import Float, Float64


class Reading:
    """What the reducers of a site are given with each batch."""

    def __init__(
        self,
        batch: Batch,
        activations: Float[Tensor, "batch sequence units"],
        *,
        quanta: Float64[Tensor, "powers units"] | None = None,
        both_signs: bool = False,
        compiled: bool = False,
    ) -> None:
        """Nothing is read before it is asked for.

        Args:
            batch: the sequences, on the device of the activations.
            activations: any floating type, any strides; what stands at padding is ignored.
            quanta: grid of the sums; None if no sums are needed, then only peaks are read.
            both_signs: whether the negative side is recorded too.
            compiled: read by compiled code.
        """
        self.batch = batch
        self.activations = activations
        self._quanta = quanta
        self._both_signs = both_signs
        self._compiled = compiled

    @cached_property
    def summary(self) -> Summary:
        """Extremes, sums and counts, from one read of the activations."""
        if self._quanta is None:
            raise ValueError("a reading without quanta has peaks only")
        return sequence_summary(
            self.activations,
            self.batch.lengths,
            self._quanta,
            both_signs=self._both_signs,
            compiled=self._compiled,
        )

    def peaks(self, polarity: Polarity) -> Float[Tensor, "batch units"]:
        """The largest activation of each sequence, as seen with a sign; -inf where none is."""
        if polarity not in self._peaks:
            self._peaks[polarity] = self._read_peaks(polarity)
        return self._peaks[polarity]

    @cached_property
    def _peaks(self) -> dict[Polarity, Tensor]:
        return {}

    def _read_peaks(self, polarity: Polarity) -> Tensor:
        if self._quanta is None:
            return sequence_peaks(self.activations, self.batch.lengths, polarity)
        return self.summary.peaks if polarity > 0 else -self.summary.troughs

    def tokens(
        self, rows: Tensor, positions: Tensor, *, replace_non_finite: bool = True
    ) -> Float[Tensor, "tokens units"]:
        """A float32 copy of the activations at some places; NaN and infinity as 0 if replaced."""
        values = self.activations[rows, positions].float()
        host_knows = self._quanta is not None and self.activations.device.type == "cpu"
        all_finite = host_knows and not bool(self.summary.not_finite.any())
        if all_finite or not replace_non_finite:
            return values
        return torch.nan_to_num_(values, 0.0, 0.0, 0.0)
