"""Activations that are sparse combinations of known directions, made batch by batch from a seed."""

from collections.abc import Iterator

import torch
from torch import Tensor

from neuroscribe.sae import SparseAutoencoder


class PlantedFeatures:
    """Random directions of norm 1, of which a few add up to each token, each .5 to 1.5 strong."""

    def __init__(self, *, features: int, width: int, active: int, offset: float = 0.0) -> None:
        generator = torch.Generator().manual_seed(0)
        directions = torch.randn(features, width, generator=generator)
        self.directions = directions / directions.norm(dim=1, keepdim=True)
        self.offset = offset
        self.active = active

    def tokens(self, n: int, *, seed: int) -> Tensor:
        """`n` tokens."""
        generator = torch.Generator().manual_seed(seed)
        draws = torch.rand(n, len(self.directions), generator=generator)
        chosen = draws.topk(self.active, dim=1).indices
        strengths = torch.rand(n, self.active, generator=generator) + 0.5
        weights = torch.zeros_like(draws).scatter_(1, chosen, strengths)
        return weights @ self.directions + self.offset

    def batches(self, start: int = 0, *, tokens: int = 256) -> Iterator[Tensor]:
        """Batches without end, from number `start` on."""
        number = start
        while True:
            yield self.tokens(tokens, seed=1_000_000 + number)
            number += 1

    def recovery(self, autoencoder: SparseAutoencoder) -> float:
        """Mean over features of the largest cosine with a decoder row."""
        rows = autoencoder.decoder.detach()
        rows = rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-12)
        return float((self.directions @ rows.T).max(dim=1).values.mean())
