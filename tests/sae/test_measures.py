"""Measures against brute force, merged in any way, and where careless formulas go wrong."""

import itertools

import pytest
import torch
from hypothesis import given, settings, strategies as st

from neuroscribe.errors import SaeError
from neuroscribe.sae import SparseLatents
from neuroscribe.sae.measures import LatentUse, ReconstructionSums, measure, summarise


def sums_of(target, output):
    sums = ReconstructionSums(target.shape[1])
    sums.update(target, output)
    return sums


def draw(n, width=3, seed=0, offset=0.0):
    generator = torch.Generator().manual_seed(seed)
    target = torch.randn(n, width, generator=generator) + offset
    return target, target + 0.3 * torch.randn(n, width, generator=generator)


def test_unexplained_variance_is_about_the_mean_of_all_tokens():
    """Explained: .750, where division by plain squares would report .984."""
    target = torch.tensor([[1.0], [-1.0]]) + 14.625**0.5
    output = target + torch.tensor([[0.5], [-0.5]])
    unexplained = sums_of(target, output).fraction_of_variance_unexplained
    assert unexplained == pytest.approx(0.250, abs=1e-6)
    careless = float((output - target).square().sum() / target.square().sum())
    assert 1 - careless == pytest.approx(0.984, abs=1e-6)


def test_the_mean_is_not_that_of_each_batch():
    """Two batches that are constant each vary all the same."""
    sums = ReconstructionSums(1)
    sums.update(torch.zeros(4, 1), torch.zeros(4, 1) + 0.5)
    sums.update(torch.ones(4, 1), torch.ones(4, 1) - 0.5)
    assert sums.fraction_of_variance_unexplained == 1.0


def test_components_have_a_mean_each():
    target = torch.tensor([[0.0, 10.0], [2.0, 12.0]])
    output = torch.tensor([[1.0, 11.0], [1.0, 11.0]])
    assert sums_of(target, output).fraction_of_variance_unexplained == 1.0
    assert sums_of(target, target).fraction_of_variance_unexplained == 0.0


def test_a_large_mean_does_not_swallow_the_variance():
    target, output = draw(1000, offset=1e4)
    target, output = target.double(), output.double()
    truth = float((output - target).square().sum() / (target - target.mean(0)).square().sum())
    sums = ReconstructionSums(3)
    for part, out in zip(target.split(7), output.split(7), strict=True):
        sums.update(part, out)
    assert sums.fraction_of_variance_unexplained == pytest.approx(truth, rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(cuts=st.lists(st.integers(0, 40), max_size=4), seed=st.integers(0, 5))
def test_any_cut_into_streams_gives_the_numbers_of_the_whole(cuts, seed):
    target, output = draw(40, seed=seed, offset=5.0)
    whole = sums_of(target, output)
    merged = ReconstructionSums(3)
    bounds = [0, *sorted(cuts), 40]
    for start, end in itertools.pairwise(bounds):
        merged.merge(sums_of(target[start:end], output[start:end]))
    assert merged.n_tokens == 40
    for name in ("mean_squared_error", "variance", "fraction_of_variance_unexplained"):
        assert getattr(merged, name) == pytest.approx(getattr(whole, name), rel=1e-12)


def test_error_and_variance_are_per_component():
    target = torch.tensor([[0.0, 0.0], [2.0, 2.0]])
    sums = sums_of(target, target + 3)
    assert sums.mean_squared_error == 9.0
    assert sums.variance == 1.0


def test_without_tokens_or_variance_numbers_are_missing_and_the_reason_is_given():
    nothing = summarise(ReconstructionSums(2), LatentUse(4))
    assert nothing.fraction_of_variance_unexplained is nothing.l0 is nothing.dead_share is None
    assert nothing.reason == "no tokens were measured"
    constant = summarise(sums_of(torch.ones(3, 2), torch.zeros(3, 2)), LatentUse(4))
    assert constant.mean_squared_error == 1.0
    assert constant.normalised_mse is None
    assert constant.reason == "the activations do not vary"


def test_tokens_that_are_no_numbers_are_left_out_and_counted():
    target, output = draw(10)
    spoilt, spoilt_output = target.clone(), output.clone()
    spoilt[3, 0] = torch.nan
    spoilt_output[7, 1] = torch.inf
    sums = sums_of(spoilt, spoilt_output)
    kept = [i for i in range(10) if i not in (3, 7)]
    assert sums.n_not_finite == 2
    assert sums.error == sums_of(target[kept], output[kept]).error


FIRING = torch.tensor(
    [
        [1.0, 0.0, 0.5, 0.0, 0.0],
        [1.0, 0.0, 0.0, 0.0, 0.0],
        [1.0, 2.0, 0.0, 0.0, 0.0],
        [1.0, 0.0, 0.0, 0.0, 0.0],
    ]
)


def test_use_of_latents_is_counted():
    use = LatentUse(5)
    use.update(SparseLatents.from_dense(FIRING))
    assert use.l0 == 6 / 4
    assert use.dead_share == 2 / 5
    assert use.density().tolist() == [1.0, 0.25, 0.25, 0.0, 0.0]


def test_density_has_four_bins_to_a_factor_of_ten():
    use = LatentUse(5)
    use.update(SparseLatents.from_dense(FIRING))
    edges, counts = use.histogram()
    assert len(edges) == len(counts) + 1 == 33
    assert edges[0] == pytest.approx(1e-8)
    assert edges[-1] == 1
    # 1 is in the last bin, .25 between 10^-.75 and 10^-.5.
    assert counts[-1] == 1
    assert counts[-3] == 2
    assert sum(counts) == 3


def test_use_of_latents_merges():
    whole, first, second = LatentUse(5), LatentUse(5), LatentUse(5)
    whole.update(SparseLatents.from_dense(FIRING))
    first.update(SparseLatents.from_dense(FIRING[:1]))
    second.update(SparseLatents.from_dense(FIRING[1:]))
    first.merge(second)
    assert torch.equal(first.counts, whole.counts)
    assert first.n_tokens == 4
    with pytest.raises(SaeError, match="6 latents cannot be added to 5"):
        first.merge(LatentUse(6))


def test_an_autoencoder_is_measured_as_by_brute_force(make_autoencoder):
    sae = make_autoencoder(activation="topk", k=5)
    x = torch.randn(50, 6) * 2 + 3
    found = measure(sae, x.split(8))
    latents = sae.encode_dense(x).detach()
    output = latents @ sae.decoder.detach() + sae.decoder_bias.detach()
    unexplained = (output - x).square().sum() / (x - x.mean(0)).square().sum()
    assert found.n_tokens == 50
    assert found.fraction_of_variance_unexplained == pytest.approx(float(unexplained), rel=1e-5)
    assert found.normalised_mse == found.fraction_of_variance_unexplained
    assert found.l0 == pytest.approx(float((latents > 0).sum(1).double().mean()))
    assert found.dead_share == pytest.approx(float(((latents > 0).sum(0) == 0).double().mean()))
    stated = measure(sae, [x], variance=2.0)
    assert stated.normalised_mse == pytest.approx(stated.mean_squared_error / 2)


def test_a_transcoder_is_measured_against_the_other_site(make_autoencoder):
    sae = make_autoencoder(transcodes=True, subtracts_decoder_bias=False, d_out=4)
    x = torch.randn(50, 6)
    assert measure(sae, [(x, sae(x).detach())]).fraction_of_variance_unexplained == 0
