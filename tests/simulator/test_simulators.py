"""The three simulators, answered by hand."""

import math
from datetime import UTC, datetime

import pytest

from neuroscribe import registry
from neuroscribe.errors import CapabilityError
from neuroscribe.llm.protocol import Capabilities, Reply
from neuroscribe.simulator import choose

NAMES = ("prompt_logprobs", "generated_logprobs", "structured")


def reply(**values) -> Reply:
    told = {"status": "ok", "llm": "mock", "created_at": datetime(2026, 1, 1, tzinfo=UTC)}
    return Reply(**{**told, **values})


def answer(name: str, *replies: Reply):
    """The prediction for two tokens after the given replies, in order."""
    dialogue = registry.load("simulator", name)()("rain", ["rain", "<start>"])
    next(dialogue)
    for each in replies:
        try:
            dialogue.send([each])
        except StopIteration as stop:
            return stop.value
    raise AssertionError("the simulator asked for more")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", ["refused", "failed"])
def test_what_came_of_a_request_comes_of_the_prediction(name, status):
    prediction = answer(name, *[reply(status=status, reason="why")] * 2)
    assert (prediction.status, prediction.expected) == (status, (None, None))
    assert "why" in prediction.reason


def test_slots_become_expected_values_and_a_missing_one_stays_missing():
    prediction = answer("prompt_logprobs", reply(slots=({"8": math.log(1.0)}, None)))
    assert prediction.expected == (pytest.approx(8.0), None)
    assert (prediction.status, prediction.simulator) == ("ok", "prompt_logprobs")


def test_integers_of_the_right_length_are_taken():
    assert answer("structured", reply(text='{"activations": [9, 0]}')).expected == (9.0, 0.0)


@pytest.mark.parametrize("text", ['{"activations": [9]}', '{"activations": [9, 11]}', "nine"])
def test_a_wrong_answer_is_asked_for_once_more_and_then_missing(text):
    prediction = answer("structured", reply(text=text), reply(text=text))
    assert (prediction.status, prediction.expected) == ("unparsed", (None, None))
    repaired = answer("structured", reply(text=text), reply(text='{"activations": [1, 2]}'))
    assert repaired.expected == (1.0, 2.0)


def test_the_best_simulator_an_endpoint_can_serve_is_chosen():
    def able(**abilities) -> str:
        none = {"prompt_logprobs": False, "generated_logprobs": False, "json_schema": False}
        return choose(Capabilities(**{**none, **abilities}))

    assert able(prompt_logprobs=True, json_schema=True) == "prompt_logprobs"
    assert able(prompt_logprobs=True, splits_ten=True, generated_logprobs=True) == (
        "generated_logprobs"
    )
    assert able(json_schema=True) == "structured"
    with pytest.raises(CapabilityError, match="choose another model"):
        able()
