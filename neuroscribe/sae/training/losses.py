"""What training minimises, for one batch.

    L = |x - x_hat|^2 / variance + L(4k) / 8 (if asked for) + coefficient * L_aux

`L_aux` is how badly the best `k_aux` dead latents of each token reconstruct the residual
`e = x - x_hat`, by the variance of `e`. The residual is a constant in it: dead latents move towards
what is missing and nothing moves towards them. It is decoded without the bias, which the residual
already lacks. Source: Gao et al. (2024), appendix A, and the repository released with it.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from neuroscribe.kernels.sparse_decode import sparse_decode
from neuroscribe.kernels.topk_encode import Choice, Chosen, topk_encode
from neuroscribe.sae.autoencoder import SparseAutoencoder
from neuroscribe.sae.training.settings import TrainSettings
from neuroscribe.shapes import Bool, Float, Int64

_MULTI_FACTOR, _MULTI_WEIGHT = 4, 1 / 8


class Losses(NamedTuple):
    """Of a batch; `loss` is what has the gradient."""

    loss: Float[Tensor, ""]
    normalised_mse: Float[Tensor, ""]
    auxiliary: Float[Tensor, ""]
    fired: Int64[Tensor, " latents"]
    """On how many tokens each latent fired."""


def losses(
    autoencoder: SparseAutoencoder,
    x: Float[Tensor, "tokens width"],
    *,
    settings: TrainSettings,
    variance: float,
    dead: Bool[Tensor, " latents"],
) -> Losses:
    """The losses of a batch.

    Args:
        autoencoder: a TopK one.
        x: activations, float32.
        settings: k, the auxiliary loss and the precision.
        variance: of the sample, per component.
        dead: latents that count as dead.
    """
    choices = [Choice(settings.k)]
    if settings.multi_topk:
        choices.append(Choice(_MULTI_FACTOR * settings.k))
    n_auxiliary = _auxiliary_k(autoencoder, settings, dead)
    if n_auxiliary:
        choices.append(Choice(n_auxiliary, dead.nonzero()[:, 0]))
    chosen = topk_encode(
        x - autoencoder.decoder_bias,
        autoencoder.encoder,
        autoencoder.encoder_bias,
        choices,
        product_dtype=getattr(torch, settings.precision),
    )
    output = _decode(autoencoder, chosen[0]) + autoencoder.decoder_bias
    reconstruction = functional.mse_loss(output, x) / variance
    loss = reconstruction
    if settings.multi_topk:
        wide = _decode(autoencoder, chosen[1]) + autoencoder.decoder_bias
        loss = loss + _MULTI_WEIGHT * functional.mse_loss(wide, x) / variance
    auxiliary = loss.new_zeros(())
    if n_auxiliary:
        residual = (x - output).detach()
        spread = (residual - residual.mean(dim=0)).square().mean()
        if spread > 0:
            auxiliary = functional.mse_loss(_decode(autoencoder, chosen[-1]), residual) / spread
            loss = loss + settings.auxiliary_coefficient * auxiliary
    first = chosen[0]
    fired = torch.bincount(first.latents[first.values > 0], minlength=autoencoder.n_latents)
    return Losses(loss, reconstruction.detach(), auxiliary.detach(), fired)


def _auxiliary_k(autoencoder: SparseAutoencoder, settings: TrainSettings, dead: Tensor) -> int:
    """Dead latents a token that take part; 0 for none."""
    asked = autoencoder.d_in // 2 if settings.auxiliary_k is None else settings.auxiliary_k
    return min(asked, int(dead.sum()))


def _decode(autoencoder: SparseAutoencoder, chosen: Chosen) -> Tensor:
    """The sum of the chosen latents' directions, without the bias."""
    n_tokens, k = chosen.latents.shape
    offsets = torch.arange(0, n_tokens * k + 1, k, device=chosen.latents.device)
    return sparse_decode(
        offsets, chosen.latents.flatten(), chosen.values.flatten(), autoencoder.decoder
    )
