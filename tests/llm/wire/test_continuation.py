from itertools import accumulate

import pytest
from hypothesis import given, settings, strategies as st

from neuroscribe.llm.protocol import ContinuationRequest
from neuroscribe.llm.wire.continuation import continuation_body, read_continuation
from neuroscribe.llm.wire.dialect import Dialect

ASKED = ContinuationRequest(context="It is\n", continuation="a cat.")
TOKENS = ["It", " is", "\n", "a", " cat", "."]
LOGPROBS = [None, -9.0, -9.0, -1.0, -2.5, -0.25]
OFFSETS = [0, 2, 5, 6, 7, 11]
FRAGMENT = "\ufffd"
SPELLED = {
    # As what tokens a piece of text is shown: what is no ASCII is cut into its bytes, and a
    # fragment may take along what stands beside it.
    "rain": ["rain"],
    " rain": [" rain"],
    " ": [" "],
    "!": ["!"],
    "\n": ["\n"],
    "🙂": [FRAGMENT] * 4,
    "é": [FRAGMENT] * 2,
    " 🙂": [f" {FRAGMENT}", FRAGMENT],
    "日本": [FRAGMENT, FRAGMENT, f"{FRAGMENT}本"],
}


def answer(tokens=TOKENS, logprobs=LOGPROBS, offsets=OFFSETS):
    given = {"tokens": tokens, "token_logprobs": logprobs, "text_offset": offsets}
    choice = {"text": "", "logprobs": given, "finish_reason": "length"}
    return {"choices": [choice], "usage": {"prompt_tokens": 6, "completion_tokens": 0}}


def loss(asked=ASKED, **parts):
    return read_continuation(answer(**parts), asked).loss


def reason(asked=ASKED, **parts):
    outcome = read_continuation(answer(**parts), asked)
    assert (outcome.status, outcome.loss) == ("failed", None)
    return outcome.reason


def test_the_request_echoes_context_and_continuation():
    sent = continuation_body(ASKED, "m", Dialect(limit="max_tokens"))
    assert sent == {
        "model": "m",
        "prompt": "It is\na cat.",
        "max_tokens": 0,
        "echo": True,
        "logprobs": 1,
    }


def test_the_loss_is_the_surprise_of_the_continuations_tokens_alone():
    outcome = read_continuation(answer(), ASKED)
    assert (outcome.status, outcome.loss, outcome.input_tokens) == ("ok", 3.75, 6)


def test_a_generated_token_and_one_before_the_prompt_do_not_count():
    generated = {
        "tokens": [*TOKENS, " It"],
        "logprobs": [*LOGPROBS, -7.0],
        "offsets": [*OFFSETS, 12],
    }
    assert loss(**generated) == 3.75
    shifted = [0, *(3 + offset for offset in OFFSETS)]
    begun = {"tokens": ["<s>", *TOKENS], "logprobs": [None, -4.0, *LOGPROBS[1:]]}
    assert loss(**begun, offsets=shifted) == 3.75


def test_offsets_that_a_host_leaves_out_are_counted():
    assert loss(offsets=None) == 3.75


def test_a_token_that_straddles_the_border_belongs_to_the_continuation():
    merged = {"tokens": ["It", " is", "\na", " cat", "."], "offsets": [0, 2, 5, 7, 11]}
    assert loss(**merged, logprobs=[None, -9.0, -4.0, -2.5, -0.25]) == 6.75


def test_without_a_context_the_sum_begins_with_the_second_token():
    bare = ContinuationRequest(context="", continuation="It is\na cat.")
    assert loss(bare) == 21.75
    assert loss(bare, logprobs=[-1.0, *LOGPROBS[1:]]) == 22.75


def test_one_missing_log_probability_fails_the_whole():
    with_hole = [*LOGPROBS[:4], None, -0.25]
    assert reason(logprobs=with_hole) == (
        "1 of 3 tokens of the continuation have no log-probability"
    )


def test_as_many_entries_as_tokens_are_wanted():
    assert "6 tokens, 5 log-probabilities" in reason(logprobs=LOGPROBS[1:])


@pytest.mark.parametrize(
    "parts",
    [
        # Only what was generated, offsets counted from the end of the prompt or from 0.
        {"tokens": [" It", " is"], "logprobs": [-1.0, -1.0], "offsets": [12, 15]},
        {"tokens": [" It", " is"], "logprobs": [-1.0, -1.0], "offsets": [0, 3]},
        # Cut off before the end.
        {"tokens": TOKENS[:5], "logprobs": LOGPROBS[:5], "offsets": OFFSETS[:5]},
        # Another text.
        {"tokens": [*TOKENS[:4], " dog", "."]},
        {"tokens": [], "logprobs": [], "offsets": []},
    ],
)
def test_an_answer_that_does_not_repeat_the_continuation_fails(parts):
    assert reason(**parts) == "the endpoint did not echo the tokens of the continuation"


def test_a_part_of_a_character_need_not_be_spelled():
    asked = ContinuationRequest(context="A ", continuation="🙂")
    parts = {"tokens": ["A", " ", "bytes:\\xf0\\x9f", "bytes:\\x99\\x82"]}
    assert loss(asked, **parts, logprobs=[None, -1.0, -2.0, -3.0], offsets=[0, 1, 2, 2]) == 5.0


def counted_by_fragment(tokens):
    """An answer whose host counts every fragment of a character as a character of its own."""
    return {
        "tokens": tokens,
        "logprobs": [None, *(-float(2**place) for place in range(1, len(tokens)))],
        "offsets": list(accumulate(map(len, tokens), initial=0))[:-1],
    }


@pytest.mark.parametrize(
    ("context", "continuation", "tokens", "expected"),
    [
        # In the continuation: at its end, before its last token, and amid it.
        ("It", " is 🙂", ["It", " is", " ", *[FRAGMENT] * 3], 62.0),
        ("It", " is 🙂!", ["It", " is", " ", *[FRAGMENT] * 3, "!"], 126.0),
        ("It", " 🙂 is", ["It", " ", *[FRAGMENT] * 3, " is"], 62.0),
        # A token was generated behind the end.
        ("It", " is 🙂!", ["It", " is", " ", *[FRAGMENT] * 3, "!", "\n"], 126.0),
        # In the context: at the border, and at the start of the text.
        ("A🙂", " b c", ["A", *[FRAGMENT] * 3, " b", " c"], 48.0),
        ("🙂", " b c", [*[FRAGMENT] * 4, " b", " c"], 48.0),
        # Behind a token that stands before the prompt.
        ("A🙂", " b", ["<s>", "A", *[FRAGMENT] * 3, " b"], 32.0),
    ],
)
def test_fragments_of_a_character_shift_no_token_behind_them(
    context, continuation, tokens, expected
):
    asked = ContinuationRequest(context=context, continuation=continuation)
    assert loss(asked, **counted_by_fragment(tokens)) == expected


@given(
    before=st.lists(st.sampled_from([*SPELLED]), max_size=6),
    after=st.lists(st.sampled_from([*SPELLED]), max_size=6),
)
@settings(deadline=None)
def test_whatever_is_cut_into_fragments_the_loss_is_that_of_the_tokens_behind_the_border(
    before, after
):
    # Where fragments meet, nobody can say which of them are whose.
    before, after = ["rain", *before], ["!", *after]
    shown = [[token for piece in side for token in SPELLED[piece]] for side in (before, after)]
    given = counted_by_fragment(shown[0] + shown[1])
    asked = ContinuationRequest(context="".join(before), continuation="".join(after))
    assert loss(asked, **given) == -sum(given["logprobs"][len(shown[0]) :])


@pytest.mark.parametrize(
    ("context", "continuation", "tokens"),
    [
        ("🙂", "é", [FRAGMENT] * 6),
        ("🙂", " 🙂", [*[FRAGMENT] * 4, f" {FRAGMENT}", FRAGMENT]),
        ("🙂", "日本", [*[FRAGMENT] * 6, f"{FRAGMENT}本"]),
    ],
)
def test_where_fragments_of_both_sides_meet_the_loss_is_missing_or_right(
    context, continuation, tokens
):
    asked = ContinuationRequest(context=context, continuation=continuation)
    assert loss(asked, **counted_by_fragment(tokens)) in (None, 48.0)


def test_fragments_that_are_shown_as_bytes_are_no_longer_than_their_character():
    asked = ContinuationRequest(context="A🙂", continuation=" b")
    tokens = ["A", "bytes:\\xf0\\x9f", "bytes:\\x99\\x82", " b"]
    logprobs, offsets = [None, -1.0, -2.0, -4.0], [0, 1, 1, 2]
    assert loss(asked, tokens=tokens, logprobs=logprobs, offsets=offsets) == 4.0


def test_absent_log_probabilities_are_a_failure_and_a_filter_is_a_refusal():
    none = {"choices": [{"text": "", "logprobs": None}]}
    assert read_continuation(none, ASKED).status == "failed"
    filtered = {"choices": [{"text": "", "finish_reason": "content_filter"}]}
    assert read_continuation(filtered, ASKED).status == "refused"
