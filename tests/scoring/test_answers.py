"""What is read from a judge's answer, and what is not."""

import math
from datetime import UTC, datetime

import pytest

from neuroscribe.llm.protocol import ChatRequest, GeneratedToken, Message, Reply
from neuroscribe.scoring.answers import Problem, ask, digit_probabilities, read_key

REQUEST = ChatRequest(messages=(Message(role="user", content="?"),), max_tokens=9)
NOON = datetime(2026, 1, 1, tzinfo=UTC)


def generated(*tokens: tuple[str, dict[str, float]]) -> tuple[GeneratedToken, ...]:
    return tuple(
        GeneratedToken(text=text, top={word: math.log(mass) for word, mass in top.items()})
        for text, top in tokens
    )


def reply(text="", status="ok", **said) -> Reply:
    return Reply(status=status, llm="j", created_at=NOON, text=text, **said)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"fits": [1, 0]}', [1, 0]),
        ('Let me see. {"fits": [0]} No:\n```json\n{"fits": [1]}\n```', [1]),
        ('{"why": "a { in a text", "fits": [1]}', [1]),
        ('{"answer": {"fits": [1]}}', [1]),
    ],
)
def test_the_last_object_that_has_the_key_is_taken(text, value):
    assert read_key(text, "fits") == value


@pytest.mark.parametrize("text", ["", "1, 0", '{"fit": [1]}', '{"fits": [1'])
def test_an_answer_without_the_key_is_a_problem_that_shows_it(text):
    problem = read_key(text, "fits")
    assert problem == Problem(f"the answer has no JSON object with `fits`: {text}")


def test_the_probability_of_a_digit_is_its_share_of_the_digits():
    answer = generated(
        ('{"fits": [', {}),
        ("1", {"1": 0.6, "0": 0.2, "yes": 0.2}),
        (", ", {}),
        (" 0", {" 0": 0.3, "0": 0.3, "1": 0.2, " 1": 0.2}),
        ("]}", {}),
    )
    first, second = digit_probabilities(answer, "fits", 2, ("0", "1"))
    assert first == pytest.approx({"1": 0.75, "0": 0.25})
    assert second == pytest.approx({"1": 0.4, "0": 0.6})


def test_a_digit_joined_with_punctuation_has_no_probability():
    answer = generated(
        ('{"fits": ', {}), ("[1", {"[1": 0.9}), (",", {}), ("0", {"0": 1.0}), ("]}", {})
    )
    assert digit_probabilities(answer, "fits", 2, ("0", "1")) == [None, {"0": 1.0, "1": 0.0}]


def test_digits_elsewhere_in_an_answer_are_not_read():
    answer = generated(
        ("Of 5 texts ", {}), ("1", {"1": 1.0}), (' fits: {"fits": [', {}), ("0", {"0": 1.0}),
        ("]}", {}),
    )  # fmt: skip
    assert digit_probabilities(answer, "fits", 1, ("0", "1")) == [{"0": 1.0, "1": 0.0}]


@pytest.mark.parametrize(
    "answer",
    [None, generated(("nothing", {})), generated(('{"fits": [1', {}), ("]}", {}))],
    ids=["no log-probabilities", "no key", "one digit of two"],
)
def test_without_a_token_for_each_digit_there_are_no_probabilities(answer):
    assert digit_probabilities(answer, "fits", 2, ("0", "1")) == [None, None]


def test_alternatives_without_a_digit_give_none():
    answer = generated(('{"intruder": ', {}), ("3", {"x": 1.0}), ("}", {}))
    assert digit_probabilities(answer, "intruder", 1, ("1", "2", "3")) == [None]


def talk(*replies: Reply):
    """The answer, and the samples that were asked for."""
    dialogue = ask(REQUEST, lambda reply: read_key(reply.text, "fits"))
    samples, said = [], None
    for each in (*replies, None):
        try:
            (request,) = dialogue.send(said)
        except StopIteration as stop:
            return stop.value, samples
        samples.append(request.sample)
        said = [each]
    pytest.fail("it asks on and on")


def test_what_cannot_be_read_is_asked_for_once_more_as_the_next_sample():
    answer, samples = talk(reply("hm"), reply('{"fits": [1]}'))
    assert (answer.status, answer.value, samples) == ("ok", [1], [0, 1])


@pytest.mark.parametrize("second", [reply("ho"), reply("ho", status="unparsed", reason="no JSON")])
def test_after_two_answers_that_cannot_be_read_there_is_none(second):
    answer, samples = talk(reply("hm"), second)
    assert (answer.status, answer.value, samples) == ("unparsed", None, [0, 1])
    assert "ho" in answer.reason or answer.reason == "no JSON"


@pytest.mark.parametrize("status", ["refused", "failed", "skipped"])
def test_a_reply_that_is_no_answer_ends_it(status):
    answer, samples = talk(reply(status=status, reason="because"))
    assert (answer.status, answer.value, answer.reason, samples) == (status, None, "because", [0])
