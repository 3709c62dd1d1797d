"""Statistics of every unit over all unmasked tokens: moments, extremes, density, histograms.

Everything is a sum, a minimum, a maximum or a count, so parts of a corpus merge. Sums are kept in
float64; counts are exact. Where a value can only be known once the corpus has been read (1% of the
maximum, quantiles) it is read off a histogram whose bins are the same for all units, and is exact
to one bin.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from neuroscribe.kernels.log_histogram.naive import LogBins, add_to_histogram
from neuroscribe.kernels.power_sums.naive import power_sums
from neuroscribe.kernels.top_activation.naive import sequence_peaks
from neuroscribe.recorder.batch import Batch
from neuroscribe.recorder.reducer import Reducer, State
from neuroscribe.shapes import Float

TOKEN_BINS = LogBins(mantissa_bits=2)
"""Histogram of activations: bins 14 to 25% wide."""

PEAK_BINS = LogBins(mantissa_bits=3)
"""Histogram of per-sequence maxima: bins 7 to 13% wide."""

QUANTILES = (0.5, 0.9, 0.99, 0.999)


class Moments(NamedTuple):
    """Central moments; skewness and kurtosis are NaN for a unit that never changes."""

    mean: Float[Tensor, " units"]
    variance: Float[Tensor, " units"]
    skewness: Float[Tensor, " units"]
    kurtosis: Float[Tensor, " units"]
    density: Float[Tensor, " units"]


class Statistics(Reducer):
    """Power sums, extremes and histograms of one site."""

    def __init__(self, *, units: int, device: str = "cpu") -> None:
        self.n_tokens = torch.zeros((), dtype=torch.int64, device=device)
        self.sums = torch.zeros((5, units), dtype=torch.float64, device=device)
        self.smallest = torch.full((units,), torch.inf, dtype=torch.float32, device=device)
        self.largest = torch.full((units,), -torch.inf, dtype=torch.float32, device=device)
        self.token_counts = torch.zeros((units, TOKEN_BINS.count), dtype=torch.int64, device=device)
        self.peak_counts = torch.zeros((units, PEAK_BINS.count), dtype=torch.int64, device=device)

    def update(self, batch: Batch, activations: Float[Tensor, "batch sequence units"]) -> None:
        """Add the batch's tokens and peaks."""
        present = batch.present
        tokens = activations.flatten(0, 1) if bool(present.all()) else activations[present]
        self.n_tokens += len(tokens)
        self.sums += power_sums(tokens)
        peaks = sequence_peaks(activations, present).float()
        torch.maximum(self.largest, peaks.amax(0), out=self.largest)
        torch.minimum(self.smallest, tokens.amin(0).float(), out=self.smallest)
        add_to_histogram(self.token_counts, tokens, TOKEN_BINS)
        add_to_histogram(self.peak_counts, peaks, PEAK_BINS)

    def merge(self, other: State) -> None:
        """Add the other's sums and counts."""
        for name in ("n_tokens", "sums", "token_counts", "peak_counts"):
            self.state_dict()[name].add_(other[name])
        torch.minimum(self.smallest, other["smallest"], out=self.smallest)
        torch.maximum(self.largest, other["largest"], out=self.largest)

    def state_dict(self) -> State:
        """Sums, extremes and counts."""
        return {
            "n_tokens": self.n_tokens,
            "sums": self.sums,
            "smallest": self.smallest,
            "largest": self.largest,
            "token_counts": self.token_counts,
            "peak_counts": self.peak_counts,
        }

    def moments(self) -> Moments:
        """Central moments from the power sums."""
        first, second, third, fourth, positive = self.sums / self.n_tokens
        variance = (second - first**2).clamp(min=0)
        # Below the rounding of float32 sums a spread cannot be told from none.
        constant = variance <= 1e-12 * second
        spread = variance.sqrt().masked_fill(constant, torch.nan)
        central_third = third - 3 * first * second + 2 * first**3
        central_fourth = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4
        return Moments(
            mean=first,
            variance=variance.masked_fill(constant, 0.0),
            skewness=central_third / spread**3,
            kurtosis=central_fourth / spread**4 - 3,
            density=positive,
        )

    def density_above(self, share: float) -> Float[Tensor, " units"]:
        """Fraction of tokens above `share` of the unit's maximum, to the resolution of the bins.

        Exactly: at or above the largest positive histogram edge that is not above `share * max`
        (the smallest positive edge if none is).
        """
        edges = TOKEN_BINS.edges().to(self.largest.device)
        edge = torch.searchsorted(edges, share * self.largest.double(), right=True) - 1
        first_bin = edge.clamp(min=TOKEN_BINS.per_sign) + 1
        from_bin_up = self.token_counts.flip(1).cumsum(1).flip(1)
        return from_bin_up.gather(1, first_bin[:, None])[:, 0].double() / self.n_tokens

    def peak_quantiles(self) -> Float[Tensor, "units quantiles"]:
        """The upper edge of the bin in which each of `QUANTILES` of the sequence maxima lies."""
        counts = self.peak_counts
        cumulated = counts.cumsum(1).double()
        wanted = cumulated[:, -1:] * torch.tensor(QUANTILES, dtype=torch.float64)
        index = torch.searchsorted(cumulated, wanted.contiguous())
        edges = torch.cat([PEAK_BINS.edges(), torch.tensor([torch.inf], dtype=torch.float64)])
        upper = edges[index.clamp(max=PEAK_BINS.count - 1)]
        return torch.minimum(upper, self.largest.double()[:, None])
