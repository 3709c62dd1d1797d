"""The reference toy: width 32, 512 latents, half of them pushed dead, 1,500 steps.

512 planted features of which 8 add up to a token; k = 8. The encoder's bias of the first half
begins at -2.5, below what inputs can outweigh at first. Shares that are dead on 8,192 tokens that
were not trained on: .494 without an auxiliary loss; .494 with one whose gradient stops before the
encoder, as in one popular trainer; .191 with ours.
"""

import pytest
import torch

from neuroscribe.sae import Provenance, TrainSettings, measure
from neuroscribe.sae.training.initialisation import initial_autoencoder, sample_variance
from neuroscribe.sae.training.trainer import Trainer
from tests.sae.planted_features import PlantedFeatures

FEATURES = PlantedFeatures(features=512, width=32, active=8)


def train_with_half_pushed_dead(*, auxiliary_k):
    sample = FEATURES.tokens(4096, seed=0)
    settings = TrainSettings(
        n_latents=512,
        k=8,
        steps=1500,
        learning_rate=1e-3,
        auxiliary_k=auxiliary_k,
        dead_after_tokens=20 * 256,
    )
    origin = Provenance(format="trained", source="planted features")
    autoencoder = initial_autoencoder(settings, sample, origin)
    with torch.no_grad():
        autoencoder.encoder_bias[:256] -= 2.5
    trainer = Trainer(autoencoder, settings, variance=sample_variance(sample))
    batches = FEATURES.batches(tokens=256)
    for _ in range(settings.steps):
        trainer.update(batches)
    return measure(trainer.result(), [FEATURES.tokens(8192, seed=1)])


@pytest.mark.slow
def test_without_an_auxiliary_loss_they_stay_dead():
    assert train_with_half_pushed_dead(auxiliary_k=0).dead_share >= 0.45


@pytest.mark.slow
def test_with_it_most_of_them_come_back():
    assert train_with_half_pushed_dead(auxiliary_k=None).dead_share <= 0.30
