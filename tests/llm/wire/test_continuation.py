import pytest

from neuroscribe.llm.protocol import ContinuationRequest
from neuroscribe.llm.wire.continuation import continuation_body, read_continuation
from neuroscribe.llm.wire.dialect import Dialect

ASKED = ContinuationRequest(context="It is\n", continuation="a cat.")
TOKENS = ["It", " is", "\n", "a", " cat", "."]
LOGPROBS = [None, -9.0, -9.0, -1.0, -2.5, -0.25]
OFFSETS = [0, 2, 5, 6, 7, 11]


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


def test_absent_log_probabilities_are_a_failure_and_a_filter_is_a_refusal():
    none = {"choices": [{"text": "", "logprobs": None}]}
    assert read_continuation(none, ASKED).status == "failed"
    filtered = {"choices": [{"text": "", "finish_reason": "content_filter"}]}
    assert read_continuation(filtered, ASKED).status == "refused"
