import asyncio

import httpx2
import pytest
from hypothesis import given, strategies as st

from neuroscribe.errors import InputError
from neuroscribe.llm.budget import Budget
from neuroscribe.llm.clients.openai import OpenAIClient
from neuroscribe.llm.prices import Price

PRICES = {"m@http://host.test/v1": Price(input_usd=1000.0, output_usd=10_000.0)}


def test_requests_over_the_number_are_skipped(mock_client, ask, chat):
    budget = Budget(max_requests=3)
    client = mock_client(budget=budget)
    replies = ask(client, *(chat(str(index)) for index in range(5)))
    assert [reply.status for reply in replies] == ["ok", "ok", "ok", "skipped", "skipped"]
    assert replies[4].reason == "the budget is reached"
    assert (budget.requests, budget.reached) == (3, True)
    assert client.mock.requests_seen == 3


def test_retries_count_as_one_request(mock_client, ask, chat):
    from neuroscribe.llm.mock import Misbehaviour

    misbehaviour = Misbehaviour(rate_limit=1.0, first_attempts=1, retry_after_seconds=0.01)
    budget = Budget(max_requests=1)
    client = mock_client(budget=budget, misbehaviour=misbehaviour, max_retries=1)
    assert ask(client, chat())[0].status == "ok"
    assert (budget.requests, client.tally.http_requests) == (1, 2)


def test_journalled_answers_are_free(mock_client, journal, ask, chat):
    ask(mock_client(journal=journal), chat())
    budget = Budget(max_requests=0)
    assert ask(mock_client(journal=journal, budget=budget), chat())[0].status == "ok"
    assert not budget.reached


def test_the_cost_is_never_passed_and_mostly_used(chat, ask):
    usage = {"prompt_tokens": 100, "completion_tokens": 10}
    choice = {"message": {"content": "yes"}, "finish_reason": "stop"}
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, json={"choices": [choice], "usage": usage})
    )
    budget = Budget(max_cost_usd=2.0)
    client = OpenAIClient(
        "openai:m@http://host.test/v1",
        "m",
        "http://host.test/v1",
        budget=budget,
        transport=transport,
        prices=PRICES,
    )
    # Each costs 0.1 + 0.1 = 0.2 USD, but reserves 0.1 + 0.5.
    requests = [chat("x" * 399 + str(index % 10), max_tokens=50) for index in range(30)]
    replies = ask(client, *requests)
    assert [reply.status for reply in replies].count("ok") == 8
    assert budget.cost_usd == pytest.approx(1.6)
    assert budget.reached


def test_a_cost_cannot_be_limited_where_the_price_is_not_known():
    with pytest.raises(InputError, match="NEUROSCRIBE_PRICES"):
        OpenAIClient(
            "openai:m@http://host.test/v1",
            "m",
            "http://host.test/v1",
            budget=Budget(max_cost_usd=1.0),
        )


@pytest.mark.parametrize(
    "limits", [{"max_cost_usd": -1.0}, {"max_cost_usd": float("nan")}, {"max_requests": -1}]
)
def test_a_negative_limit_is_refused(limits):
    with pytest.raises(InputError, match="must be at least 0"):
        Budget(**limits)


@given(
    st.lists(st.tuples(st.integers(0, 50).map(float), st.floats(0, 1)), max_size=20),
    st.integers(0, 200).map(float),
)
def test_however_requests_overlap_the_sum_stays_within_the_limit(requests, limit):
    budget = Budget(max_cost_usd=limit)

    async def request(reserved, share):
        reservation = await budget.reserve(reserved)
        if reservation is not None:
            await asyncio.sleep(0)
            budget.settle(reservation, reserved * share)
        return reservation is not None

    async def whole():
        return await asyncio.gather(*(request(*each) for each in requests))

    passed = asyncio.run(whole())
    assert budget.cost_usd <= limit + 1e-9
    assert budget.reached == (not all(passed))


def test_an_unanswered_request_gives_its_reservation_back():
    budget = Budget(max_cost_usd=1.0)

    async def whole():
        first = await budget.reserve(1.0)
        waiting = asyncio.create_task(budget.reserve(1.0))
        await asyncio.sleep(0)
        assert not waiting.done()
        budget.settle(first, 0.0)
        return await waiting

    assert asyncio.run(whole()) is not None
