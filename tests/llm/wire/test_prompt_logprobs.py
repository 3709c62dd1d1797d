from itertools import accumulate

import pytest

from neuroscribe.llm.protocol import PromptLogprobsRequest
from neuroscribe.llm.wire.dialect import Dialect
from neuroscribe.llm.wire.prompt_logprobs import prompt_logprobs_body, read_prompt_logprobs

ASKED = PromptLogprobsRequest(prompt="a\tunknown\nb\tunknown\n", slots=(2, 12))
TOKENS = ["a", "\t", "unknown", "\n", "b", "\t", "unknown", "\n"]
TOPS = [None, {"x": -1.0}, {"3": -0.5, "unknown": -9.0}, {}, {}, {}, {"10": -0.25}, {}]
OFFSETS = [0, 1, 2, 9, 10, 11, 12, 19]


def answer(tokens=TOKENS, tops=TOPS, offsets=OFFSETS, finish="length", **more):
    logprobs = {"tokens": tokens, "top_logprobs": tops, "text_offset": offsets} | more
    choice = {"text": "", "logprobs": logprobs, "finish_reason": finish}
    return {"choices": [choice], "usage": {"prompt_tokens": 8, "completion_tokens": 0}}


def test_the_request_echoes_and_generates_nothing_or_one_token():
    sent = prompt_logprobs_body(ASKED, "m", Dialect(limit="max_tokens"))
    assert sent == {
        "model": "m",
        "prompt": ASKED.prompt,
        "max_tokens": 0,
        "echo": True,
        "logprobs": 20,
    }
    stubborn = Dialect(limit="max_tokens", zero_tokens=False)
    assert prompt_logprobs_body(ASKED, "m", stubborn)["max_tokens"] == 1


def test_each_slot_gets_the_alternatives_of_the_token_that_begins_there():
    outcome = read_prompt_logprobs(answer(), ASKED)
    assert outcome.status == "ok"
    assert outcome.slots == ({"3": -0.5, "unknown": -9.0}, {"10": -0.25})
    assert (outcome.reason, outcome.input_tokens) == (None, 8)


def test_a_token_before_the_prompt_does_not_shift_the_slots():
    shifted = answer(["<s>", *TOKENS], [None, *TOPS], [0, *(3 + offset for offset in OFFSETS)])
    assert read_prompt_logprobs(shifted, ASKED).slots == (TOPS[2], TOPS[6])


def test_offsets_are_counted_where_the_endpoint_gives_none():
    assert read_prompt_logprobs(answer(offsets=None), ASKED).slots == (TOPS[2], TOPS[6])


def test_a_token_generated_after_the_echo_is_passed_over():
    longer = answer([*TOKENS, "unknown"], [*TOPS, {"9": -0.1}], [*OFFSETS, 20])
    assert read_prompt_logprobs(longer, ASKED).slots == (TOPS[2], TOPS[6])


@pytest.mark.parametrize("lacking", [None, {}, {"5": None}, {"5": float("-inf")}, "nothing"])
def test_a_slot_without_alternatives_is_none_and_counted(lacking):
    outcome = read_prompt_logprobs(answer(tops=[*TOPS[:6], lacking, {}]), ASKED)
    assert outcome.status == "ok"
    assert outcome.slots == (TOPS[2], None)
    assert outcome.reason == "1 of 2 slots have no log-probabilities"


def test_a_merged_placeholder_is_none_and_the_reason_says_so():
    tokens = [*TOKENS[:5], "\tunknown", "\n"]
    outcome = read_prompt_logprobs(
        answer(tokens, [*TOPS[:5], {"10": -0.25}, {}], [*OFFSETS[:5], 11, 19]), ASKED
    )
    assert outcome.slots == (TOPS[2], None)
    assert outcome.reason == (
        "1 of 2 slots have no log-probabilities; at 1 of them the tokenizer merges the "
        "placeholder with what stands before it"
    )


def test_all_slots_missing_is_a_failure_without_values():
    outcome = read_prompt_logprobs(answer(tops=[None] * 8), ASKED)
    assert (outcome.status, outcome.slots) == ("failed", None)
    assert outcome.input_tokens == 8


def test_an_endpoint_that_ignores_echo_is_found_out():
    generated = answer(["unknown", "!"], [{"9": -0.1}, {"9": -0.1}], [2, 9])
    outcome = read_prompt_logprobs(generated, ASKED)
    # "unknown" stands at offset 2 of the prompt too: one token may pass, all cannot.
    assert outcome.slots is None or outcome.slots[1] is None
    plain = read_prompt_logprobs(answer(["Sure"], [{"9": -0.1}], [0]), ASKED)
    assert plain.status == "failed"
    assert plain.reason == (
        "2 of 2 slots have no log-probabilities; the endpoint did not echo the prompt's tokens"
    )


@pytest.mark.parametrize(
    ("begun", "n_fragments"), [("", 1), ("", 3), ("", 4), ("<s>", 3), ("<s>", 4)]
)
def test_slots_behind_the_fragments_of_a_character_are_those_of_their_placeholders(
    begun, n_fragments
):
    prompt = "🙂\tunknown\nu\tunknown\n b🙂\tunknown\n"
    asked = PromptLogprobsRequest(prompt=prompt, slots=(2, 12, 24))
    fragments = ["\ufffd"] * n_fragments
    tokens = [
        *([begun] if begun else []),
        *fragments, "\t", "unknown", "\n",
        "u", "\t", "unknown", "\n",
        " b", *fragments, "\t", "unknown", "\n",
    ]  # fmt: skip
    # Every fragment is counted as a character, so that "u" stands where a slot is.
    offsets = list(accumulate(map(len, tokens), initial=0))[:-1]
    tops = [{f"token {place}": -1.0} for place in range(len(tokens))]
    outcome = read_prompt_logprobs(answer(tokens, tops, offsets), asked)
    places = [place for place, token in enumerate(tokens) if token == "unknown"]
    assert (outcome.status, outcome.reason) == ("ok", None)
    assert outcome.slots == tuple(tops[place] for place in places)


def test_lists_of_different_length_cannot_be_matched():
    outcome = read_prompt_logprobs(answer(tops=TOPS[1:]), ASKED)
    assert outcome.status == "failed"
    assert outcome.reason == (
        "the answer has 8 tokens, 7 lists of alternatives and 8 offsets; these must be as many"
    )


@pytest.mark.parametrize(
    "choice",
    [
        {"logprobs": None},
        {},
        {"logprobs": {}},
        {"logprobs": {"tokens": [], "top_logprobs": None}},
        {"logprobs": {"tokens": [], "top_logprobs": []}},
    ],
)
def test_absent_log_probabilities_are_a_failure(choice):
    outcome = read_prompt_logprobs({"choices": [choice]}, ASKED)
    assert (outcome.status, outcome.slots) == ("failed", None)
    assert outcome.reason


def test_a_content_filter_is_a_refusal():
    assert read_prompt_logprobs(answer(finish="content_filter"), ASKED).status == "refused"
