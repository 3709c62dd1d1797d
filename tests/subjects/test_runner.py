import math

import pytest
import torch
from hypothesis import given, settings, strategies as st
from tokenizers import ByteLevelBPETokenizer
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
)

from neuroscribe.datasets.sequences import sequence_of_text
from neuroscribe.errors import SubjectError
from neuroscribe.records import UnitId
from neuroscribe.services import SubjectRunner
from neuroscribe.subjects import load_subject
from neuroscribe.subjects.intervention import jensen_shannon
from neuroscribe.subjects.runner import Runner

TEXT = "rain and snow and rain"


def _tokenizer() -> PreTrainedTokenizerFast:
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator([TEXT] * 4, vocab_size=280, min_frequency=2)
    return PreTrainedTokenizerFast(tokenizer_object=bpe._tokenizer)


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decoder")
    _tokenizer().save_pretrained(folder)
    torch.manual_seed(1)
    config = GPT2Config(vocab_size=280, n_positions=32, n_embd=16, n_layer=2, n_head=2, n_inner=24)
    GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoder")
    _tokenizer().save_pretrained(folder)
    config = BertConfig(
        vocab_size=280, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=24, max_position_embeddings=32,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def runner(decoder) -> Runner:
    return Runner(load_subject(str(decoder)))


def _sequence(runner: Runner):
    return sequence_of_text(TEXT, runner._subject.tokenizer, longest=None)


def test_it_is_what_plug_ins_are_promised(runner):
    assert isinstance(runner, SubjectRunner)


def test_activations_are_those_of_a_plain_forward_pass_with_the_sign_of_the_side(runner, decoder):
    model = GPT2LMHeadModel.from_pretrained(decoder).eval()
    sequence = _sequence(runner)
    seen = []
    down = model.transformer.h[1].mlp.c_proj
    down.register_forward_pre_hook(lambda _, args: seen.append(args[0][0, :, 5]))
    with torch.inference_mode():
        model(torch.tensor([sequence.token_ids]))
    (own,) = runner.activations(UnitId("mlp.1", 5), [TEXT])
    (flipped,) = runner.activations(UnitId("mlp.1", 5, -1), [TEXT])
    assert own.tokens == sequence.tokens
    assert own.activations == pytest.approx(seen[0].tolist(), abs=1e-6)
    assert flipped.activations == pytest.approx([-value for value in seen[0].tolist()], abs=1e-6)


def test_texts_of_any_length_keep_their_order_and_an_empty_one_has_nothing(runner):
    unit = UnitId("mlp.0", 3)
    alone = [runner.activations(unit, [text])[0] for text in (TEXT, "", "snow", TEXT * 20)]
    together = runner.activations(unit, [TEXT, "", "snow", TEXT * 20])
    assert together[1] == ((), ())
    assert len(together[3].tokens) == 32
    for one, other in zip(alone, together, strict=True):
        assert one.tokens == other.tokens
        assert one.activations == pytest.approx(other.activations, abs=1e-5)


@pytest.mark.parametrize("polarity", [1, -1])
def test_a_unit_replaced_by_its_own_values_changes_nothing(runner, polarity):
    unit = UnitId("mlp.0", 3, polarity)
    (own,) = runner.activations(unit, [TEXT])
    changed = [value + 1.0 for value in own.activations]
    same, other = runner.divergences(unit, _sequence(runner), [own.activations, changed]).totals
    assert same == pytest.approx(0, abs=1e-5)
    assert other > 1e-4


def test_divergences_equal_a_forward_pass_with_an_edited_activation(runner, decoder):
    model = GPT2LMHeadModel.from_pretrained(decoder).eval()
    sequence = _sequence(runner)
    ids = torch.tensor([sequence.token_ids])
    values = [0.3 * place for place in range(len(sequence))]

    def edit(_, args):
        edited = args[0].clone()
        edited[0, :, 7] = torch.tensor(values)
        return (edited,)

    with torch.inference_mode():
        plain = model(ids).logits[0].softmax(-1).double()
        handle = model.transformer.h[1].mlp.c_proj.register_forward_pre_hook(edit)
        edited = model(ids).logits[0].softmax(-1).double()
        handle.remove()
    mixture = (plain + edited) / 2
    expected = sum(0.5 * float((d * (d / mixture).log()).sum()) for d in (plain, edited))
    found = runner.divergences(UnitId("mlp.1", 7), sequence, [values])
    assert found.n_tokens == len(sequence)
    assert found.totals == (pytest.approx(expected, rel=1e-3),)


def test_activations_are_the_same_before_and_after_the_head_was_loaded(runner):
    unit = UnitId("mlp.1", 2)
    before = runner.activations(unit, [TEXT])
    runner.divergences(unit, _sequence(runner), [[0.0] * len(_sequence(runner))])
    assert runner.activations(unit, [TEXT]) == before


def test_a_residual_stream_site_can_be_replaced_too(runner):
    sequence = _sequence(runner)
    (total,) = runner.divergences(UnitId("resid.0", 4), sequence, [[9.0] * len(sequence)]).totals
    assert total > 0


def test_an_encoder_says_that_it_predicts_no_next_tokens(encoder):
    runner = Runner(load_subject(str(encoder)))
    assert "not a causal language model" in runner.cannot_predict
    sequence = _sequence(runner)
    with pytest.raises(SubjectError, match="predicts no next tokens"):
        runner.divergences(UnitId("mlp.0", 0), sequence, [[0.0] * len(sequence)])


def test_a_replacement_of_another_length_is_refused(runner):
    with pytest.raises(SubjectError, match=r"2 values to put in place of mlp\.0/0"):
        runner.divergences(UnitId("mlp.0", 0), _sequence(runner), [[0.0, 1.0]])


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=6), st.integers(0, 5))
@settings(max_examples=30)
def test_jensen_shannon_is_symmetric_bounded_and_0_for_equals(logits, shift):
    p = torch.tensor(logits).log_softmax(-1)
    q = p.roll(shift)
    assert float(jensen_shannon(p, p)) == pytest.approx(0, abs=1e-6)
    assert float(jensen_shannon(p, q)) == pytest.approx(float(jensen_shannon(q, p)), abs=1e-6)
    assert 0 <= float(jensen_shannon(p, q)) <= math.log(2) + 1e-6
