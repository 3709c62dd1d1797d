"""The arithmetic of every architecture, against its formula written out on dense matrices."""

import pytest
import torch

from neuroscribe.errors import SaeError
from neuroscribe.sae import Architecture, Provenance, SparseAutoencoder, autoencoder as module

X = torch.randn(9, 6, generator=torch.Generator().manual_seed(1)) * 3 + 1

ARCHITECTURES = {
    "relu": {},
    "uncentred": {"subtracts_decoder_bias": False},
    "topk": {"activation": "topk", "k": 5},
    "groupmax": {"activation": "groupmax", "k": 4},
    "batchtopk": {"activation": "batchtopk", "k": 5, "rescales_by_decoder_norm": True},
    "jumprelu": {"activation": "jumprelu"},
    "gated": {"activation": "gated"},
    "standardised": {"activation": "topk", "k": 5, "normalisation": "standardise"},
    "constant norm": {"activation": "jumprelu", "normalisation": "constant_norm"},
    "scaled": {"input_scale": 0.25},
    "rescaled": {"activation": "topk", "k": 5, "rescales_by_decoder_norm": True},
    "skip": {"activation": "topk", "k": 5, "skips": True, "normalisation": "standardise"},
    "transcoder": {
        "d_out": 4,
        "transcodes": True,
        "subtracts_decoder_bias": False,
        "normalisation": "standardise",
    },
    "skip transcoder": {
        "d_out": 4,
        "transcodes": True,
        "subtracts_decoder_bias": False,
        "skips": True,
    },
}


@pytest.fixture(params=ARCHITECTURES.values(), ids=ARCHITECTURES.keys())
def autoencoder(request, make_autoencoder):
    return make_autoencoder(**request.param)


def latents_by_formula(sae, x):
    a = sae.architecture
    if a.normalisation == "standardise":
        x = (x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True, unbiased=True) + 1e-5)
    elif a.normalisation == "constant_norm":
        x = x * (a.d_in**0.5 / x.norm(dim=1, keepdim=True))
    x = x * a.input_scale
    if a.subtracts_decoder_bias:
        x = x - sae.decoder_bias
    pre = x @ sae.encoder.T
    if a.activation == "gated":
        opened = (pre + sae.gate_bias > 0).float()
        return opened * torch.relu(pre * sae.magnitude_log_scale.exp() + sae.encoder_bias)
    pre = pre + sae.encoder_bias
    if a.rescales_by_decoder_norm:
        pre = pre * sae.decoder.norm(dim=1)
    positive = torch.relu(pre)
    match a.activation:
        case "topk":
            return positive * (pre >= pre.sort(1).values[:, -a.k, None])
        case "groupmax":
            groups = positive.reshape(len(x), a.k, -1)
            return (groups * (groups == groups.amax(2, keepdim=True))).reshape(len(x), -1)
        case "batchtopk" | "jumprelu":
            return positive * (pre > sae.threshold)
    return positive


def output_by_formula(sae, x):
    a = sae.architecture
    latents = latents_by_formula(sae, x)
    if a.rescales_by_decoder_norm:
        latents = latents / sae.decoder.norm(dim=1)
    output = latents @ sae.decoder + sae.decoder_bias
    if not a.transcodes:
        output = output / a.input_scale
        if a.normalisation == "standardise":
            output = output * x.std(1, keepdim=True) + x.mean(1, keepdim=True)
        elif a.normalisation == "constant_norm":
            output = output * x.norm(dim=1, keepdim=True) / a.d_in**0.5
    return output + x @ sae.skip.T if a.skips else output


def test_latents_follow_the_formula(autoencoder):
    torch.testing.assert_close(autoencoder.encode_dense(X), latents_by_formula(autoencoder, X))


def test_reconstructions_follow_the_formula(autoencoder):
    torch.testing.assert_close(autoencoder(X), output_by_formula(autoencoder, X))


def test_gradients_are_those_of_the_formula(autoencoder):
    goal = torch.randn(9, autoencoder.d_out, generator=torch.Generator().manual_seed(2))
    sizes = {}
    for output in (autoencoder, lambda x: output_by_formula(autoencoder, x)):
        autoencoder.zero_grad()
        (output(X) - goal).square().sum().backward()
        for name, parameter in autoencoder.named_parameters():
            sizes.setdefault(name, []).append(parameter.grad)
    for name, (found, truth) in sizes.items():
        if truth is None:
            assert found is None, name
        else:
            torch.testing.assert_close(found, truth, atol=2e-3, rtol=1e-4, msg=name)


def test_the_size_of_chunks_shows_nowhere(autoencoder, monkeypatch):
    whole = autoencoder.encode(X)
    monkeypatch.setattr(module, "CHUNK_BYTES", 2 * 20 * 4)
    in_parts = autoencoder.encode(X)
    assert torch.equal(whole.offsets, in_parts.offsets)
    assert torch.equal(whole.latents, in_parts.latents)
    torch.testing.assert_close(whole.values, in_parts.values)


def test_latents_ascend_within_a_token_and_all_have_fired(autoencoder):
    latents = autoencoder.encode(X)
    for start, end in zip(latents.offsets, latents.offsets[1:], strict=False):
        assert bool((latents.latents[start:end].diff() > 0).all())
    assert bool((latents.values > 0).all())
    assert latents.n_tokens == 9
    assert int(latents.fired.sum()) == len(latents.values)


def test_a_token_on_which_nothing_fires_gives_the_bias(make_autoencoder):
    sae = make_autoencoder(activation="topk", k=5)
    with torch.no_grad():
        sae.encoder_bias.fill_(-1000)
    assert sae.encode(X).latents.tolist() == []
    assert torch.equal(sae(X), sae.decoder_bias.expand(9, 6))


def test_no_tokens_are_no_trouble(autoencoder):
    latents = autoencoder.encode(X[:0])
    assert latents.n_tokens == 0
    assert autoencoder.decode(latents, X[:0]).shape == (0, autoencoder.d_out)


def test_a_token_that_is_no_number_fires_nothing(autoencoder):
    x = X.clone()
    x[4, 2] = torch.nan
    fired = autoencoder.encode(x).fired
    assert fired[4] == 0
    assert torch.equal(fired[:4], autoencoder.encode(X).fired[:4])


def test_half_precision_stays_half_precision(make_autoencoder):
    sae = make_autoencoder(activation="topk", k=5).to(torch.bfloat16)
    assert sae(X).dtype == torch.bfloat16


def test_inputs_are_needed_where_the_output_depends_on_them(make_autoencoder):
    sae = make_autoencoder(activation="topk", k=5, normalisation="standardise")
    latents = sae.encode(X)
    with pytest.raises(SaeError, match="give decode\\(\\) the inputs"):
        sae.decode(latents)
    plain = make_autoencoder(activation="topk", k=5)
    torch.testing.assert_close(plain.decode(plain.encode(X)), plain(X))


def test_widths_that_do_not_fit_are_named(make_autoencoder):
    sae = make_autoencoder()
    with pytest.raises(SaeError, match="inputs are 5 wide; the autoencoder reads 6"):
        sae.encode(X[:, :5])
    other = make_autoencoder(n_latents=30)
    with pytest.raises(SaeError, match="30 latents for an autoencoder of 20"):
        sae.decode(other.encode(X))


@pytest.mark.parametrize(
    ("stated", "sentence"),
    [
        ({"activation": "topk"}, "k is None"),
        ({"activation": "topk", "k": 21}, "k is 21; it must be between 1 and the 20 latents"),
        ({"activation": "groupmax", "k": 3}, "20 latents cannot be cut into 3 equal groups"),
        ({"d_out": 4}, "inputs 6 wide gives outputs 4 wide"),
        ({"d_in": 0, "d_out": 0}, "d_in is 0; at least 1 is needed"),
        ({"input_scale": 0.0}, "scaled by 0.0"),
        ({"input_scale": 2.0, "normalisation": "standardise"}, "scaled by 2.0"),
        ({"activation": "gated", "rescales_by_decoder_norm": True}, "gated latents are not"),
    ],
)
def test_an_architecture_that_contradicts_itself(make_autoencoder, stated, sentence):
    with pytest.raises(SaeError, match=sentence):
        make_autoencoder(**stated)


def test_tensors_that_do_not_belong_are_named(make_autoencoder):
    sae = make_autoencoder(activation="jumprelu")
    tensors = dict(sae.named_parameters())
    plain = Architecture(activation="relu", d_in=6, n_latents=20, d_out=6)
    with pytest.raises(SaeError, match=r"a relu autoencoder has the tensors .*; here are .*thresh"):
        SparseAutoencoder(plain, tensors, provenance=sae.provenance)


def test_what_it_is_shows_when_it_is_printed(make_autoencoder):
    sae = make_autoencoder(activation="topk", k=5)
    assert "topk, 6 -> 20 latents -> 6, k=5" in str(sae)
    assert sae.provenance == Provenance(format="trained", source="random")


def test_memory_is_bounded_by_the_chunk(make_autoencoder, monkeypatch):
    """Dense pre-activations of more tokens than a chunk are never seen at once.

    Those of TopK never exist, but where the decoder's norms count.
    """
    seen = []
    original = SparseAutoencoder.pre_activations

    def watch(self, x):
        seen.append(len(x))
        return original(self, x)

    monkeypatch.setattr(SparseAutoencoder, "pre_activations", watch)
    monkeypatch.setattr(module, "CHUNK_BYTES", 4 * 20 * 4)
    topk = {"activation": "topk", "k": 5}
    make_autoencoder(**topk).encode(X)
    assert seen == []
    make_autoencoder(activation="jumprelu").encode(X)
    make_autoencoder(rescales_by_decoder_norm=True, **topk).encode(X)
    assert seen == [4, 4, 1] * 2
