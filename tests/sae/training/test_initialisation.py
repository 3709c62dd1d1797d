"""Where training starts."""

import pytest
import torch

from neuroscribe.errors import SaeError
from neuroscribe.sae import Provenance, TrainSettings
from neuroscribe.sae.training.initialisation import (
    geometric_median,
    initial_autoencoder,
    sample_variance,
)


def test_the_geometric_median_has_the_least_sum_of_distances():
    points = torch.randn(200, 5, generator=torch.Generator().manual_seed(0)).double()
    points[:20] += 50
    median = geometric_median(points)
    least = (points - median).norm(dim=1).sum()
    for step in torch.randn(50, 5, generator=torch.Generator().manual_seed(1)).double() * 0.01:
        assert (points - median - step).norm(dim=1).sum() >= least
    # A tenth of outliers at 50 pulls the mean to 5.
    assert float(median.abs().max()) < 0.5


@pytest.mark.parametrize(
    ("points", "median"),
    [
        # More than half of the points lie at one place.
        ([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], [0.0, 0.0]),
        # The mean is one of the points, and not the median.
        ([[0.0], [3.0], [-1.0], [-1.0], [-1.0]], [-1.0]),
        ([[2.0, 1.0], [2.0, 1.0]], [2.0, 1.0]),
        ([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]], [1.0, 1.0]),
    ],
)
def test_the_geometric_median_where_it_meets_points(points, median):
    found = geometric_median(torch.tensor(points))
    torch.testing.assert_close(found, torch.tensor(median).double(), atol=1e-4, rtol=0)


def start(**stated):
    settings = TrainSettings(**{"n_latents": 50, "k": 4, "steps": 1, **stated})
    sample = torch.randn(100, 8, generator=torch.Generator().manual_seed(0)) + 3
    origin = Provenance(format="trained", source="noise")
    return initial_autoencoder(settings, sample, origin), sample


def test_the_encoder_starts_as_the_decoders_transpose_and_is_a_tensor_of_its_own():
    autoencoder, sample = start()
    assert torch.equal(autoencoder.encoder, autoencoder.decoder)
    assert autoencoder.encoder.data_ptr() != autoencoder.decoder.data_ptr()
    torch.testing.assert_close(autoencoder.decoder.norm(dim=1), torch.ones(50))
    assert torch.equal(autoencoder.encoder_bias, torch.zeros(50))
    assert torch.equal(autoencoder.decoder_bias, geometric_median(sample).float())


def test_the_seed_decides_the_directions():
    assert torch.equal(start(seed=1)[0].decoder, start(seed=1)[0].decoder)
    assert not torch.equal(start(seed=1)[0].decoder, start(seed=2)[0].decoder)


def test_variance_is_about_the_mean_of_each_component():
    assert sample_variance(torch.tensor([[0.0, 100.0], [2.0, 104.0]])) == (1 + 4) / 2


@pytest.mark.parametrize(
    ("sample", "sentence"),
    [
        (torch.ones(5, 3), "the sample of 5 tokens does not vary"),
        (torch.ones(0, 3), "the sample of 0 tokens does not vary"),
        (torch.tensor([[1.0], [torch.nan]]), "infinite or not a number"),
    ],
)
def test_a_sample_that_cannot_be_used(sample, sentence):
    with pytest.raises(SaeError, match=sentence):
        sample_variance(sample)
