"""Autoencoders of random weights, of any architecture."""

import pytest
import torch

from neuroscribe.sae import Architecture, Provenance, SparseAutoencoder


@pytest.fixture
def make_autoencoder():
    """Build one from what a test states of its architecture."""

    def make(*, seed: int = 0, **stated) -> SparseAutoencoder:
        widths = {"d_in": 6, "n_latents": 20, "d_out": 6}
        architecture = Architecture(**{"activation": "relu", **widths, **stated})
        generator = torch.Generator().manual_seed(seed)
        tensors = {
            name: torch.randn(shape, generator=generator)
            for name, shape in architecture.parameter_shapes.items()
        }
        return SparseAutoencoder(
            architecture, tensors, provenance=Provenance(format="trained", source="random")
        )

    return make
