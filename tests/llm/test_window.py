"""The rule, with a clock that passes only by sleeping."""

import asyncio

import pytest

from neuroscribe.llm.connection import retry_after_seconds
from neuroscribe.llm.window import LONGEST_HOLD_SECONDS, Window


class Clock:
    def __init__(self):
        self.now = 0.0

    async def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("neuroscribe.llm.window.asyncio.sleep", clock.sleep)
    return clock


@pytest.fixture
def window(clock):
    return Window(8, lambda: clock.now)


def run(coroutine):
    return asyncio.run(coroutine)


async def a_moment():
    """Let everything else go on; sleeping is the fake clock's."""
    await asyncio.get_running_loop().run_in_executor(None, lambda: None)


async def visit(window, *answers):
    """Send one request after the other; each answer is a status and its Retry-After."""
    for status, retry_after in answers:
        with await window.enter() as place:
            place.answered(status, retry_after)


def test_the_setting_is_where_it_begins_and_a_429_halves_it(window):
    assert window.allowed == 8
    run(visit(window, (429, 1.0)))
    assert window.allowed == 4
    run(visit(window, (429, 1.0), (429, 1.0), (429, 1.0)))
    assert window.allowed == 1


def test_nothing_is_sent_before_retry_after_has_passed(window, clock):
    run(visit(window, (429, 7.0), (200, None), (429, 3.0), (200, None)))
    assert clock.now == 10.0


@pytest.mark.parametrize(
    ("asked", "held"), [(None, 1.0), (0.0, 0.0), (-5.0, 0.0), (86_400.0, LONGEST_HOLD_SECONDS)]
)
def test_odd_waits_are_made_sensible(window, clock, asked, held):
    run(visit(window, (429, asked), (200, None)))
    assert clock.now == held


def test_requests_that_were_sent_before_the_halving_do_not_halve_again(window):
    async def all_limited():
        places = [await window.enter() for _ in range(8)]
        for place in places:
            with place:
                place.answered(429, 0.0)

    run(all_limited())
    assert window.allowed == 4
    run(visit(window, (429, 0.0)))
    assert window.allowed == 2


def test_a_round_of_good_answers_adds_one_up_to_the_setting(window):
    run(visit(window, (429, 0.0), (429, 0.0)))
    assert window.allowed == 2
    run(visit(window, *[(200, None)] * 3))
    assert window.allowed == 3
    run(visit(window, *[(200, None)] * 4))
    assert window.allowed == 4
    run(visit(window, *[(200, None)] * 100))
    assert window.allowed == 8


def test_other_errors_change_nothing(window):
    run(visit(window, (429, 0.0), *[(500, None)] * 50, *[(400, None)] * 50))
    assert window.allowed == 4


def test_no_more_than_allowed_are_on_the_wire_and_turns_come_in_order(window):
    order, now, most = [], set(), []

    async def one(number):
        with await window.enter() as place:
            order.append(number)
            now.add(number)
            most.append(len(now))
            await a_moment()
            now.discard(number)
            place.answered(500, None)

    async def whole():
        await visit(window, (429, 0.0))
        await asyncio.gather(*(one(number) for number in range(12)))

    run(whole())
    assert order == list(range(12))
    assert max(most) == 4


def test_a_request_that_is_given_up_leaves_its_turn_to_the_next(clock):
    window = Window(1, lambda: clock.now)

    async def whole():
        first = await window.enter()
        second = asyncio.create_task(window.enter())
        third = asyncio.create_task(window.enter())
        await a_moment()
        with first:
            pass
        second.cancel()
        place = await asyncio.wait_for(third, 5)
        assert second.cancelled()
        with place:
            place.answered(200, None)

    run(whole())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": "9", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "soon"}, None),
        (
            {
                "date": "Wed, 25 Nov 2026 12:00:00 GMT",
                "retry-after": "Wed, 25 Nov 2026 12:00:30 GMT",
            },
            30.0,
        ),
        ({"retry-after": "Wed, 25 Nov 2026 12:00:30 GMT"}, None),
    ],
)
def test_retry_after_is_read_however_it_is_written(headers, seconds):
    assert retry_after_seconds(headers) == seconds
