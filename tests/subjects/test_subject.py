"""Sites and activations of many families, against the modules themselves."""

import pytest
import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

from neuroscribe.errors import SubjectError
from neuroscribe.subjects import Subject, load_subject

SMALL = {
    "vocab_size": 300,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
GPT2 = {
    "vocab_size": 300, "n_positions": 64, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_inner": 32,
    "bos_token_id": 0, "eos_token_id": 0,
}  # fmt: skip
FAMILIES = {
    "gpt2": (GPT2, "h.1.mlp.c_proj"),
    "gpt_neo": (
        {**SMALL, "num_layers": 2, "num_heads": 2, "attention_types": [[["global"], 2]]},
        "h.1.mlp.c_proj",
    ),
    "gpt_neox": (SMALL, "layers.1.mlp.dense_4h_to_h"),
    "opt": (
        {**SMALL, "ffn_dim": 32, "word_embed_proj_dim": 16},
        "decoder.layers.1.fc2",
    ),
    "bloom": ({**SMALL, "n_layer": 2, "n_head": 2}, "h.1.mlp.dense_4h_to_h"),
    "llama": (SMALL, "layers.1.mlp.down_proj"),
    "mistral": (SMALL, "layers.1.mlp.down_proj"),
    "qwen2": (SMALL, "layers.1.mlp.down_proj"),
    "qwen3": ({**SMALL, "head_dim": 8}, "layers.1.mlp.down_proj"),
    "gemma2": ({**SMALL, "head_dim": 8}, "layers.1.mlp.down_proj"),
    "phi": (SMALL, "layers.1.mlp.fc2"),
    "olmo2": (SMALL, "layers.1.mlp.down_proj"),
    "stablelm": (SMALL, "layers.1.mlp.down_proj"),
    "bert": (SMALL, "encoder.layer.1.output.dense"),
    "roberta": (SMALL, "encoder.layer.1.output.dense"),
}


@pytest.fixture(scope="module")
def tokenizer():
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(["rain and snow and sun"], vocab_size=280, min_frequency=1)
    return PreTrainedTokenizerFast(tokenizer_object=bpe._tokenizer)


@pytest.fixture
def make_subject(tokenizer):
    def make(family: str) -> Subject:
        torch.manual_seed(0)
        model = AutoModel.from_config(AutoConfig.for_model(family, **FAMILIES[family][0])).eval()
        return Subject.from_model(model, tokenizer, name=family)

    return make


@pytest.mark.parametrize("family", FAMILIES)
def test_mlp_neurons_are_the_input_of_the_down_projection(make_subject, family):
    subject = make_subject(family)
    sites = subject.sites("mlp")
    # BLOOM has no setting for it: always four times the stream.
    width = 64 if family == "bloom" else 32
    assert [(site.name, site.width) for site in sites] == [("mlp.0", width), ("mlp.1", width)]
    assert sites[1].module.endswith(FAMILIES[family][1])
    before = {name: value.clone() for name, value in subject.model.state_dict().items()}
    expected, found = [], []
    module = subject.model.get_submodule(sites[1].module)
    hook = module.register_forward_pre_hook(lambda _, inputs: expected.append(inputs[0].clone()))
    token_ids = torch.randint(1, 250, (3, 7), generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([7, 4, 7])
    subject.capture(token_ids, lengths, sites[1:], lambda _, x: found.append(x.clone()))
    hook.remove()
    assert torch.equal(found[0].reshape(-1), expected[0].reshape(-1))
    assert found[0].shape == (3, 7, width)
    assert not any(m._forward_pre_hooks or m._forward_hooks for m in subject.model.modules())
    assert all(torch.equal(v, before[k]) for k, v in subject.model.state_dict().items())


@pytest.mark.parametrize("family", ["gpt2", "llama", "bert"])
def test_padding_does_not_change_what_shorter_sequences_carry(make_subject, family):
    subject = make_subject(family)
    sites = subject.sites("mlp.1")
    token_ids = torch.randint(1, 250, (2, 7), generator=torch.Generator().manual_seed(1))
    together, alone = [], []
    subject.capture(token_ids, torch.tensor([7, 4]), sites, lambda _, x: together.append(x.clone()))
    subject.capture(
        token_ids[1:, :4], torch.tensor([4]), sites, lambda _, x: alone.append(x.clone())
    )
    torch.testing.assert_close(together[0][1, :4], alone[0][0], atol=1e-5, rtol=1e-4)


def test_gated_neurons_have_two_signs_and_plain_ones_do_not(make_subject):
    assert make_subject("llama").sites("mlp.0")[0].two_signed
    assert not make_subject("gpt2").sites("mlp.0")[0].two_signed


def test_other_sites_of_a_decoder(make_subject):
    subject = make_subject("gpt2")
    names = [site.name for site in subject.sites("resid,attn.1,module:h.0.mlp.act")]
    assert sorted(names) == ["attn.1", "module:h.0.mlp.act", "resid.0", "resid.1"]


@pytest.mark.parametrize("selector", ["mlp.2", "layer.1", "module:h.9.mlp", "!"])
def test_a_site_that_is_not_there_is_refused(make_subject, selector):
    with pytest.raises(SubjectError):
        make_subject("gpt2").sites(selector)


def test_sequences_longer_than_the_model_are_refused_with_the_largest_that_fits(make_subject):
    with pytest.raises(SubjectError, match="the longest that does has 64"):
        make_subject("gpt2").require_length(65)


def test_minilm_is_the_published_encoder():
    subject = load_subject("minilm", device="cpu")
    assert subject.weights_sha256 == (
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    )
    assert [site.width for site in subject.sites("mlp")] == [1536] * 6
    assert (subject.prefix_ids, subject.suffix_ids) == ((101,), (102,))


def test_a_folder_that_is_no_model_is_one_sentence(tmp_path):
    with pytest.raises(SubjectError):
        load_subject(str(tmp_path), device="cpu")
