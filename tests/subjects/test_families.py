"""One rule finds the neurons, the heads and the stream of every family."""

import pytest
import torch
from torch import nn

from neuroscribe.errors import SubjectError

# Where layer 1's neurons enter the down-projection and its heads the output projection, as the
# model's own code names them; and whether the MLP is gated.
PLACES = {
    "bert": ("encoder.layer.1.output.dense", "encoder.layer.1.attention.output.dense", False),
    "bloom": ("h.1.mlp.dense_4h_to_h", "h.1.self_attention.dense", False),
    "cohere": ("layers.1.mlp.down_proj", "layers.1.self_attn.o_proj", True),
    "distilbert": ("transformer.layer.1.ffn.lin2", "transformer.layer.1.attention.out_lin", False),
    "electra": ("encoder.layer.1.output.dense", "encoder.layer.1.attention.output.dense", False),
    "falcon": ("h.1.mlp.dense_4h_to_h", "h.1.self_attention.dense", False),
    "gemma2": ("layers.1.mlp.down_proj", "layers.1.self_attn.o_proj", True),
    "gemma3_text": ("layers.1.mlp.down_proj", "layers.1.self_attn.o_proj", True),
    "gpt2": ("h.1.mlp.c_proj", "h.1.attn.c_proj", False),
    "gpt_bigcode": ("h.1.mlp.c_proj", "h.1.attn.c_proj", False),
    "gpt_neo": ("h.1.mlp.c_proj", "h.1.attn.attention.out_proj", False),
    "gpt_neox": ("layers.1.mlp.dense_4h_to_h", "layers.1.attention.dense", False),
    "gptj": ("h.1.mlp.fc_out", "h.1.attn.out_proj", False),
    "granite": ("layers.1.mlp.down_proj", "layers.1.self_attn.o_proj", True),
    "llama": ("layers.1.mlp.down_proj", "layers.1.self_attn.o_proj", True),
    "mistral": ("layers.1.mlp.down_proj", "layers.1.self_attn.o_proj", True),
    "modernbert": ("layers.1.mlp.Wo", "layers.1.attn.Wo", True),
    "mpnet": ("encoder.layer.1.output.dense", "encoder.layer.1.attention.attn.o", False),
    "mpt": ("blocks.1.ffn.down_proj", "blocks.1.attn.out_proj", False),
    "olmo2": ("layers.1.mlp.down_proj", "layers.1.self_attn.o_proj", True),
    "opt": ("decoder.layers.1.fc2", "decoder.layers.1.self_attn.out_proj", False),
    "phi": ("layers.1.mlp.fc2", "layers.1.self_attn.dense", False),
    "phi3": ("layers.1.mlp.down_proj", "layers.1.self_attn.o_proj", True),
    "qwen2": ("layers.1.mlp.down_proj", "layers.1.self_attn.o_proj", True),
    "qwen3": ("layers.1.mlp.down_proj", "layers.1.self_attn.o_proj", True),
    "roberta": ("encoder.layer.1.output.dense", "encoder.layer.1.attention.output.dense", False),
    "smollm3": ("layers.1.mlp.down_proj", "layers.1.self_attn.o_proj", True),
    "stablelm": ("layers.1.mlp.down_proj", "layers.1.self_attn.o_proj", True),
    "starcoder2": ("layers.1.mlp.c_proj", "layers.1.self_attn.o_proj", False),
    "t5": ("block.1.layer.1.DenseReluDense.wo", "block.1.layer.0.SelfAttention.o", True),
}
FOUR_TIMES_THE_STREAM = {"bloom", "mpt"}
TOKEN_IDS = torch.tensor([[5, 250, 17, 31, 8], [99, 3, 64, 7, 7]])
LENGTHS = torch.tensor([5, 3])


@pytest.fixture(autouse=True)
def _without_gradients():
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("family", PLACES)
def test_every_family_has_its_sites_where_its_code_says(make_subject, family):
    subject = make_subject(family)
    neurons, heads, gated = PLACES[family]
    width = 64 if family in FOUR_TIMES_THE_STREAM else 24
    sites = {site.name: site for site in subject.sites("mlp,attn,resid")}
    assert list(sites) == ["mlp.0", "attn.0", "resid.0", "mlp.1", "attn.1", "resid.1"]
    assert (sites["mlp.1"].module, sites["mlp.1"].side) == (neurons, "in")
    assert (sites["attn.1"].module, sites["attn.1"].side) == (heads, "in")
    assert sites["resid.1"].side == "out"
    assert [sites[name].width for name in ("mlp.1", "attn.1", "resid.1")] == [width, 16, 16]
    assert [sites[name].two_signed for name in ("mlp.1", "attn.1", "resid.1")] == [
        gated,
        True,
        True,
    ]
    assert sites["mlp.1"].layer == 1


@pytest.mark.parametrize("family", PLACES)
def test_what_is_captured_is_what_the_projections_read_and_the_blocks_give(make_subject, family):
    subject = make_subject(family)
    neurons, heads, _ = PLACES[family]
    stream = subject.sites("resid.1")[0].module
    read = {}

    def keep(name):
        def hook(_, values, *output):
            read[name] = _first(output[0] if output else values).clone()

        return hook

    handles = [
        subject.model.get_submodule(neurons).register_forward_pre_hook(keep("mlp.1")),
        subject.model.get_submodule(heads).register_forward_pre_hook(keep("attn.1")),
        subject.model.get_submodule(stream).register_forward_hook(keep("resid.1")),
    ]
    captured = {}
    subject.capture(
        TOKEN_IDS,
        LENGTHS,
        subject.sites("mlp.1,attn.1,resid.1"),
        lambda site, values: captured.__setitem__(site.name, values.clone()),
    )
    for handle in handles:
        handle.remove()
    assert sorted(captured) == ["attn.1", "mlp.1", "resid.1"]
    for name, values in captured.items():
        assert values.shape[:2] == (2, 5)
        assert torch.equal(values.flatten(), read[name].flatten())
        assert values[0].abs().sum() > 0


@pytest.mark.parametrize("family", PLACES)
def test_a_shorter_sequence_carries_the_same_alone_and_beside_a_longer_one(make_subject, family):
    subject = make_subject(family)
    sites = subject.sites("mlp.1,attn.1,resid.1")
    together, alone = {}, {}
    subject.capture(
        TOKEN_IDS, LENGTHS, sites, lambda site, x: together.__setitem__(site.name, x[1, :3].clone())
    )
    subject.capture(
        TOKEN_IDS[1:, :3],
        LENGTHS[1:],
        sites,
        lambda site, x: alone.__setitem__(site.name, x[0].clone()),
    )
    for name, values in alone.items():
        torch.testing.assert_close(together[name], values, atol=1e-5, rtol=1e-4)


def test_neurons_of_gpt2_are_the_gelu_of_the_first_layer(make_subject):
    subject = make_subject("gpt2")
    mlp = subject.model.h[1].mlp
    entering = _input_of(subject, mlp)
    expected = nn.functional.gelu(entering @ mlp.c_fc.weight + mlp.c_fc.bias, approximate="tanh")
    torch.testing.assert_close(_captured(subject, "mlp.1"), expected, atol=1e-6, rtol=1e-5)


def test_neurons_of_a_gated_mlp_are_the_product_with_the_gate(make_subject):
    subject = make_subject("llama")
    mlp = subject.model.layers[1].mlp
    entering = _input_of(subject, mlp)
    gate = nn.functional.silu(entering @ mlp.gate_proj.weight.T)
    expected = gate * (entering @ mlp.up_proj.weight.T)
    torch.testing.assert_close(_captured(subject, "mlp.1"), expected, atol=1e-6, rtol=1e-5)


def test_neurons_of_a_fused_gated_mlp_are_the_product_of_its_halves(make_subject):
    subject = make_subject("phi3")
    mlp = subject.model.layers[1].mlp
    gate, up = (_input_of(subject, mlp) @ mlp.gate_up_proj.weight.T).chunk(2, dim=-1)
    torch.testing.assert_close(
        _captured(subject, "mlp.1"), nn.functional.silu(gate) * up, atol=1e-6, rtol=1e-5
    )


def test_neurons_of_bert_are_the_gelu_of_the_intermediate_layer(make_subject):
    subject = make_subject("bert")
    dense = subject.model.encoder.layer[1].intermediate.dense
    entering = _input_of(subject, dense)
    expected = nn.functional.gelu(entering @ dense.weight.T + dense.bias)
    torch.testing.assert_close(_captured(subject, "mlp.1"), expected, atol=1e-6, rtol=1e-5)


def test_the_heads_speak_through_the_output_projection(make_subject):
    subject = make_subject("llama")
    attention = subject.model.layers[1].self_attn
    spoken = []
    handle = attention.register_forward_hook(lambda *values: spoken.append(_first(values[-1])))
    heads = _captured(subject, "attn.1")
    handle.remove()
    torch.testing.assert_close(heads @ attention.o_proj.weight.T, spoken[0], atol=1e-6, rtol=1e-5)


def test_the_last_stream_is_what_the_final_norm_reads(make_subject):
    subject = make_subject("llama")
    norm = subject.model.norm
    assert torch.equal(_captured(subject, "resid.1"), _input_of(subject, norm))


def test_relu_is_plain_and_tanh_has_two_signs(make_subject):
    assert not make_subject("gpt2", activation_function="relu").sites("mlp.0")[0].two_signed
    assert make_subject("gpt2", activation_function="tanh").sites("mlp.0")[0].two_signed


def test_fused_experts_have_no_neurons_and_the_message_names_the_alternatives(make_subject):
    subject = make_subject("mixtral")
    with pytest.raises(
        SubjectError,
        match=r"no site is called 'mlp'.*mixture of experts.*record resid.*module:PATH",
    ):
        subject.sites("mlp")
    assert [site.name for site in subject.sites("attn,resid.1")] == ["attn.0", "attn.1", "resid.1"]


def test_blocks_shared_by_all_layers_are_refused(make_subject):
    with pytest.raises(SubjectError, match=r"AlbertModel keeps no list of 2 layers.*module:PATH"):
        make_subject("albert").sites("resid")


def _first(value):
    return value[0] if isinstance(value, tuple) else value


def _captured(subject, selector):
    found = []
    subject.capture(
        TOKEN_IDS, LENGTHS, subject.sites(selector), lambda _, values: found.append(values.clone())
    )
    return found[0]


def _input_of(subject, module):
    read = []
    handle = module.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0].clone()))
    _captured(subject, "resid.0")
    handle.remove()
    return read[0].detach()
