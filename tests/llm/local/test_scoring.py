"""Batches, prefixes, branches: all of them change the time and none of them a number.

The stated tolerance is 1e-4 of a log-probability in float32.
"""

import math
import random

import pytest
import torch
from hypothesis import given, settings, strategies as st
from transformers import AutoConfig, AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from neuroscribe.llm.local.rows import Row, Slot, Target, row_of_slots
from neuroscribe.llm.local.scoring import Scorer

TOLERANCE = 1e-4
ANSWERS = {**{str(level): (100 + level,) for level in range(10)}, "10": (101, 100)}
SIZES = {
    "vocab_size": 150, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
    "num_attention_heads": 2, "max_position_embeddings": 128, "pad_token_id": 0,
    "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
GROUPED = {**SIZES, "num_key_value_heads": 1, "head_dim": 8}
GPT = {
    "vocab_size": 150, "n_positions": 128, "n_embd": 16, "n_layer": 2, "n_head": 2,
    "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
FAMILIES = {
    "gpt2": GPT,
    "llama": GROUPED,
    "qwen3": GROUPED,
    # Scales and bounds its logits behind the head, and looks back a window in every other layer.
    "gemma2": {**GROUPED, "sliding_window": 128, "final_logit_softcapping": 3.0},
    "mistral": {**GROUPED, "sliding_window": 8},
    "cohere": {**SIZES, "logit_scale": 0.3},
    "gpt_neox": SIZES,
    # Looks back to the start of its chunk in three of four layers.
    "llama4_text": {
        **GROUPED,
        "num_hidden_layers": 4,
        "attention_chunk_size": 32,
        "intermediate_size_mlp": 24,
        "num_local_experts": 2,
        "max_position_embeddings": 512,
    },
    # Positions as a slope over distances: a branch would stand in the wrong place.
    "bloom": {"vocab_size": 150, "hidden_size": 16, "n_layer": 2, "n_head": 2},
    "mpt": {"vocab_size": 150, "d_model": 16, "n_layers": 2, "n_heads": 2},
    # No keys and values to reuse.
    "mamba": {"vocab_size": 150, "hidden_size": 16, "state_size": 4, "num_hidden_layers": 2},
}


def model_of(family: str):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **FAMILIES[family]))
    for weight in model.parameters():
        if weight.dim() > 1:
            weight.data.mul_(6)
    return model.eval()


def some_rows(seed: int = 0, n_rows: int = 6) -> list[Row]:
    """Texts of different lengths with one beginning, and slots in their ends."""
    draw = random.Random(seed)
    beginning = [draw.randrange(100) for _ in range(40)]
    rows = []
    for _ in range(n_rows):
        trunk = (*beginning, *(draw.randrange(100) for _ in range(draw.randrange(3, 30))))
        slots = [Slot(cut=cut, answers=ANSWERS) for cut in range(42, len(trunk), 4)]
        rows.append(row_of_slots(trunk, slots))
    return rows


def brute_force(model, row: Row) -> list[float]:
    """A full pass for every target, of nothing but the text before it."""
    found = []
    for target in row.targets:
        path = torch.tensor([row.path(target.after)])
        with torch.no_grad():
            logits = model(path, use_cache=False).logits[0, -1]
        found.append(logits.log_softmax(0)[target.token].item())
    return found


def assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=TOLERANCE)


@pytest.fixture(scope="module")
def gpt2():
    return model_of("gpt2")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_log_probability_is_that_of_a_full_pass(family):
    model = model_of(family)
    rows = some_rows(n_rows=3)
    assert_same(Scorer(model).logprobs(rows), [brute_force(model, row) for row in rows])


@pytest.mark.parametrize(
    ("family", "caches", "branches"),
    [("gpt2", True, True), ("llama", True, True), ("bloom", True, False), ("mamba", False, False)],
)
def test_what_a_family_can_be_trusted_with_is_tried(family, caches, branches):
    scorer = Scorer(model_of(family))
    assert (scorer.caches, scorer.branches) == (caches, branches)


@pytest.mark.parametrize("family", ["mistral", "llama4_text"])
def test_branches_beyond_a_sliding_window_or_a_chunk_are_rows_of_their_own(family):
    model = model_of(family)
    scorer = Scorer(model)
    scorer.branches = True
    rows = some_rows(n_rows=2)
    assert_same(scorer.logprobs(rows), [brute_force(model, row) for row in rows])


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_the_prefix_cache_changes_nothing(family):
    model = model_of(family)
    rows = some_rows()
    shared = Scorer(model)
    found = shared.logprobs(rows)
    assert len(shared.prefixes) == 1
    assert_same(found, Scorer(model, shares_prefixes=False).logprobs(rows))


@given(order=st.permutations(range(6)), cut=st.integers(0, 6), n_tokens=st.integers(1, 200))
@settings(max_examples=15, deadline=None)
def test_order_and_batches_change_nothing(gpt2, order, cut, n_tokens):
    rows = some_rows()
    scorer = Scorer(gpt2)
    expected = scorer.logprobs(rows)
    scorer._tokens_at_once = n_tokens
    found: dict[int, list[float]] = {}
    for places in (order[:cut], order[cut:]):
        values = scorer.logprobs([rows[place] for place in places])
        found |= dict(zip(places, values, strict=True))
    assert_same([found[place] for place in range(6)], expected)


def test_rows_that_come_one_at_a_time_share_a_prefix_too(gpt2):
    rows = some_rows()
    scorer = Scorer(gpt2)
    found = [scorer.logprobs([row])[0] for row in rows]
    assert len(scorer.prefixes) > 0
    assert_same(found, [brute_force(gpt2, row) for row in rows])


def test_a_stored_prefix_is_not_touched_by_the_batches_that_use_it(gpt2):
    rows = some_rows()
    scorer = Scorer(gpt2)
    scorer.logprobs(rows)
    (prefix,) = scorer.prefixes._kept.values()
    before = [[tensor.clone() for tensor in layer] for layer in prefix.layers]
    scorer.logprobs(rows)
    for layer, kept in zip(prefix.layers, before, strict=True):
        for tensor, copy in zip(layer, kept, strict=True):
            assert torch.equal(tensor, copy)
            assert tensor.shape[2] == len(prefix.ids)


def test_a_prefix_is_cut_from_one_that_goes_on(gpt2):
    scorer = Scorer(gpt2)
    ids = tuple(range(60))
    whole = scorer.prefixes.get(ids)
    passes = scorer.forward.passes
    shorter = scorer.prefixes.get(ids[:40])
    assert scorer.forward.passes == passes
    assert torch.equal(shorter.layers[0][0], whole.layers[0][0][:, :, :40])
    longer = scorer.prefixes.get((*ids, 7, 8))
    fresh = Scorer(gpt2).prefixes.get((*ids, 7, 8))
    assert torch.allclose(longer.layers[1][1], fresh.layers[1][1], atol=1e-5)


def test_only_the_last_few_prefixes_are_kept(gpt2, monkeypatch):
    monkeypatch.setattr("neuroscribe.llm.local.cache.MOST_PREFIXES", 2)
    scorer = Scorer(gpt2)
    for first in range(3):
        scorer.prefixes.get((first, *range(40)))
    assert [ids[0] for ids in scorer.prefixes._kept] == [1, 2]


def test_a_batch_too_large_for_the_memory_is_halved(gpt2, monkeypatch):
    rows = some_rows()
    scorer = Scorer(gpt2)
    expected = scorer.logprobs(rows)
    whole = scorer.forward.logprobs

    def small_memory(rows, prefix):
        if len(rows) > 2:
            raise torch.OutOfMemoryError("no memory is left")
        return whole(rows, prefix)

    monkeypatch.setattr(scorer.forward, "logprobs", small_memory)
    assert_same(scorer.logprobs(rows), expected)


def test_a_row_too_large_for_the_memory_has_no_numbers(gpt2, monkeypatch):
    scorer = Scorer(gpt2)

    def no_memory(rows, prefix):
        raise torch.OutOfMemoryError("no memory is left")

    monkeypatch.setattr(scorer.forward, "logprobs", no_memory)
    (values,) = scorer.logprobs([Row(trunk=(1, 2), targets=(Target(after=1, token=3),))])
    assert math.isnan(values[0])


def test_large_prefixes_are_dropped_before_many(gpt2, monkeypatch):
    scorer = Scorer(gpt2)
    monkeypatch.setattr("neuroscribe.llm.local.cache.MOST_BYTES", 20_000)
    for first in range(3):
        scorer.prefixes.get((first, *range(40)))
    # 41 tokens x 2 layers x keys and values x 16 dimensions x 4 bytes are 10,496 bytes.
    assert [ids[0] for ids in scorer.prefixes._kept] == [2]


def test_a_model_that_needs_positions_as_long_as_the_text_has_them():
    # The branches of a text that fills the model stand within it, not behind it.
    config = GPT2Config(**{**FAMILIES["gpt2"], "n_positions": 50})
    model = GPT2LMHeadModel(config).eval()
    trunk = tuple(range(50))
    slots = [Slot(cut=cut, answers=ANSWERS) for cut in range(10, 50, 5)]
    row = row_of_slots(trunk, slots)
    short = Row(trunk=trunk[:3], targets=(Target(after=2, token=1),))
    scorer = Scorer(model)
    assert scorer.branches
    assert_same(scorer.logprobs([row, short])[:1], [brute_force(model, row)])
