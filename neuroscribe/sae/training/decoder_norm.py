"""Decoder rows of norm 1: without that a latent could shrink while its row grows, for nothing."""

import torch

from neuroscribe.sae.autoencoder import SparseAutoencoder


@torch.no_grad()
def bring_to_unit_norm(autoencoder: SparseAutoencoder) -> None:
    """Divide each decoder row by its norm, in place; rows of zeros stay."""
    decoder = autoencoder.decoder
    decoder.div_(decoder.norm(dim=1, keepdim=True).clamp(min=torch.finfo(decoder.dtype).tiny))


@torch.no_grad()
def remove_parallel_gradient(autoencoder: SparseAutoencoder) -> None:
    """Take from each decoder row's gradient what points along the row, in place.

    What is taken would only change norms, which the next step undoes, but Adam would remember it.
    The rows have norm 1.
    """
    decoder, gradient = autoencoder.decoder, autoencoder.decoder.grad
    if gradient is not None:
        along = (gradient * decoder).sum(dim=1, keepdim=True)
        gradient.sub_(along * decoder)
