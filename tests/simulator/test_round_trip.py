"""Whatever the tokens hold, every simulator asks for each of them once and maps by position."""

import asyncio

import pytest
from hypothesis import example, given, settings, strategies as st

from neuroscribe import registry
from neuroscribe.llm import driver
from neuroscribe.llm.clients.mock import MockClient
from neuroscribe.llm.mock import MockLLM

NAMES = ("prompt_logprobs", "generated_logprobs", "structured", "decisions", "token_by_token")
NASTY = ("\t", "\n", "<start>", "<end>", "\\", "⟨f0 9f⟩", '"', "Explanation: a", "token 2", "")


def predict(name, tokens):
    results = []

    async def whole():
        client = MockClient.around(MockLLM())
        try:
            dialogue = registry.load("simulator", name)()('the token "needle"', tokens)
            await driver.run([(0, dialogue)], client, on_result=lambda _, r: results.append(r))
        finally:
            await client.aclose()

    asyncio.run(whole())
    return results[0]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=12, deadline=None)
@given(tokens=st.lists(st.text(max_size=6) | st.sampled_from(NASTY), max_size=6))
@example(tokens=list(NASTY))
@example(tokens=["\ud800", "\x00", "\u2028", "\r\n", "1\t0", "\u202eab"])
def test_the_one_token_that_fits_is_found_at_its_place(name, tokens):
    middle = len(tokens) // 2
    text = [*tokens[:middle], " needle", *tokens[middle:]]
    prediction = predict(name, text)
    assert (prediction.status, prediction.reason) == ("ok", None)
    assert len(prediction.expected) == len(text)
    assert prediction.expected[middle] == pytest.approx(8.9, abs=0.2)
    for place, (token, value) in enumerate(zip(text, prediction.expected, strict=True)):
        if place != middle and "ne" not in token and "le" not in token.casefold():
            assert value < 1.5
