import json

import pytest

from neuroscribe.llm.protocol import ChatRequest, Message
from neuroscribe.llm.wire.chat import chat_body, read_chat, spent_on_reasoning
from neuroscribe.llm.wire.dialect import Dialect

USAGE = {"prompt_tokens": 12, "completion_tokens": 3}


def answer(content="yes", *, finish="stop", logprobs=None, **message):
    choice = {
        "message": {"role": "assistant", "content": content} | message,
        "finish_reason": finish,
        "logprobs": logprobs,
    }
    return {"choices": [choice], "usage": USAGE}


def request(**settings):
    return ChatRequest(messages=(Message(role="user", content="?"),), max_tokens=9, **settings)


def body(asked, **known):
    dialect = Dialect(**{"limit": "max_tokens"} | known)
    return chat_body(asked, "m", dialect, reasoning_effort=None, reasoning_allowance=100)


def test_only_what_was_asked_for_is_sent():
    assert body(request()) == {
        "model": "m",
        "messages": [{"role": "user", "content": "?"}],
        "max_tokens": 9,
    }


def test_everything_that_can_be_asked_for_is_sent():
    asked = request(schema={"type": "object"}, top_logprobs=5, temperature=0.0, sample=2)
    sent = chat_body(
        asked,
        "m",
        Dialect(limit="max_completion_tokens", reasons=True),
        reasoning_effort="low",
        reasoning_allowance=100,
    )
    assert sent == {
        "model": "m",
        "messages": [{"role": "user", "content": "?"}],
        "max_completion_tokens": 109,
        "temperature": 0.0,
        "seed": 2,
        "reasoning_effort": "low",
        "logprobs": True,
        "top_logprobs": 5,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True},
        },
    }


def test_what_the_model_refuses_is_left_out():
    assert "temperature" not in body(request(temperature=0.0), refused={"temperature"})


def test_lone_surrogates_are_sent_as_question_marks():
    asked = ChatRequest(messages=(Message(role="user", content="a\ud83db"),), max_tokens=9)
    assert body(asked)["messages"][0]["content"] == "a?b"


def test_a_plain_answer_is_ok_with_its_tokens():
    outcome = read_chat(answer("yes"), request())
    assert (outcome.status, outcome.text, outcome.reason) == ("ok", "yes", None)
    assert (outcome.input_tokens, outcome.output_tokens) == (12, 3)


def test_a_free_text_that_was_cut_is_still_an_answer():
    assert read_chat(answer("yes, bec", finish="length"), request()).status == "ok"


def test_a_refusal_is_told_in_the_models_words():
    outcome = read_chat(answer(None, refusal="I will not."), request())
    assert outcome.status == "refused"
    assert outcome.text == "I will not."
    assert outcome.reason == "the model refused: I will not."


def test_a_content_filter_is_a_refusal():
    assert read_chat(answer("half an", finish="content_filter"), request()).status == "refused"


@pytest.mark.parametrize(
    ("content", "finish", "reason"),
    [
        (None, "stop", "the answer is empty (finish_reason 'stop')"),
        ("  ", "stop", "the answer is empty (finish_reason 'stop')"),
        ("", "length", "the limit of 9 tokens was reached before any text"),
    ],
)
def test_no_text_is_unparsed(content, finish, reason):
    outcome = read_chat(answer(content, finish=finish), request())
    assert (outcome.status, outcome.reason) == ("unparsed", reason)


def test_an_answer_without_json_is_unparsed_where_a_schema_was_given():
    asked = request(schema={"type": "object"})
    assert read_chat(answer('{"a": 1}'), asked).status == "ok"
    prose = read_chat(answer("It is one."), asked)
    assert (prose.status, prose.text) == ("unparsed", "It is one.")
    assert prose.reason == "a JSON schema was given but the answer is no JSON: It is one."
    endless = read_chat(answer("[" * 100_000), asked)
    assert endless.status == "unparsed"
    cut = read_chat(answer('{"a": 1}', finish="length"), asked)
    assert (cut.status, cut.reason) == ("unparsed", "the JSON was cut off at the limit of 9 tokens")


def test_each_generated_token_comes_with_its_alternatives():
    content = [
        {"token": "7", "logprob": -0.1, "top_logprobs": [{"token": "7", "logprob": -0.123456}]},
        {"token": "\n", "logprob": -0.1, "top_logprobs": []},
    ]
    outcome = read_chat(answer("7\n", logprobs={"content": content}), request(top_logprobs=1))
    assert outcome.generated is not None
    assert [(token.text, token.top) for token in outcome.generated] == [
        ("7", {"7": -0.1235}),
        ("\n", {}),
    ]


@pytest.mark.parametrize(
    "logprobs", [None, {}, {"content": None}, {"content": []}, {"content": [{"token": "7"}]}]
)
def test_missing_log_probabilities_of_an_answer_are_a_failure_and_were_paid(logprobs):
    outcome = read_chat(answer("7", logprobs=logprobs), request(top_logprobs=20))
    assert outcome.status == "failed"
    assert outcome.reason == "log-probabilities of the answer were asked for and none were given"
    assert outcome.generated is None
    assert outcome.input_tokens == 12


@pytest.mark.parametrize(
    "broken", [{}, {"choices": None}, {"choices": []}, {"choices": ["a"]}, {"error": "busy"}]
)
def test_an_answer_without_a_choice_has_failed(broken):
    outcome = read_chat(broken, request())
    assert outcome.status == "failed"
    assert outcome.reason == f"the answer holds no choice: {json.dumps(broken)}"


def test_a_choice_without_a_message_or_usage_is_unparsed():
    outcome = read_chat({"choices": [{}], "usage": None}, request())
    assert (outcome.status, outcome.input_tokens) == ("unparsed", 0)


def test_a_limit_spent_on_reasoning_is_recognised():
    assert spent_on_reasoning(answer("", finish="length"))
    assert not spent_on_reasoning(answer("Well", finish="length"))
    assert not spent_on_reasoning(answer("", finish="stop"))
