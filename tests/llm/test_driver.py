import asyncio

import pytest

from neuroscribe.errors import InputError, LLMError
from neuroscribe.llm import driver
from neuroscribe.llm.budget import Budget
from neuroscribe.llm.dialogue import together
from neuroscribe.llm.mock import Misbehaviour
from neuroscribe.llm.prices import Price


@pytest.fixture
def asking(chat):
    """A dialogue of some rounds of one request each; its result is the statuses."""

    def build(name, rounds=1):
        statuses = []
        for index in range(rounds):
            (reply,) = yield [chat(f"{name}-{index}")]
            statuses.append(reply.status)
        return statuses

    return build


def run(jobs, client, **settings):
    results = {}

    async def whole():
        try:
            return await driver.run(
                jobs,
                client,
                on_result=lambda key, result: results.update({key: result}),
                **settings,
            )
        finally:
            await client.aclose()

    return asyncio.run(whole()), results


def test_dialogues_of_any_length_are_run_to_their_end(mock_client, asking):
    jobs = [(key, asking(key, rounds)) for key, rounds in (("a", 1), ("b", 3), ("c", 0))]
    outcome, results = run(jobs, mock_client())
    assert results == {"a": ["ok"], "b": ["ok"] * 3, "c": []}
    assert outcome == driver.RunOutcome(delivered=3, unfinished=[], budget_reached=False)


def test_dialogues_of_dialogues_are_answered_side_by_side(mock_client, asking):
    pair = together([asking("a", 2), asking("b", 1)])
    assert run([("both", pair)], mock_client())[1] == {"both": [["ok", "ok"], ["ok"]]}


def test_jobs_are_pulled_only_as_earlier_ones_end(mock_client, asking):
    pulled, most_open = [], []
    delivered = []

    def jobs():
        for key in range(20):
            pulled.append(key)
            most_open.append(len(pulled) - len(delivered))
            yield key, asking(key)

    async def whole(client):
        await driver.run(
            jobs(), client, on_result=lambda key, _: delivered.append(key), max_dialogues=3
        )
        await client.aclose()

    asyncio.run(whole(mock_client()))
    assert sorted(delivered) == list(range(20))
    assert max(most_open) == 3


def test_one_bad_answer_is_an_outcome_and_the_others_go_on(mock_client, asking):
    client = mock_client(misbehaviour=Misbehaviour(server_error=0.3))
    _, results = run([(key, asking(key)) for key in range(30)], client)
    assert len(results) == 30
    assert {status for statuses in results.values() for status in statuses} == {"ok", "failed"}


def test_at_the_budget_nothing_new_starts_and_nothing_is_delivered_with_a_hole(mock_client, asking):
    budget = Budget(max_requests=5)
    pulled = []

    def jobs():
        for key in range(10):
            pulled.append(key)
            yield key, asking(key, rounds=2)

    outcome, results = run(jobs(), mock_client(budget=budget), budget=budget, max_dialogues=1)
    assert results == {0: ["ok", "ok"], 1: ["ok", "ok"]}
    assert outcome == driver.RunOutcome(delivered=2, unfinished=[2], budget_reached=True)
    assert pulled == [0, 1, 2]


def test_a_run_that_reached_its_budget_is_resumed_by_the_journal(mock_client, journal, asking):
    def jobs():
        return [(key, asking(key, rounds=2)) for key in range(10)]

    budget = Budget(max_requests=7)
    first = mock_client(journal=journal, budget=budget)
    _, some = run(jobs(), first, budget=budget, max_dialogues=2)
    second = mock_client(journal=journal)
    outcome, results = run(jobs(), second)
    assert len(some) < 10
    assert outcome.delivered == len(results) == 10
    assert first.mock.requests_seen == 7
    assert second.mock.requests_seen == 13


def test_what_no_request_can_mend_ends_the_run_and_keeps_what_came(endpoint, asking):
    seen = []

    def answer(request):
        seen.append(request)
        if len(seen) > 3:
            return 401, {"error": {"message": "revoked"}}
        return 200, {"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}

    results = []

    async def whole(client):
        try:
            await driver.run(
                [(key, asking(key)) for key in range(20)],
                client,
                on_result=lambda key, _: results.append(key),
                max_dialogues=1,
            )
        finally:
            await client.aclose()

    with pytest.raises(LLMError, match="did not accept the key"):
        asyncio.run(whole(endpoint(answer)))
    assert results == [0, 1, 2]
    assert len(seen) == 4


def test_an_error_of_the_receiver_ends_the_run_as_itself(mock_client, asking):
    def refuse(key, result):
        raise InputError("the disk is full")

    async def whole(client):
        try:
            await driver.run([(key, asking(key)) for key in range(9)], client, on_result=refuse)
        finally:
            await client.aclose()

    with pytest.raises(InputError, match="the disk is full"):
        asyncio.run(whole(mock_client()))


def test_a_cancelled_run_keeps_what_was_delivered_and_closes_its_dialogues(mock_client, chat):
    client = mock_client(
        misbehaviour=Misbehaviour(timeout=0.5, delay_seconds=60.0), timeout_seconds=30.0
    )
    closed, results = [], []

    def dialogue(key):
        try:
            (reply,) = yield [chat(str(key))]
        finally:
            closed.append(key)
        return reply.status

    async def whole():
        task = asyncio.create_task(
            driver.run(
                [(key, dialogue(key)) for key in range(12)],
                client,
                on_result=lambda key, _: results.append(key),
            )
        )
        await asyncio.sleep(0.3)
        task.cancel()
        try:
            await task
        finally:
            await client.aclose()

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(whole())
    assert 0 < len(results) < 12
    assert sorted(closed) == list(range(12))


def test_an_estimate_counts_the_first_round_and_sends_nothing(
    mock_client, journal, asking, ask, chat
):
    client = mock_client(journal=journal)
    ask(client, chat("a-0"))
    seen = client.mock.requests_seen
    estimate = driver.estimate([(key, asking(key, 2)) for key in ("a", "b", "long" * 10)], client)
    assert client.mock.requests_seen == seen
    assert (estimate.dialogues, estimate.requests, estimate.journalled) == (3, 2, 1)
    assert (estimate.input_tokens, estimate.output_tokens) == (1 + 11, 200)
    assert estimate.cost_usd == 0.0
    assert "3 items would send 2 requests at first (1 more are in the journal)" in str(estimate)


def test_an_estimate_states_the_cost_or_that_nobody_knows_it(endpoint, asking):
    client = endpoint(lambda _: (200, {}))
    assert driver.estimate([("a", asking("a"))], client).cost_usd is None
    client._books.price = Price(input_usd=1000.0, output_usd=100.0)
    assert driver.estimate([("a", asking("a"))], client).cost_usd == pytest.approx(0.001 + 0.01)


def test_a_dialogue_without_requests_is_estimated_at_nothing(mock_client, asking):
    assert driver.estimate([("a", asking("a", 0))], mock_client()).requests == 0
