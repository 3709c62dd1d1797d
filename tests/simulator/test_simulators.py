"""The simulators, answered by hand."""

import math
from datetime import UTC, datetime

import pytest

from neuroscribe import registry
from neuroscribe.errors import CapabilityError, InputError
from neuroscribe.llm.protocol import Capabilities, Reply
from neuroscribe.simulator import choose

ALL_AT_ONCE = ("prompt_logprobs", "generated_logprobs", "structured", "decisions", "direct")
NAMES = (*ALL_AT_ONCE, "token_by_token")
IDS = (7, 8)


def reply(**values) -> Reply:
    told = {"status": "ok", "llm": "mock", "created_at": datetime(2026, 1, 1, tzinfo=UTC)}
    return Reply(**{**told, **values})


def answer(name: str, *replies: Reply):
    """The prediction for two tokens after the given replies, in order."""
    simulate = registry.load("simulator", name)()
    dialogue = simulate("rain", ["rain", "<start>"], token_ids=IDS)
    n_asked = len(next(dialogue))
    for each in replies:
        try:
            n_asked = len(dialogue.send([each] * n_asked))
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


def test_decisions_become_expected_values_and_a_missing_one_stays_missing():
    certain = {str(level): float(level == 4) for level in range(11)}
    spread = {str(level): 0.0 for level in range(11)} | {"0": 0.25, "10": 0.75}
    assert answer("decisions", reply(decisions=(certain, spread))).expected == (4.0, 7.5)
    holed = answer("decisions", reply(decisions=(None, certain)))
    assert (holed.status, holed.expected) == ("ok", (None, 4.0))


@pytest.mark.parametrize("decisions", [None, (None, None), ({"0": 1.0},)])
def test_decisions_that_are_all_missing_or_too_few_are_unparsed(decisions):
    prediction = answer("decisions", reply(decisions=decisions))
    assert (prediction.status, prediction.expected) == ("unparsed", (None, None))


def test_levels_of_a_simulator_model_become_expected_values():
    slots = ({"0": math.log(0.5), "10": math.log(0.5)}, {"3": 0.0})
    prediction = answer("direct", reply(slots=slots))
    assert prediction.expected == (pytest.approx(5.0), pytest.approx(3.0))


@pytest.mark.parametrize("ids", [None, (1,)])
def test_a_simulator_model_needs_an_id_for_every_token(ids):
    with pytest.raises(InputError, match="one for each of 2 tokens"):
        registry.load("simulator", "direct")()("rain", ["a", "b"], token_ids=ids)


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
    assert able(decisions=True, prompt_logprobs=True) == "prompt_logprobs"
    assert able(decisions=True, generated_logprobs=True, json_schema=True) == "decisions"
    assert able(direct=True, prompt_logprobs=True) == "direct"
    with pytest.raises(CapabilityError, match="choose another model"):
        able()


def test_simulators_that_are_slow_or_deaf_to_the_explanation_are_never_chosen():
    everything = Capabilities(
        prompt_logprobs=False, splits_ten=True, generated_logprobs=True, json_schema=False
    )
    assert choose(everything) == "generated_logprobs"
    for name in ("token_by_token", "token_lookup"):
        assert registry.load("simulator", name).preference is None
