"""Where training starts: from a sample of activations and a seed.

The bias is the geometric median of the sample, which a few huge activations (as language models
have them on first tokens) do not move, where they carry the mean away. Decoder rows are random
directions of norm 1 and the encoder starts as their transpose, without which most latents never
fire again (Gao et al., 2024, appendix A).
"""

import torch
from torch import Tensor

from neuroscribe.errors import SaeError
from neuroscribe.sae.architecture import Architecture, Provenance
from neuroscribe.sae.autoencoder import SparseAutoencoder
from neuroscribe.sae.training.settings import TrainSettings
from neuroscribe.shapes import Float, Float64

_MAX_ROUNDS = 200
_TOLERANCE = 1e-8


def initial_autoencoder(
    settings: TrainSettings, sample: Float[Tensor, "tokens width"], provenance: Provenance
) -> SparseAutoencoder:
    """An autoencoder before its first step.

    Raises:
        SaeError: the sample cannot be used (see `sample_variance`).
    """
    sample_variance(sample)
    width = sample.shape[1]
    generator = torch.Generator().manual_seed(settings.seed)
    rows = torch.randn(settings.n_latents, width, generator=generator)
    rows = rows / rows.norm(dim=1, keepdim=True)
    return SparseAutoencoder(
        Architecture(
            activation="topk",
            d_in=width,
            n_latents=settings.n_latents,
            d_out=width,
            k=settings.k,
        ),
        {
            "encoder": rows.clone(),
            "encoder_bias": torch.zeros(settings.n_latents),
            "decoder": rows,
            "decoder_bias": geometric_median(sample).float().cpu(),
        },
        provenance=provenance,
    )


def sample_variance(sample: Float[Tensor, "tokens width"]) -> float:
    """Variance of a sample about its mean, per component.

    Raises:
        SaeError: the sample has a number that is not finite, or does not vary.
    """
    if not bool(sample.isfinite().all()):
        raise SaeError("the sample has activations that are infinite or not a number")
    values = sample.double()
    variance = float((values - values.mean(dim=0)).square().mean()) if len(values) else 0.0
    if variance == 0:
        raise SaeError(f"the sample of {len(sample)} tokens does not vary; give more tokens")
    return variance


def geometric_median(points: Float[Tensor, "tokens width"]) -> Float64[Tensor, " width"]:
    """The point with the least sum of distances to all of `points`.

    By Weiszfeld's iteration with the step of Vardi and Zhang (2000) where it meets a point, so it
    neither divides by zero nor stays there wrongly.
    """
    points = points.double()
    guess = points.mean(dim=0)
    scale = (points - guess).norm(dim=1).mean()
    for _ in range(_MAX_ROUNDS):
        distances = (points - guess).norm(dim=1)
        here = distances <= 1e-12 * scale
        weights = torch.where(here, 0.0, 1 / distances)
        total = weights.sum()
        if total == 0:
            break
        towards = weights @ points / total
        pull = (towards - guess).norm() * total
        stay = min(1.0, float(here.sum() / pull)) if bool(here.any()) and pull > 0 else 0.0
        following = (1 - stay) * towards + stay * guess
        moved = (following - guess).norm()
        guess = following
        if moved <= _TOLERANCE * scale:
            break
    return guess
