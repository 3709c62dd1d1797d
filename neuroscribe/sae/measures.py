"""How well an autoencoder reconstructs and how its latents are used, over any number of tokens.

Sums are kept in float64 and merge, so a stream, its shards and the whole give the same numbers.
The variance of the target is the sum of squares about the mean of ALL its tokens, component by
component, carried from batch to batch by the parallel formula of Chan, Golub and LeVeque (1979):
sums of plain squares lose it where the mean is large, and dividing by them, as one library does,
makes an autoencoder that explains .750 of the variance look as if it explained .984.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from neuroscribe.errors import SaeError
from neuroscribe.sae.autoencoder import SparseAutoencoder
from neuroscribe.sae.latents import SparseLatents
from neuroscribe.shapes import Float, Int64

_SMALLEST_DECADE, _BINS_PER_DECADE = -8, 4


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What is reported of an autoencoder."""

    n_tokens: int
    """Tokens that were measured."""
    n_not_finite: int
    """Tokens that were left out, as target or reconstruction is infinite or not a number."""
    mean_squared_error: float | None
    """Per token and component."""
    normalised_mse: float | None
    """Squared error by the variance that was stated, or else by that of the target itself."""
    fraction_of_variance_unexplained: float | None
    """Squared error by the target's own variance about its mean; 0 is perfect, 1 is what the mean
    alone reaches, and there is no upper bound."""
    l0: float | None
    """Latents that fire on a token, on average."""
    dead_share: float | None
    """Share of latents that fire on none of the tokens."""
    density_edges: tuple[float, ...]
    """Edges of the bins of density, ascending; the first bin also holds all that is below it."""
    density_counts: tuple[int, ...]
    """Latents by the share of tokens on which they fire; dead ones are in no bin."""
    reason: str | None = None
    """Why a number is missing."""


class ReconstructionSums:
    """Squared error and variance of a stream of tokens."""

    def __init__(self, width: int, *, device: str | torch.device = "cpu") -> None:
        self.n_tokens = 0
        self.n_not_finite = 0
        self.mean = torch.zeros(width, dtype=torch.float64, device=device)
        self.deviation = torch.zeros((), dtype=torch.float64, device=device)
        """Sum over tokens and components of the squared distance from the mean."""
        self.error = torch.zeros((), dtype=torch.float64, device=device)
        """Sum over tokens and components of the squared error."""

    def update(
        self, target: Float[Tensor, "tokens width"], output: Float[Tensor, "tokens width"]
    ) -> None:
        """Add tokens.

        Args:
            target: what should come out: the input, or a transcoder's other site.
            output: what came out.
        """
        target, output = target.double(), output.double()
        finite = (target.isfinite() & output.isfinite()).all(dim=1)
        self.n_not_finite += int((~finite).sum())
        target, output = target[finite], output[finite]
        if len(target) == 0:
            return
        mean = target.mean(dim=0)
        self._join(len(target), mean, (target - mean).square().sum())
        self.error += (output - target).square().sum()

    def merge(self, other: "ReconstructionSums") -> None:
        """Add the tokens of another stream."""
        self.n_not_finite += other.n_not_finite
        if other.n_tokens:
            self._join(other.n_tokens, other.mean, other.deviation)
            self.error += other.error

    def _join(self, n: int, mean: Tensor, deviation: Tensor) -> None:
        total = self.n_tokens + n
        step = mean.to(self.mean) - self.mean
        self.deviation += deviation + step.square().sum() * (self.n_tokens * n / total)
        self.mean += step * (n / total)
        self.n_tokens = total

    @property
    def mean_squared_error(self) -> float | None:
        """Per token and component; None before the first token."""
        if self.n_tokens == 0:
            return None
        return float(self.error) / (self.n_tokens * len(self.mean))

    @property
    def variance(self) -> float | None:
        """Of the target about its mean, per token and component; None before the first token."""
        if self.n_tokens == 0:
            return None
        return float(self.deviation) / (self.n_tokens * len(self.mean))

    @property
    def fraction_of_variance_unexplained(self) -> float | None:
        """Squared error by the target's variance; None where the target does not vary."""
        if self.n_tokens == 0 or float(self.deviation) == 0:
            return None
        return float(self.error / self.deviation)


class LatentUse:
    """On how many tokens each latent fires."""

    def __init__(self, n_latents: int, *, device: str | torch.device = "cpu") -> None:
        self.n_tokens = 0
        self.counts: Int64[Tensor, " latents"] = torch.zeros(
            n_latents, dtype=torch.int64, device=device
        )

    def update(self, latents: SparseLatents) -> None:
        """Add tokens."""
        self.n_tokens += latents.n_tokens
        self.counts += torch.bincount(latents.latents, minlength=len(self.counts))

    def merge(self, other: "LatentUse") -> None:
        """Add the tokens of another stream.

        Raises:
            SaeError: it is of an autoencoder with another number of latents.
        """
        if len(self.counts) != len(other.counts):
            raise SaeError(f"{len(other.counts)} latents cannot be added to {len(self.counts)}")
        self.n_tokens += other.n_tokens
        self.counts += other.counts.to(self.counts.device)

    @property
    def l0(self) -> float | None:
        """Latents that fire on a token, on average; None before the first token."""
        return int(self.counts.sum()) / self.n_tokens if self.n_tokens else None

    @property
    def dead_share(self) -> float | None:
        """Share of latents that never fire; None before the first token."""
        return float((self.counts == 0).double().mean()) if self.n_tokens else None

    def density(self) -> Float[Tensor, " latents"]:
        """Share of tokens on which each latent fires, float64."""
        return self.counts.double() / max(1, self.n_tokens)

    def histogram(self) -> tuple[tuple[float, ...], tuple[int, ...]]:
        """Edges of bins of density, four to a factor of ten up to 1, and the latents in each.

        A latent that fires as often as an edge says is in the bin above it, but 1 is in the last
        bin; dead latents are in none.
        """
        steps = torch.arange(_SMALLEST_DECADE * _BINS_PER_DECADE, 1, dtype=torch.float64)
        edges = 10.0 ** (steps / _BINS_PER_DECADE)
        alive = self.density()[self.counts > 0].cpu()
        places = (torch.searchsorted(edges, alive, right=True) - 1).clamp(0, len(edges) - 2)
        counts = torch.bincount(places, minlength=len(edges) - 1)
        return tuple(edges.tolist()), tuple(counts.tolist())


def measure(
    autoencoder: SparseAutoencoder,
    batches: Iterable[Tensor | tuple[Tensor, Tensor]],
    *,
    variance: float | None = None,
) -> Measures:
    """Measure an autoencoder on tokens.

    Args:
        autoencoder: any.
        batches: inputs `[tokens, d_in]`; for a transcoder pairs of them with what should come out.
        variance: what the normalised error is measured in, per component, such as that of the
            sample the autoencoder was trained with; that of the target itself if None.
    """
    sums = ReconstructionSums(autoencoder.d_out, device=autoencoder.device)
    use = LatentUse(autoencoder.n_latents, device=autoencoder.device)
    for batch in batches:
        inputs, target = batch if isinstance(batch, tuple) else (batch, batch)
        inputs, target = inputs.to(autoencoder.device), target.to(autoencoder.device)
        with torch.no_grad():
            latents = autoencoder.encode(inputs)
            sums.update(target, autoencoder.decode(latents, inputs))
        use.update(latents)
    return summarise(sums, use, variance=variance)


def summarise(
    sums: ReconstructionSums, use: LatentUse, *, variance: float | None = None
) -> Measures:
    """The report on what was summed up; `variance` as in `measure`."""
    edges, counts = use.histogram()
    error = sums.mean_squared_error
    unexplained = sums.fraction_of_variance_unexplained
    reason = None
    if sums.n_tokens == 0:
        reason = "no tokens were measured"
    elif unexplained is None:
        reason = "the activations do not vary"
    return Measures(
        n_tokens=sums.n_tokens,
        n_not_finite=sums.n_not_finite,
        mean_squared_error=error,
        normalised_mse=unexplained if variance is None or error is None else error / variance,
        fraction_of_variance_unexplained=unexplained,
        l0=use.l0,
        dead_share=use.dead_share,
        density_edges=edges,
        density_counts=counts,
        reason=reason,
    )
