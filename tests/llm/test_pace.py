import asyncio

import pytest

from neuroscribe.llm.pace import TokenRate, throttler


class Clock:
    """Seconds that pass only by sleeping."""

    def __init__(self):
        self.now = 0.0

    async def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("neuroscribe.llm.pace.asyncio.sleep", clock.sleep)
    return clock


def reserve(clock, rate, *amounts):
    times = []

    async def whole():
        for amount in amounts:
            await rate.reserve(amount)
            times.append(round(clock.now, 6))

    asyncio.run(whole())
    return times


def test_a_minutes_worth_goes_at_once_and_the_rest_waits(clock):
    rate = TokenRate(600, lambda: clock.now)
    assert reserve(clock, rate, 400, 200, 100, 50) == [0.0, 0.0, 10.0, 15.0]


def test_what_was_not_used_is_put_back(clock):
    rate = TokenRate(600, lambda: clock.now)
    reserve(clock, rate, 600)
    rate.correct(reserved=600, used=100)
    assert reserve(clock, rate, 500, 10) == [0.0, 1.0]


def test_what_was_used_beyond_the_estimate_is_waited_for(clock):
    rate = TokenRate(600, lambda: clock.now)
    reserve(clock, rate, 600)
    rate.correct(reserved=600, used=700)
    assert reserve(clock, rate, 100) == [20.0]


def test_more_than_a_whole_bucket_goes_when_the_bucket_is_full(clock):
    rate = TokenRate(600, lambda: clock.now)
    assert reserve(clock, rate, 900, 100) == [0.0, 40.0]


@pytest.mark.parametrize(
    ("rate", "at_once", "period"), [(50.0, 50, 1.0), (2.5, 2, 0.8), (0.5, 1, 2.0)]
)
def test_a_rate_is_a_number_in_a_period(rate, at_once, period):
    made = throttler(rate)
    assert (made.rate_limit, made.period) == (at_once, pytest.approx(period))


def test_tokens_are_metered_between_a_client_and_its_endpoint(endpoint, chat, ask):
    import time

    usage = {"prompt_tokens": 1, "completion_tokens": 99}
    choice = {"message": {"content": "yes"}, "finish_reason": "stop"}
    client = endpoint(
        lambda _: (200, {"choices": [choice], "usage": usage}), tokens_per_minute=6000
    )
    # Sixty-two requests of 100 tokens: two more than the bucket holds, refilled at 100 a second.
    started = time.monotonic()
    ask(client, *(chat(f"{index:4}", max_tokens=99) for index in range(62)))
    assert 0.8 < time.monotonic() - started < 3.5
