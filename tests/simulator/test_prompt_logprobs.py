"""Slots of a prompt to expected values, with one request."""

import math
from datetime import UTC, datetime

import pytest

from neuroscribe.llm.protocol import Reply
from neuroscribe.simulator.prompt_logprobs import PromptLogprobs


def predict(slots):
    tokens = ["The", " cat", " sat"]
    dialogue = PromptLogprobs()("rain", tokens)
    assert len(next(dialogue)) == 1
    reply = Reply(status="ok", llm="mock", created_at=datetime(2026, 1, 1, tzinfo=UTC), slots=slots)
    with pytest.raises(StopIteration) as stop:
        dialogue.send([reply])
    return stop.value.value


# From openai/automated-interpretability@e4aa21b, parse_simulation_response.
def test_all_tokens_at_once_agree_with_published_code():
    prediction = predict(
        (
            {"0": -0.10536051565782628, "1": -2.3025850929940455},
            {"9": -0.6931471805599453, "10": -0.6931471805599453},
            {"0": 0.0},
        )
    )
    assert prediction.expected == pytest.approx((0.1, 9.5, 0.0))


# From EleutherAI/delphi@3c2e139, llm_interface.py.
def test_a_leading_space_is_folded_and_a_number_out_of_range_left_out():
    top = {"0": -0.1, " 1": -0.2, "11": -0.01, "10": -3.0}
    prediction = predict((top, top, {"4": math.log(0.2)}))
    assert prediction.expected == pytest.approx((0.7424352478532994, 0.7424352478532994, 4.0))
    assert prediction.folded == 2


@pytest.mark.parametrize("slots", [None, (), ({"1": 0.0},), ({"1": 0.0},) * 4])
def test_one_entry_per_token_or_nothing_is_read(slots):
    prediction = predict(slots)
    assert (prediction.status, prediction.expected) == ("unparsed", (None,) * 3)
    assert f"for {len(slots or ())} of 3 tokens" in prediction.reason


def test_log_probabilities_without_any_number_are_unparsed_and_not_silence():
    prediction = predict(({" the": -0.1}, None, {}))
    assert (prediction.status, prediction.expected) == ("unparsed", (None,) * 3)
