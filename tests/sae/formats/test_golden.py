"""Each format's own library wrote these files and says what they compute.

`make_fixtures.py` made them, in an environment of its own, with sae-lens 6.54.12, eai-sparsify
1.3.3 and dictionary-learning 0.1.0 (random weights, 4 wide, 12 latents); the two of OpenAI's format
with a transcription of its repository's `model.py`, which is no package.
`expected.safetensors` holds inputs, latents and outputs that the library gave after loading the
files again.
"""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from neuroscribe import registry, sae
from neuroscribe.errors import SaeError

FIXTURES = Path(__file__).parent / "fixtures"
CASES = sorted(path.name for path in FIXTURES.iterdir())
FORMATS = ("openai", "sparsify", "saelens", "dictionary_learning")


def format_of(case: str) -> str:
    return next(name for name in FORMATS if case.startswith(name))


def expected(case: str) -> dict[str, torch.Tensor]:
    return load_file(FIXTURES / case / "expected.safetensors")


@pytest.fixture(params=CASES)
def case(request):
    return request.param


def test_every_format_has_cases():
    assert len(CASES) == 27
    assert {format_of(case) for case in CASES} == set(FORMATS)


def test_the_format_is_told_by_its_content(case):
    assert sae.load(FIXTURES / case).provenance.format == format_of(case)


def test_reconstructions_are_those_of_the_formats_own_library(case):
    truth = expected(case)
    autoencoder = sae.load(FIXTURES / case)
    torch.testing.assert_close(autoencoder(truth["inputs"]), truth["outputs"], atol=1e-5, rtol=1e-5)


def test_latents_are_those_of_the_formats_own_library(case):
    truth = expected(case)
    latents = sae.load(FIXTURES / case).encode(truth["inputs"])
    torch.testing.assert_close(latents.dense(), truth["latents"], atol=1e-5, rtol=1e-5)
    assert bool((latents.values > 0).all())


def test_what_is_written_in_our_format_comes_back_to_the_bit(case, tmp_path):
    autoencoder = sae.load(FIXTURES / case)
    sae.save(autoencoder, tmp_path / "ours")
    again = sae.load(tmp_path / "ours")
    assert again.architecture == autoencoder.architecture
    assert again.provenance == autoencoder.provenance
    for (name, tensor), (_, same) in zip(
        autoencoder.named_parameters(), again.named_parameters(), strict=True
    ):
        assert torch.equal(tensor, same), name


NOT_IN_SAELENS = {
    f"sparsify_{name}" for name in ("groupmax", "transcoder", "skip", "skip_transcoder")
}


def test_what_is_written_for_saelens_gives_the_same_outputs(case, tmp_path):
    autoencoder = sae.load(FIXTURES / case)
    if case in NOT_IN_SAELENS:
        with pytest.raises(SaeError, match="SAELens has no"):
            sae.save(autoencoder, tmp_path / "theirs", format="saelens")
        return
    sae.save(autoencoder, tmp_path / "theirs", format="saelens")
    again = sae.load(tmp_path / "theirs")
    assert again.provenance.format == "saelens"
    inputs = expected(case)["inputs"]
    torch.testing.assert_close(again(inputs), autoencoder(inputs), atol=1e-5, rtol=1e-5)


def test_saelens_itself_reads_what_is_written_for_it(case, tmp_path):
    sae_lens = pytest.importorskip(
        "sae_lens", reason="needs sae-lens (pip install sae-lens); the test above stands in for it"
    )
    if case in NOT_IN_SAELENS:
        pytest.skip("SAELens has no such architecture")
    autoencoder = sae.load(FIXTURES / case)
    sae.save(autoencoder, tmp_path / "theirs", format="saelens")
    theirs = sae_lens.SAE.load_from_disk(tmp_path / "theirs")
    inputs = expected(case)["inputs"]
    torch.testing.assert_close(theirs(inputs), autoencoder(inputs), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("case", "activation", "k", "subject", "site"),
    [
        ("saelens_topk", "topk", 3, "gpt2-small", "blocks.5.hook_resid_pre"),
        ("saelens_before_6", "topk", 3, "gpt2-small", "blocks.5.hook_resid_pre"),
        (
            "dictionary_learning_BatchTopKSAE",
            "batchtopk",
            3,
            "EleutherAI/pythia-70m-deduped",
            "resid_post_layer_3",
        ),
        ("openai_relu", "relu", None, None, None),
    ],
)
def test_a_loaded_autoencoder_says_what_it_is(case, activation, k, subject, site):
    autoencoder = sae.load(FIXTURES / case)
    assert autoencoder.architecture.activation == activation
    assert autoencoder.architecture.k == k
    assert autoencoder.provenance.subject == subject
    assert autoencoder.provenance.site == site
    assert (autoencoder.d_in, autoencoder.n_latents, autoencoder.d_out) == (4, 12, 4)


def test_formats_are_registered_by_the_names_of_their_files():
    assert registry.names("sae_format") == [
        "dictionary_learning",
        "neuroscribe",
        "openai",
        "saelens",
        "sparsify",
    ]
