"""Values are read as they pass, specials and padding are kept apart, and nothing stays behind."""

import pytest
import torch
from hypothesis import given, settings, strategies as st
from transformers import AutoConfig, AutoModelForCausalLM

from neuroscribe.errors import SubjectError
from neuroscribe.subjects import Subject
from neuroscribe.subjects.capture import pad_with_special_tokens

TOKEN_IDS = torch.tensor([[5, 250, 17, 31], [99, 3, 0, 0]])
LENGTHS = torch.tensor([4, 2])


def test_special_tokens_stand_around_each_row_and_padding_behind():
    padded, mask = pad_with_special_tokens(
        torch.tensor([[7, 8, 9], [5, 55, 66]]),
        torch.tensor([3, 1]),
        prefix_ids=[101],
        suffix_ids=[102, 103],
        pad_id=0,
    )
    assert padded.tolist() == [[101, 7, 8, 9, 102, 103], [101, 5, 102, 103, 0, 0]]
    assert mask.tolist() == [[True] * 6, [True, True, True, True, False, False]]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.lists(st.integers(10, 99), min_size=1, max_size=6), min_size=1, max_size=4),
    st.lists(st.integers(1, 9), max_size=2),
    st.lists(st.integers(1, 9), max_size=2),
)
def test_what_the_mask_shows_is_the_framed_row(rows, prefix_ids, suffix_ids):
    longest = max(map(len, rows))
    token_ids = torch.tensor([row + [77] * (longest - len(row)) for row in rows])
    padded, mask = pad_with_special_tokens(
        token_ids,
        torch.tensor([len(row) for row in rows]),
        prefix_ids=prefix_ids,
        suffix_ids=suffix_ids,
        pad_id=0,
    )
    shown = [ids[seen].tolist() for ids, seen in zip(padded, mask, strict=True)]
    assert shown == [[*prefix_ids, *row, *suffix_ids] for row in rows]


def test_only_content_positions_are_handed_over(make_model, framing_tokenizer):
    subject = Subject.from_model(make_model("bert"), framing_tokenizer, name="framed")
    assert (subject.prefix_ids, subject.suffix_ids) == ((0,), (1,))
    ids_seen, all_positions, content = [], [], []
    embeddings = subject.model.embeddings.word_embeddings
    last = subject.model.encoder.layer[1]
    handles = [
        embeddings.register_forward_pre_hook(lambda _, inputs: ids_seen.append(inputs[0].tolist())),
        last.register_forward_hook(lambda *values: all_positions.append(values[-1])),
    ]
    subject.capture(
        TOKEN_IDS, LENGTHS, subject.sites("resid.1"), lambda _, x: content.append(x.clone())
    )
    for handle in handles:
        handle.remove()
    assert ids_seen == [[[0, 5, 250, 17, 31, 1], [0, 99, 3, 1, 0, 0]]]
    output = all_positions[0][0] if isinstance(all_positions[0], tuple) else all_positions[0]
    assert torch.equal(content[0], output[:, 1:5])


def test_sites_are_handed_over_in_the_order_of_the_forward_pass_one_at_a_time(make_subject):
    subject = make_subject("llama")
    order = []
    subject.capture(
        TOKEN_IDS,
        LENGTHS,
        subject.sites("resid,mlp,attn"),
        lambda site, values: order.append((site.name, values.is_inference())),
    )
    names = ["attn.0", "mlp.0", "resid.0", "attn.1", "mlp.1", "resid.1"]
    assert order == [(name, True) for name in names]


def test_the_model_is_left_as_it_was(make_subject):
    subject = make_subject("gpt2")
    model = subject.model
    model.train()
    model.h[0].eval()
    model.wte.weight.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    subject.capture(TOKEN_IDS, LENGTHS, subject.sites("mlp,resid"), lambda *_: None)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert not any(m._forward_pre_hooks or m._forward_hooks for m in model.modules())
    assert [p.requires_grad for p in model.parameters()].count(False) == 1
    assert torch.is_grad_enabled()


def test_dropout_is_off_even_while_the_user_trains_the_model(make_subject):
    subject = make_subject("gpt2", resid_pdrop=0.5, embd_pdrop=0.5)
    quiet, noisy = [], []
    subject.capture(
        TOKEN_IDS, LENGTHS, subject.sites("mlp.1"), lambda _, x: quiet.append(x.clone())
    )
    subject.model.train()
    subject.capture(
        TOKEN_IDS, LENGTHS, subject.sites("mlp.1"), lambda _, x: noisy.append(x.clone())
    )
    assert torch.equal(quiet[0], noisy[0])


def test_hooks_are_removed_when_the_receiver_fails(make_subject):
    subject = make_subject("gpt2")

    def fail(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        subject.capture(TOKEN_IDS, LENGTHS, subject.sites("mlp"), fail)
    assert not any(m._forward_pre_hooks or m._forward_hooks for m in subject.model.modules())


def test_a_model_with_a_head_is_read_through_its_base(tokenizer):
    settings = {"n_embd": 16, "n_layer": 2, "n_head": 2, "vocab_size": 300, "n_positions": 40}
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("gpt2", **settings)).eval()
    subject = Subject.from_model(model, tokenizer, name="with a head")
    assert subject.model is model.transformer
    assert [site.name for site in subject.sites("module:transformer.h.1.mlp.act")] == [
        "module:transformer.h.1.mlp.act"
    ]


def test_a_module_by_its_path_gives_its_output_or_its_input(make_subject):
    subject = make_subject("gpt2")
    neurons, before, after, into = (
        subject.sites(selector)[0]
        for selector in (
            "mlp.1",
            "module:h.1.mlp.act:in",
            "module:h.1.mlp.act",
            "module:h.1.mlp.c_proj:in",
        )
    )
    assert [(s.name, s.width, s.side, s.layer) for s in (before, after)] == [
        ("module:h.1.mlp.act:in", 24, "in", 1),
        ("module:h.1.mlp.act", 24, "out", 1),
    ]
    found = {}
    subject.capture(
        TOKEN_IDS,
        LENGTHS,
        [neurons, before, after, into],
        lambda site, values: found.__setitem__(site.name, values.clone()),
    )
    assert torch.equal(found["mlp.1"], found["module:h.1.mlp.act"])
    assert torch.equal(found["mlp.1"], found["module:h.1.mlp.c_proj:in"])
    expected = torch.nn.functional.gelu(found["module:h.1.mlp.act:in"], approximate="tanh")
    torch.testing.assert_close(found["mlp.1"], expected)


def test_a_whole_block_can_be_read_at_its_input(make_subject):
    subject = make_subject("llama")
    found = {}
    subject.capture(
        TOKEN_IDS,
        LENGTHS,
        subject.sites("module:layers.1:in,resid.0"),
        lambda site, values: found.__setitem__(site.name, values.clone()),
    )
    assert torch.equal(found["module:layers.1:in"], found["resid.0"])


def test_a_module_outside_of_the_layers_has_no_layer_and_comes_last(make_subject):
    names = [(s.name, s.layer) for s in make_subject("gpt2").sites("module:ln_f,resid")]
    assert names == [("resid.0", 0), ("resid.1", 1), ("module:ln_f", None)]


def test_values_that_are_no_row_per_token_are_refused(make_subject):
    with pytest.raises(SubjectError, match="a site needs one row of numbers per token"):
        make_subject("bert").sites("module:pooler")


def test_a_module_that_runs_in_every_layer_is_refused(make_subject):
    with pytest.raises(SubjectError, match="runs more than once in a forward pass"):
        make_subject("albert").sites("module:encoder.albert_layer_groups.0")


def test_a_module_that_does_not_run_is_refused(make_subject):
    with pytest.raises(SubjectError, match="takes no part in the model's forward pass"):
        make_subject("gpt2").sites("module:h")


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("mlp.2", r"no site is called 'mlp.2'; there are: mlp.0, mlp.1"),
        ("resid.-1", r"no site is called 'resid.-1'; there are: resid.0, resid.1"),
        ("layer.1", r"no kind of site is called 'layer'; there are: .*attn.*mlp.*module.*resid"),
        ("module:h.1.mlp.acts", r"no module has the path 'h.1.mlp.acts'; like it are: h.1.mlp.act"),
        ("module:h.1:output", r"write module:PATH\[:in\]"),
        ("!", r"not a site: '!'; write mlp"),
    ],
)
def test_a_site_that_is_not_there_is_refused_with_those_there_are(make_subject, selector, message):
    with pytest.raises(SubjectError, match=message):
        make_subject("gpt2").sites(selector)


def test_sites_may_be_asked_for_in_several_ways_and_come_once(make_subject):
    subject = make_subject("gpt2")
    for selector in ("mlp", "mlp.*", "mlp.1,mlp.0", ["mlp.1", "mlp.*"]):
        assert [site.name for site in subject.sites(selector)] == ["mlp.0", "mlp.1"]


def test_the_longest_sequence_leaves_room_for_special_tokens(make_model, framing_tokenizer):
    subject = Subject.from_model(make_model("bert"), framing_tokenizer, name="framed")
    assert (subject.max_positions, subject.longest_sequence) == (40, 38)
    subject.require_length(38)
    with pytest.raises(
        SubjectError,
        match="sequences of 39 tokens do not fit into framed; the longest that does has 38",
    ):
        subject.capture(torch.ones((1, 39), dtype=torch.int64), torch.tensor([39]), [], print)


def test_roberta_numbers_positions_from_behind_its_padding_id(make_subject):
    subject = make_subject("roberta")
    assert subject.max_positions == 38
    sites = subject.sites("mlp.0")
    full = torch.full((1, 38), 5)
    subject.capture(full, torch.tensor([38]), sites, lambda *_: None)


def test_a_model_without_a_limit_takes_any_length(make_subject):
    subject = make_subject("bloom")
    assert subject.longest_sequence is None
    subject.capture(
        torch.full((1, 70), 5), torch.tensor([70]), subject.sites("mlp.0"), lambda *_: None
    )


def test_activations_keep_the_type_of_the_weights(make_subject):
    subject = make_subject("llama")
    subject.model.to(torch.bfloat16)
    found = []
    subject.capture(TOKEN_IDS, LENGTHS, subject.sites("mlp.1"), lambda _, x: found.append(x.dtype))
    assert (subject.dtype, found) == (torch.bfloat16, [torch.bfloat16])
