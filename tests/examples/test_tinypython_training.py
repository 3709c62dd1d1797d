"""The program that makes the subject `tinypython`, at a size that learns in seconds."""

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

SOURCES = Path(__file__).parents[2] / "examples" / "tinypython"
MODULES = ("code_corpus", "held_out", "learning", "tokenizing", "train")


@pytest.fixture(scope="module")
def program():
    """The modules of the example, importable by their names for as long as these tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SOURCES)
        import train

        yield train
        for name in MODULES:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def smoke(program, tmp_path_factory):
    """Make a model with a seed; returns its folder and what it reports."""
    made = {}

    def make(seed: int):
        if seed not in made:
            out = tmp_path_factory.mktemp("model")
            settings = replace(program.SMOKE, seed=seed)
            made[seed] = out, program.make(out, settings)
        return made[seed]

    return make


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(program, smoke, tmp_path):
    one, _ = smoke(0)
    program.make(tmp_path, program.SMOKE)
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        assert (one / name).read_bytes() == (tmp_path / name).read_bytes()


def test_going_on_from_the_saved_first_stage_gives_the_same_bytes(program, smoke, tmp_path):
    one, _ = smoke(0)
    report = program.make(tmp_path, program.SMOKE, begin=one / "stage_1")
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        assert (one / name).read_bytes() == (tmp_path / name).read_bytes()
    assert [stage["began_with"] for stage in report["stages"]] == [
        "random weights",
        "the saved end of stage 1, in a run of its own",
    ]


def test_other_settings_do_not_go_on_from_a_saved_stage(program, smoke, tmp_path):
    one, _ = smoke(0)
    with pytest.raises(SystemExit, match="does not have this run's settings"):
        program.make(tmp_path, replace(program.SMOKE, seed=1), begin=one / "stage_1")
    with pytest.raises(SystemExit, match="is not the end of a stage with another to come"):
        program.make(tmp_path, program.SMOKE, begin=one)


@pytest.mark.slow
def test_another_seed_gives_other_weights_and_the_same_tokenizer(smoke):
    (one, _), (two, _) = smoke(0), smoke(1)
    assert (one / "tokenizer.json").read_bytes() == (two / "tokenizer.json").read_bytes()
    first, second = load_file(one / "model.safetensors"), load_file(two / "model.safetensors")
    weights = "transformer.h.0.mlp.c_fc.weight"
    assert not torch.equal(first[weights], second[weights])


def test_seventy_steps_learn_more_than_how_often_each_token_comes(smoke):
    _, report = smoke(0)
    assert set(report["held_out"]) == {"sequence_length_64", "sequence_length_128"}
    for losses in report["held_out"].values():
        assert losses["model"]["nats_per_token"] < losses["unigram"]["nats_per_token"]
        assert losses["unigram"]["nats_per_token"] < math.log(512)


def test_the_report_beside_the_model_says_how_it_was_made(smoke):
    out, report = smoke(0)
    stored = json.loads((out / "training.json").read_text())
    assert stored == report
    assert (stored["finished"], stored["stored_as"]) == (True, "float16")
    assert stored["settings"]["seed"] == 0
    assert [(stage["steps_done"], stage["began_with"]) for stage in stored["stages"]] == [
        (60, "random weights"),
        (10, "the end of stage 1"),
    ]
    assert stored["corpus"]["revision"].startswith("CPython 3.")
    assert len(stored["corpus"]["sha256"]["train"]) == 64
    assert set(stored["versions"]) == {"python", "torch", "transformers", "tokenizers"}


def test_weights_are_stored_in_float16_and_read_as_float32(smoke):
    out, _ = smoke(0)
    assert {weight.dtype for weight in load_file(out / "model.safetensors").values()} == {
        torch.float16
    }
    model = AutoModelForCausalLM.from_pretrained(out)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_a_run_that_was_cut_short_leaves_a_model_that_says_so(program, tmp_path, monkeypatch):
    def learn_for_a_while(*arguments, on_step, **options):
        def on_step_until_the_cut(step, loss):
            if step > 20:
                raise KeyboardInterrupt
            on_step(step, loss)

        learn(*arguments, on_step=on_step_until_the_cut, **options)

    learn = program.learn
    monkeypatch.setattr(program, "learn", learn_for_a_while)
    with pytest.raises(KeyboardInterrupt):
        program.make(tmp_path, program.SMOKE)
    assert not (tmp_path / "config.json").exists()
    stored = json.loads((tmp_path / "stage_1" / "training.json").read_text())
    assert (stored["finished"], stored["stage"], stored["steps_done"]) == (False, 1, 15)
    with pytest.raises(SystemExit, match="is not the end of a stage"):
        program.make(tmp_path, program.SMOKE, begin=tmp_path / "stage_1")
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "stage_1").config.n_layer == 2


def test_more_positions_leave_the_first_ones_and_stretch_those_behind(program):
    from learning import lengthened, new_model

    short = new_model(program.SMOKE, 0).eval()
    long = lengthened(short, 128).eval()
    before, rows = short.transformer.wpe.weight, long.transformer.wpe.weight
    assert len(rows) == long.config.n_positions == 128
    # A quarter of 64 stays.
    assert torch.equal(rows[:17], before[:17])
    assert torch.allclose(rows[127], before[63])
    # 127 - 16 = 111 steps go over the 63 - 16 = 47 that there were.
    assert torch.allclose(rows[17], before[16] + 47 / 111 * (before[17] - before[16]), atol=1e-6)
    ids = torch.arange(16)[None]
    with torch.inference_mode():
        assert torch.equal(short(ids).logits, long(ids).logits)


def test_a_model_with_enough_positions_stays_as_it_is(program):
    from learning import lengthened, new_model

    model = new_model(program.SMOKE, 0)
    assert lengthened(model, 64) is model


def test_the_saved_tokenizer_frames_a_text_and_gives_it_back(smoke):
    out, _ = smoke(0)
    tokenizer = AutoTokenizer.from_pretrained(out)
    text = "def größe(self):\n    return 'ü😀'\n"
    ids = tokenizer(text)["input_ids"]
    assert ids[0] == tokenizer.eos_token_id == 0
    assert 0 not in ids[1:]
    assert tokenizer.decode(ids[1:]) == text


def test_no_document_is_learnt_from_and_measured_on(program):
    corpus = program.read_code_corpus(at_most=30)
    names = {document.document_id for document in corpus.train}
    assert not names & {document.document_id for document in corpus.test}
    assert corpus.provenance["documents"]["read"] == 30
    sources = {document.document_id: document.text for document in corpus.train + corpus.test}
    assert "class Awaitable(metaclass=ABCMeta):" in sources["module:_collections_abc"]


def test_a_document_of_which_half_came_before_is_left_out(program):
    from code_corpus import CodeDocument, _without_near_duplicates

    def document(name, text):
        return CodeDocument(document_id=name, text=text, held_out=False)

    kept = _without_near_duplicates(
        [document("a", "1\n2\n3\n4"), document("b", "  3\n4\n\n5\n6"), document("c", "4\n7\n8")],
        set(),
    )
    assert [one.document_id for one in kept] == ["a", "c"]


def test_a_bigram_model_gives_every_context_a_whole_probability(program):
    from held_out import Bigrams

    documents = [torch.tensor([1, 2, 1, 2, 3]), torch.tensor([2, 1, 2])]
    bigrams = Bigrams(documents, vocabulary_size=6, end_of_text=0)
    for before in range(1, 6):
        pairs = [torch.tensor([before, behind]) for behind in range(6)]
        total = sum(float(bigrams.log_probabilities(pair)[1].exp()) for pair in pairs)
        assert total == pytest.approx(1)


def test_a_bigram_model_discounts_what_it_saw_by_the_pairs_seen_once_and_twice(program):
    """Pairs: 01, 02, 23 once; 21 twice; 12 three times. So D = 3 / (3 + 2) = 0.6."""
    from held_out import Bigrams

    documents = [torch.tensor([1, 2, 1, 2, 3]), torch.tensor([2, 1, 2])]
    bigrams = Bigrams(documents, vocabulary_size=6, end_of_text=0)
    assert bigrams.discount == pytest.approx(0.6)
    # 2 was seen in two contexts of five; one is added for each of six tokens: 3 of 11.
    expected = (3 - 0.6) / 3 + 0.6 * 1 / 3 * 3 / 11
    found = bigrams.log_probabilities(torch.tensor([1, 2])).exp()
    assert float(found[1]) == pytest.approx(expected)


def test_the_model_is_asked_for_every_token_once_whatever_the_window(smoke):
    """A window as long as the text gives the loss that transformers computes itself."""
    from held_out import model_nats

    out, _ = smoke(0)
    model = AutoModelForCausalLM.from_pretrained(out).eval()
    ids = torch.tensor([40, 41, 300, 42, 44])
    framed = torch.cat([torch.tensor([0]), ids])[None]
    with torch.inference_mode():
        expected = float(
            model(input_ids=framed, attention_mask=torch.ones_like(framed), labels=framed).loss
        )
    options = {"end_of_text": 0, "sequence_length": 8}
    assert model_nats(model, [ids], **options) == pytest.approx(5 * expected, rel=1e-5)
    in_two = model_nats(model, [ids, ids[:2]], end_of_text=0, sequence_length=3)
    apart = [model_nats(model, [part], **options) for part in (ids[:3], ids[3:], ids[:2])]
    assert in_two == pytest.approx(sum(apart), rel=1e-5)
