"""The tokens that a neuron's weights name, against the matrix products written out."""

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from neuroscribe.errors import SubjectError
from neuroscribe.records import UnitId
from neuroscribe.subjects import Subject, load_subject
from neuroscribe.subjects.unit_weights import neuron_to_neuron, unit_weights
from neuroscribe.subjects.vocabulary import content_ids, shown_tokens

UNIT = UnitId("mlp.1", 5)
NEGATIVE = UnitId("mlp.1", 5, -1)


@pytest.fixture(autouse=True)
def _without_gradients():
    with torch.inference_mode():
        yield


@pytest.fixture
def randomised(make_subject):
    """A subject of a family, its norms' gains no longer all 1."""

    def make(family: str, **changes) -> Subject:
        subject = make_subject(family, **changes)
        torch.manual_seed(1)
        for name, parameter in subject.model.named_parameters():
            if "norm" in name.lower() or "ln_" in name:
                parameter.add_(torch.rand_like(parameter))
        return subject

    return make


def named(subject: Subject, weights, k: int = 20) -> list[tuple[str, float]]:
    """The k largest of the weights of all tokens, by sorting in plain Python."""
    show = shown_tokens(subject)
    pairs = [(weights[i].item(), -i) for i in content_ids(subject) if i < len(weights)]
    return [(show(-place), weight) for weight, place in sorted(pairs, reverse=True)[:k]]


def assert_names(found, expected) -> None:
    expected = [(token, weight) for token, weight in expected if weight > 0]
    assert [token for token, _ in found] == [token for token, _ in expected]
    assert [weight for _, weight in found] == pytest.approx([w for _, w in expected], rel=1e-4)


def test_gpt2_reads_and_writes_through_its_gains(randomised):
    subject = randomised("gpt2")
    model, block = subject.model, subject.model.h[1]
    reads = model.wte.weight @ torch.diag(block.ln_2.weight) @ block.mlp.c_fc.weight[:, 5]
    writes = block.mlp.c_proj.weight[5] @ torch.diag(model.ln_f.weight) @ model.wte.weight.T
    found = unit_weights(subject)(UNIT)
    assert found.reason is None
    assert_names(found.inputs, named(subject, reads))
    assert_names(found.promoted, named(subject, writes))
    assert_names([(t, -w) for t, w in found.suppressed], named(subject, -writes))


def test_a_gated_neuron_is_excited_by_what_opens_its_gate_on_the_right_side(randomised):
    subject = randomised("llama", tie_word_embeddings=True)
    model, block = subject.model, subject.model.layers[1]
    stream = model.embed_tokens.weight @ torch.diag(block.post_attention_layernorm.weight)
    gate = stream @ block.mlp.gate_proj.weight[5]
    up = stream @ block.mlp.up_proj.weight[5]
    writes = (
        block.mlp.down_proj.weight[:, 5] @ torch.diag(model.norm.weight)
    ) @ model.embed_tokens.weight.T
    weights = unit_weights(subject)
    assert_names(weights(UNIT).inputs, named(subject, gate.relu() * up))
    assert_names(weights(UNIT).promoted, named(subject, writes))
    assert_names(weights(NEGATIVE).inputs, named(subject, gate.relu() * -up))
    assert_names(weights(NEGATIVE).promoted, named(subject, -writes))


def test_an_encoder_has_inputs_alone(randomised):
    subject = randomised("bert")
    model, block = subject.model, subject.model.encoder.layer[1]
    reads = (
        model.embeddings.word_embeddings.weight
        @ torch.diag(model.embeddings.LayerNorm.weight)
        @ torch.diag(block.attention.output.LayerNorm.weight)
        @ block.intermediate.dense.weight[5]
    )
    found = unit_weights(subject)(UNIT)
    assert_names(found.inputs, named(subject, reads))
    assert (found.promoted, found.suppressed) == ((), ())
    assert found.reason == "bert is an encoder, which has no unembedding: it promotes no tokens"


def test_a_fused_gate_is_told_from_the_values(randomised):
    subject = randomised("phi3")
    block = subject.model.layers[1]
    stream = subject.model.embed_tokens.weight * block.post_attention_layernorm.weight
    gate, up = block.mlp.gate_up_proj.weight.chunk(2)
    expected = (stream @ gate[5]).relu() * (stream @ up[5])
    assert_names(unit_weights(subject)(UNIT).inputs, named(subject, expected))


def test_the_gains_of_gemma_are_stored_less_one_and_its_mlp_writes_through_a_norm(randomised):
    subject = randomised("gemma2")
    model, block = subject.model, subject.model.layers[1]
    writes = (
        block.mlp.down_proj.weight[:, 5]
        * (1 + block.post_feedforward_layernorm.weight)
        * (1 + model.norm.weight)
    ) @ model.embed_tokens.weight.T
    assert_names(unit_weights(subject)(UNIT).promoted, named(subject, writes))


KNOWN = (
    "bert bloom cohere distilbert electra gemma2 gemma3_text gpt2 gpt_bigcode gpt_neo gpt_neox gptj"
    " granite llama mistral mpnet mpt olmo2 opt phi phi3 qwen2 qwen3 roberta smollm3 stablelm"
    " starcoder2"
)


@pytest.mark.parametrize("family", KNOWN.split())
def test_every_known_family_names_tokens(make_subject, family):
    found = unit_weights(make_subject(family), k=3)(UNIT)
    assert len(found.inputs) == 3
    assert all(weight > 0 for _, weight in found.inputs)
    assert found.reason is None or "unembedding" in found.reason


def test_the_negative_side_has_the_lists_turned_over(randomised):
    weights = unit_weights(randomised("gpt2"))
    positive, negative = weights(UNIT), weights(NEGATIVE)
    assert negative.promoted == tuple((t, -w) for t, w in positive.suppressed)
    assert negative.suppressed == tuple((t, -w) for t, w in positive.promoted)
    assert {t for t, _ in positive.inputs}.isdisjoint(t for t, _ in negative.inputs)


@pytest.mark.parametrize("family", ["t5", "falcon", "mixtral"])
def test_other_families_name_nothing_and_say_so(make_subject, family):
    found = unit_weights(make_subject(family))(UNIT)
    assert (found.inputs, found.promoted, found.suppressed) == ((), (), ())
    assert f"not defined for the family '{family}'" in found.reason


@pytest.mark.parametrize("site", ["resid.1", "attn.0", "module:h.1.mlp.act"])
def test_units_that_are_no_mlp_neurons_name_nothing_and_say_so(make_subject, site):
    found = unit_weights(make_subject("gpt2"))(UnitId(site, 3))
    assert found.inputs == ()
    assert found.reason == f"the weights of {site} name no tokens: only MLP neurons' do"


def test_a_unit_that_is_not_there_is_an_error(make_subject):
    weights = unit_weights(make_subject("gpt2"))
    with pytest.raises(SubjectError, match=r"mlp\.1 has 24 units, so there is no mlp\.1/24"):
        weights(UnitId("mlp.1", 24))
    with pytest.raises(SubjectError, match=r"no site is called 'mlp\.7'"):
        weights(UnitId("mlp.7", 0))


def test_an_untied_model_promotes_by_its_own_unembedding(framing_tokenizer, tmp_path):
    """Read from the checkpoint, since a subject holds the base model alone."""
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
        vocab_size=300, tie_word_embeddings=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    model.save_pretrained(tmp_path)
    framing_tokenizer.save_pretrained(tmp_path)
    subject = load_subject(str(tmp_path), device="cpu")
    writes = model.model.layers[1].mlp.down_proj.weight[:, 5] @ model.lm_head.weight.T
    assert_names(unit_weights(subject)(UNIT).promoted, named(subject, writes))


def test_the_unembedding_of_a_model_in_hand_must_be_given_unless_it_is_tied(make_subject):
    subject = make_subject("llama", tie_word_embeddings=False)
    found = unit_weights(subject)(UNIT)
    assert len(found.inputs) == 20
    assert (found.promoted, found.suppressed) == ((), ())
    assert "came as a model in hand" in found.reason
    given = torch.eye(16).repeat(18, 1)
    assert len(unit_weights(subject, unembedding=given)(UNIT).promoted) == 20
    with pytest.raises(SubjectError, match=r"has shape \[16\]"):
        unit_weights(subject, unembedding=given[0])


def test_one_neuron_excites_another_through_the_gain_between_them(randomised):
    subject = randomised("gpt2")
    first, second = subject.model.h
    expected = (
        first.mlp.c_proj.weight[3] @ torch.diag(second.ln_2.weight) @ second.mlp.c_fc.weight[:, 5]
    ).item()
    a, minus_a = UnitId("mlp.0", 3), UnitId("mlp.0", 3, -1)
    assert neuron_to_neuron(subject, a, UNIT) == pytest.approx(expected, rel=1e-5)
    assert neuron_to_neuron(subject, minus_a, UNIT) == pytest.approx(-expected, rel=1e-5)
    assert neuron_to_neuron(subject, minus_a, NEGATIVE) == pytest.approx(expected, rel=1e-5)


def test_a_gated_neuron_is_reached_by_its_gate_on_both_sides(randomised):
    subject = randomised("llama")
    first, second = subject.model.layers
    expected = (
        first.mlp.down_proj.weight[:, 3]
        * second.post_attention_layernorm.weight
        * second.mlp.gate_proj.weight[5]
    ).sum().item()  # fmt: skip
    for target in (UNIT, NEGATIVE):
        found = neuron_to_neuron(subject, UnitId("mlp.0", 3), target)
        assert found == pytest.approx(expected, rel=1e-5)


def test_there_is_no_path_back_and_none_between_other_units(make_subject):
    subject = make_subject("gpt2")
    with pytest.raises(SubjectError, match="must be in an earlier layer"):
        neuron_to_neuron(subject, UNIT, UnitId("mlp.0", 3))
    with pytest.raises(SubjectError, match="no MLP neuron"):
        neuron_to_neuron(subject, UnitId("resid.0", 3), UNIT)
    with pytest.raises(SubjectError, match="not defined for the family"):
        neuron_to_neuron(make_subject("falcon"), UnitId("mlp.0", 3), UNIT)


def test_special_tokens_are_not_named(make_model, framing_tokenizer):
    subject = Subject.from_model(make_model("gpt2"), framing_tokenizer, name="framed")
    weights = unit_weights(subject, k=300)(UNIT)
    shown = {token for token, _ in (*weights.promoted, *weights.suppressed)}
    assert shown
    assert shown.isdisjoint({"<s>", "</s>"})
    assert content_ids(subject)[0] == 2


def test_half_precision_weights_are_multiplied_in_full(randomised):
    subject = randomised("gpt2")
    exact = unit_weights(subject)(UNIT).inputs
    subject.model.to(torch.bfloat16)
    rounded = unit_weights(subject)(UNIT).inputs
    assert rounded[0].weight == pytest.approx(exact[0].weight, rel=0.02)


def test_a_byte_level_vocabulary_shows_spaces_and_fragments(make_model):
    vocabulary = {"Ġrain": 0, "rain": 1, "Ċ": 2, "â": 3, "Ã©": 4}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend)
    show = shown_tokens(Subject.from_model(_gpt2(5), _with_letters(tokenizer), name="tiny"))
    assert [show(i) for i in range(5)] == [" rain", "rain", "\n", "⟨e2⟩", "é"]


def test_a_wordpiece_vocabulary_shows_where_words_begin(tmp_path):
    subject = load_subject("minilm", device="cpu")
    show = shown_tokens(subject)
    ids = subject.tokenizer.convert_tokens_to_ids(["raw", "##s", "(", "#"])
    assert [show(i) for i in ids] == [" raw", "s", "(", "#"]
    assert len(content_ids(subject)) < 30522 - 990
    with pytest.raises(SubjectError, match="has no token 40000"):
        show(40_000)


def test_a_neuron_of_minilm_is_excited_by_the_word_raw():
    """It fires on that word in texts too; see test_trained_subjects."""
    weights = unit_weights(load_subject("minilm", device="cpu"))
    assert weights(UnitId("mlp.4", 77)).inputs[0].token == " raw"


def test_a_trained_decoder_promotes_by_its_tied_embedding(stories260k):
    subject = load_subject(str(stories260k), device="cpu")
    model, block = subject.model, subject.model.layers[4]
    found = unit_weights(subject)(UnitId("mlp.4", 5))
    writes = (block.mlp.down_proj.weight[:, 5] * model.norm.weight) @ model.embed_tokens.weight.T
    assert_names(found.promoted, named(subject, writes))


def _gpt2(vocab_size: int):
    config = GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=vocab_size)
    return GPT2LMHeadModel(config)


def _with_letters(tokenizer):
    """A subject's tokenizer must know letters; this one is asked for single tokens only."""
    tokenizer.add_tokens(["a", "b"])
    return tokenizer
