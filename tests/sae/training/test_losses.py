"""Losses and their gradients, against the formula written out densely and differentiated by torch.

The auxiliary loss is the one that a popular trainer computes without its gradient ever reaching the
encoder, so that is looked at on its own.
"""

import pytest
import torch

from neuroscribe.kernels.topk_encode import naive
from neuroscribe.sae import TrainSettings
from neuroscribe.sae.training.decoder_norm import bring_to_unit_norm, remove_parallel_gradient
from neuroscribe.sae.training.losses import losses

X = torch.randn(40, 6, generator=torch.Generator().manual_seed(3)) + 0.5
DEAD = torch.arange(20) % 3 == 0


def settings(**stated):
    return TrainSettings(**{"n_latents": 20, "k": 4, "steps": 1, **stated})


@pytest.fixture
def autoencoder(make_autoencoder):
    return make_autoencoder(activation="topk", k=4)


def keep_largest(pre, k):
    """ReLU of the k largest of each row; the rest is 0."""
    smallest = pre.sort(dim=1).values[:, -k, None]
    return torch.relu(pre) * (pre >= smallest)


def dense_losses(sae, x, *, k, variance, dead=None, auxiliary_k=3, multi=False):
    """(whole loss, auxiliary loss) by dense matrices, all differentiable."""
    pre = (x - sae.decoder_bias) @ sae.encoder.T + sae.encoder_bias
    output = keep_largest(pre, k) @ sae.decoder + sae.decoder_bias
    loss = (output - x).square().mean() / variance
    if multi:
        wide = keep_largest(pre, 4 * k) @ sae.decoder + sae.decoder_bias
        loss = loss + (wide - x).square().mean() / variance / 8
    if dead is None:
        return loss, None
    residual = (x - output).detach()
    among_dead = keep_largest(pre.masked_fill(~dead, -torch.inf), auxiliary_k)
    spread = (residual - residual.mean(0)).square().mean()
    auxiliary = (among_dead @ sae.decoder - residual).square().mean() / spread
    return loss + auxiliary / 32, auxiliary


def gradients(sae, loss):
    sae.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in sae.named_parameters()}


@pytest.mark.parametrize("multi", [False, True])
@pytest.mark.parametrize("dead", [None, DEAD])
def test_loss_and_gradients_are_those_of_the_dense_formula(autoencoder, multi, dead):
    found = losses(
        autoencoder,
        X,
        settings=settings(multi_topk=multi, auxiliary_k=3),
        variance=2.0,
        dead=torch.zeros(20, dtype=torch.bool) if dead is None else dead,
    )
    truth, _ = dense_losses(autoencoder, X, k=4, variance=2.0, dead=dead, multi=multi)
    torch.testing.assert_close(found.loss, truth)
    mine = gradients(autoencoder, found.loss)
    for name, gradient in gradients(autoencoder, truth).items():
        torch.testing.assert_close(mine[name], gradient, atol=1e-5, rtol=1e-5, msg=name)


def test_the_auxiliary_gradient_of_the_encoder_is_autograds_on_the_dense_reference(autoencoder):
    """Alone, as the difference that the coefficient makes: for dead rows that is all there is."""
    with torch.no_grad():
        # Not among the largest anywhere, but above 0 on many tokens.
        autoencoder.encoder[DEAD] *= 0.05
        autoencoder.encoder_bias[DEAD] = 0.01
        autoencoder.encoder_bias[~DEAD] = 3.0
    found = losses(autoencoder, X, settings=settings(auxiliary_k=3), variance=2.0, dead=DEAD)
    assert int(found.fired[DEAD].sum()) == 0
    mine = gradients(autoencoder, found.loss)
    _, auxiliary = dense_losses(autoencoder, X, k=4, variance=2.0, dead=DEAD)
    truth = gradients(autoencoder, auxiliary / 32)
    assert float(truth["encoder"][DEAD].abs().max()) > 1e-4
    for name in ("encoder", "encoder_bias", "decoder"):
        torch.testing.assert_close(mine[name][DEAD], truth[name][DEAD], atol=1e-6, rtol=1e-5)


def test_the_residual_is_not_drawn_towards_the_dead(autoencoder):
    """Rows that are alive have the gradient that they have without the auxiliary loss."""
    with torch.no_grad():
        autoencoder.encoder_bias[DEAD] = -3.0
        autoencoder.encoder_bias[~DEAD] = 3.0
    with_it = losses(autoencoder, X, settings=settings(auxiliary_k=3), variance=2.0, dead=DEAD)
    assert float(with_it.auxiliary) > 0
    mine = gradients(autoencoder, with_it.loss)
    without = losses(autoencoder, X, settings=settings(auxiliary_k=0), variance=2.0, dead=DEAD)
    assert float(without.auxiliary) == 0
    alone = gradients(autoencoder, without.loss)
    for name in ("encoder", "decoder"):
        torch.testing.assert_close(mine[name][~DEAD], alone[name][~DEAD])


def test_no_more_of_the_dead_take_part_than_there_are(autoencoder):
    one = torch.arange(20) == 7
    found = losses(autoencoder, X, settings=settings(auxiliary_k=3), variance=2.0, dead=one)
    truth, auxiliary = dense_losses(autoencoder, X, k=4, variance=2.0, dead=one, auxiliary_k=1)
    torch.testing.assert_close(found.loss, truth)
    torch.testing.assert_close(found.auxiliary, auxiliary.detach())


def test_firings_are_counted_by_token(autoencoder):
    nobody = torch.zeros(20, dtype=torch.bool)
    found = losses(autoencoder, X, settings=settings(), variance=2.0, dead=nobody)
    assert torch.equal(found.fired, (autoencoder.encode_dense(X) > 0).sum(0))


def test_the_size_of_blocks_shows_nowhere(autoencoder, monkeypatch):
    asked = {"settings": settings(auxiliary_k=3), "variance": 2.0, "dead": DEAD}
    whole = gradients(autoencoder, losses(autoencoder, X, **asked).loss)
    monkeypatch.setattr(naive, "BLOCK_TOKENS", 7)
    monkeypatch.setattr(naive, "BLOCK_LATENTS", 9)
    for name, gradient in gradients(autoencoder, losses(autoencoder, X, **asked).loss).items():
        torch.testing.assert_close(whole[name], gradient, msg=name)


def test_half_precision_changes_the_product_alone(autoencoder):
    nobody = torch.zeros(20, dtype=torch.bool)
    exact = losses(autoencoder, X, settings=settings(), variance=2.0, dead=nobody)
    half = settings(precision="bfloat16")
    rough = losses(autoencoder, X, settings=half, variance=2.0, dead=nobody)
    assert rough.loss.dtype == torch.float32
    assert rough.loss.item() == pytest.approx(exact.loss.item(), rel=0.05)
    assert gradients(autoencoder, rough.loss)["encoder"].dtype == torch.float32


def test_the_gradient_along_a_decoder_row_is_removed(autoencoder):
    bring_to_unit_norm(autoencoder)
    torch.testing.assert_close(autoencoder.decoder.norm(dim=1), torch.ones(20))
    nobody = torch.zeros(20, dtype=torch.bool)
    losses(autoencoder, X, settings=settings(), variance=2.0, dead=nobody).loss.backward()
    before = autoencoder.decoder.grad.clone()
    remove_parallel_gradient(autoencoder)
    after = autoencoder.decoder.grad
    rows = autoencoder.decoder.detach()
    assert float((before * rows).sum(1).abs().max()) > 1e-3
    torch.testing.assert_close((after * rows).sum(1), torch.zeros(20), atol=1e-5, rtol=0)
    # What is left is what was across the row.
    torch.testing.assert_close(before - after, (before * rows).sum(1, keepdim=True) * rows)
