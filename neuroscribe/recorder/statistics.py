"""Statistics of every unit over all unmasked tokens: moments, extremes, density, histograms.

Everything is a sum, a minimum, a maximum or a count, so parts of a corpus merge, and sums are exact
(see `kernels.sequence_summary`), so no order of batches or shards shows in them. Where a value can
only be known once the corpus has been read (1% of the maximum, quantiles) it is read off a
histogram whose bins are the same for all units, and is exact to one bin. The histogram of tokens
costs as much as everything else together, so it counts the tokens of a seeded sample of sequences
(one in `histogram_every`); that of peaks counts them all. The negative side of a unit has its own
peaks; everything else about it follows from the positive side.
"""

from typing import NamedTuple

import torch

from neuroscribe.kernels.log_histogram.naive import LogBins, add_to_histogram
from neuroscribe.kernels.sequence_summary import POWERS
from neuroscribe.recorder.calibration import QUANTILES
from neuroscribe.recorder.draw import draw
from neuroscribe.recorder.reading import Reading
from neuroscribe.recorder.reducer import Reducer, State
from neuroscribe.records import Polarity
from neuroscribe.shapes import Float, Int64

TOKEN_BINS = LogBins(mantissa_bits=2)
"""Histogram of activations: bins 14 to 25% wide."""

PEAK_BINS = LogBins(mantissa_bits=3)
"""Histogram of per-sequence maxima: bins 7 to 13% wide."""

_STREAM = 2


class Moments(NamedTuple):
    """Central moments of finite values; skewness and kurtosis are NaN for a constant unit."""

    mean: Float[torch.Tensor, " units"]
    variance: Float[torch.Tensor, " units"]
    skewness: Float[torch.Tensor, " units"]
    kurtosis: Float[torch.Tensor, " units"]


class Statistics(Reducer):
    """Power sums, extremes and histograms of one site."""

    def __init__(
        self,
        *,
        units: int,
        polarities: tuple[Polarity, ...] = (1,),
        histogram_every: int = 1,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        self.polarities = polarities
        self.histogram_every = histogram_every
        self.seed = seed

        def zeros(*shape: int, dtype: torch.dtype = torch.int64) -> torch.Tensor:
            return torch.zeros(shape, dtype=dtype, device=device)

        self.n_tokens = zeros()
        self.sums = zeros(len(POWERS), units, dtype=torch.float64)
        self.positive = zeros(units)
        self.negative = zeros(units)
        self.not_finite = zeros(units)
        self.nan = zeros(units)
        self.smallest = torch.full((units,), torch.inf, device=device)
        self.largest = torch.full((units,), -torch.inf, device=device)
        self.token_counts = zeros(units, TOKEN_BINS.count)
        self.peak_counts = zeros(len(polarities), units, PEAK_BINS.count)

    def update(self, reading: Reading) -> None:
        """Add the batch's tokens and peaks."""
        summary = reading.summary
        self.n_tokens += int(reading.batch.host.lengths.sum())
        self.sums += summary.sums
        for name in ("positive", "negative", "not_finite", "nan"):
            getattr(self, name).add_(getattr(summary, name))
        torch.maximum(self.largest, summary.peaks.amax(0), out=self.largest)
        torch.minimum(self.smallest, summary.troughs.amin(0), out=self.smallest)
        for counts, polarity in zip(self.peak_counts, self.polarities, strict=True):
            peaks = reading.peaks(polarity)
            # A sequence without any number has no peak.
            add_to_histogram(counts, peaks.masked_fill(peaks == -torch.inf, torch.nan), PEAK_BINS)
        tokens = reading.tokens(*self._counted(reading), replace_non_finite=False)
        add_to_histogram(self.token_counts, tokens, TOKEN_BINS)

    def _counted(self, reading: Reading) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows and positions of the tokens that the histogram counts."""
        host = reading.batch.host
        draws = draw(host.sequence_ids, seed=self.seed, stream=_STREAM)
        row, position = (host.present & (draws < 1 / self.histogram_every)[:, None]).nonzero(
            as_tuple=True
        )
        device = reading.activations.device
        return row.to(device, non_blocking=True), position.to(device, non_blocking=True)

    def merge(self, other: State) -> None:
        """Add the other's sums and counts."""
        for name, tensor in self.state_dict().items():
            if name == "smallest":
                torch.minimum(tensor, other[name].to(tensor.device), out=tensor)
            elif name == "largest":
                torch.maximum(tensor, other[name].to(tensor.device), out=tensor)
            else:
                tensor.add_(other[name].to(tensor.device))

    def state_dict(self) -> State:
        """Sums, extremes and counts."""
        return {
            "n_tokens": self.n_tokens,
            "sums": self.sums,
            "positive": self.positive,
            "negative": self.negative,
            "not_finite": self.not_finite,
            "nan": self.nan,
            "smallest": self.smallest,
            "largest": self.largest,
            "token_counts": self.token_counts,
            "peak_counts": self.peak_counts,
        }

    def side(self, polarity: Polarity) -> "SideStatistics":
        """What is known of the units as seen with a sign, in host memory."""
        state = {name: tensor.cpu() for name, tensor in self.state_dict().items()}
        positive = polarity > 0
        signs = torch.tensor([float(polarity) ** power for power in POWERS], dtype=torch.float64)
        return SideStatistics(
            n_tokens=int(state["n_tokens"]),
            nan=state["nan"],
            not_finite=state["not_finite"],
            sums=state["sums"] * signs[:, None],
            above_zero=state["positive" if positive else "negative"],
            smallest=state["smallest"] if positive else -state["largest"],
            largest=state["largest"] if positive else -state["smallest"],
            token_counts=state["token_counts"] if positive else state["token_counts"].flip(1),
            peak_counts=state["peak_counts"][self.polarities.index(polarity)],
        )


class SideStatistics(NamedTuple):
    """Statistics of a site's units as seen with one sign."""

    n_tokens: int
    nan: Int64[torch.Tensor, " units"]
    not_finite: Int64[torch.Tensor, " units"]
    sums: Float[torch.Tensor, "powers units"]
    above_zero: Int64[torch.Tensor, " units"]
    smallest: Float[torch.Tensor, " units"]
    largest: Float[torch.Tensor, " units"]
    token_counts: Int64[torch.Tensor, "units bins"]
    peak_counts: Int64[torch.Tensor, "units bins"]

    def moments(self) -> Moments:
        """Central moments from the power sums."""
        first, second, third, fourth = self.sums / (self.n_tokens - self.not_finite)
        variance = (second - first**2).clamp(min=0)
        # Below the rounding of float32 sums a spread cannot be told from none.
        constant = variance <= 1e-12 * second
        spread = variance.sqrt().masked_fill(constant, torch.nan)
        central_third = third - 3 * first * second + 2 * first**3
        central_fourth = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4
        moments = Moments(
            mean=first,
            variance=variance.masked_fill(constant, 0.0),
            skewness=central_third / spread**3,
            kurtosis=central_fourth / spread**4 - 3,
        )
        return Moments(*(m.masked_fill(~m.isfinite(), torch.nan) for m in moments))

    def density(self) -> Float[torch.Tensor, " units"]:
        """Fraction of tokens above 0, of those that are numbers."""
        return self.above_zero.double() / (self.n_tokens - self.nan)

    def density_above(self, share: float) -> Float[torch.Tensor, " units"]:
        """Fraction of tokens above `share` of the unit's maximum, to the resolution of the bins.

        Exactly: of the tokens in the histogram, those at or above the largest positive edge that
        is not above `share * max` (the smallest positive edge if none is).
        """
        edges = TOKEN_BINS.edges()
        edge = torch.searchsorted(edges, share * self.largest.double(), right=True) - 1
        first_bin = edge.clamp(min=TOKEN_BINS.per_sign) + 1
        from_bin_up = self.token_counts.flip(1).cumsum(1).flip(1)
        return from_bin_up.gather(1, first_bin[:, None])[:, 0].double() / self.token_counts.sum(1)

    def peak_quantiles(self) -> Float[torch.Tensor, "units quantiles"]:
        """The upper edge of the bin in which each of `QUANTILES` of the sequence maxima lies."""
        cumulated = self.peak_counts.cumsum(1).double()
        wanted = cumulated[:, -1:] * torch.tensor(QUANTILES, dtype=torch.float64)
        index = torch.searchsorted(cumulated, wanted.contiguous())
        edges = torch.cat([PEAK_BINS.edges(), torch.tensor([torch.inf], dtype=torch.float64)])
        upper = edges[index.clamp(max=PEAK_BINS.count - 1)]
        return torch.minimum(upper, self.largest.double()[:, None])
