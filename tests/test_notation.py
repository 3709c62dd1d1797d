"""How tokens and activations are written in prompts."""

import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from neuroscribe.notation import (
    UNKNOWN,
    activation_table,
    discretise,
    escape,
    slots_of,
    unescape,
)


# Cases from openai/automated-interpretability@e4aa21b, activation_records.normalize_activations.
@pytest.mark.parametrize(
    ("activations", "max_activation", "expected"),
    [
        ([0.0, 0.5, 1.0], 1.0, [0, 5, 10]),
        ([1.24, 4.2, 0.41, 0.42, 0.419999], 4.2, [2, 10, 0, 1, 0]),
        ([-0.5, -0.1], -0.1, [0, 0]),
        ([0.3, 0.6, 0.7, 0.9], 1.0, [3, 6, 7, 9]),
    ],
)
def test_activations_are_discretised_by_floor(activations, max_activation, expected):
    assert discretise(activations, max_activation) == expected


@given(st.lists(st.floats(-1e6, 1e6)), st.floats(1e-3, 1e6))
def test_levels_are_integers_from_0_to_10(activations, max_activation):
    assert all(level in range(11) for level in discretise(activations, max_activation))


@given(st.text())
def test_a_token_survives_escaping_and_stays_on_one_line(token):
    shown = escape(token)
    assert unescape(shown) == token
    assert len(shown.splitlines()) <= 1
    assert "\t" not in shown


@pytest.mark.parametrize("token", ["<start>", "x<end>", "\u202e", "\u2028", "\x00", "\ufeff"])
def test_markers_and_invisible_characters_are_written_out(token):
    assert escape(token) != token
    assert unescape(escape(token)) == token


def test_ordinary_text_is_not_touched():
    for token in (" cat", "<script>", "été", "日本", "🙂", "<b>"):
        assert escape(token) == token


# Case from openai/automated-interpretability@e4aa21b, format_activation_records; our tables have no
# empty line before them.
def test_a_table_has_one_line_per_token_between_markers():
    assert activation_table(["a", "b", "c"], [10, 0, 0]) == "<start>\na\t10\nb\t0\nc\t0\n<end>\n"


@given(st.lists(st.text(max_size=4), min_size=1, max_size=8), st.text(max_size=20))
def test_slots_point_at_the_placeholders_of_the_last_table(tokens, before):
    table = activation_table(tokens, [UNKNOWN] * len(tokens))
    prompt = f"{before}{table}\n{before}{table}"
    slots = slots_of(prompt, table)
    assert len(slots) == len(tokens)
    assert all(prompt[slot:].startswith(UNKNOWN) for slot in slots)
    assert slots[0] >= prompt.rindex(table)


def test_a_token_that_looks_like_a_placeholder_line_gets_no_slot_of_its_own():
    table = activation_table(["a\tunknown", "unknown"], [UNKNOWN, UNKNOWN])
    assert len(slots_of(table, table)) == 2


def test_vectors_of_the_shared_data_that_state_our_scale_hold():
    path = Path(__file__).parents[2] / "shared" / "data" / "vectors.json"
    if not path.exists():
        pytest.skip("shared/data/vectors.json is not here; its cases are copied above")
    for case in json.loads(path.read_text())["discretise_floor_0_10"]:
        assert discretise(case["activations"], case["max_activation"]) == case["expected"]
