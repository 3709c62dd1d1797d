"""Requests that wait together, with a function in place of the model."""

import asyncio
import threading
import time

import pytest

from neuroscribe.llm.local.collector import Collector
from neuroscribe.llm.outcome import Outcome
from neuroscribe.llm.protocol import ContinuationRequest

DONE = Outcome(status="ok", text="a")


def asked(name="rain") -> ContinuationRequest:
    return ContinuationRequest(context="The", continuation=str(name))


def run(coroutine):
    async def limited():
        return await asyncio.wait_for(coroutine, 2)

    return asyncio.run(limited())


def test_a_place_that_the_model_leaves_out_is_an_error_and_the_others_are_answered():
    async def whole():
        collector = Collector(lambda requests: iter([(0, DONE)]), threading.Lock())
        asking = (collector.ask(asked(name)) for name in range(3))
        return await asyncio.gather(*asking, return_exceptions=True)

    first, *others = run(whole())
    assert first == DONE
    for error in others:
        with pytest.raises(RuntimeError, match="left a request without an outcome"):
            raise error


def test_requests_whose_askers_all_gave_up_are_not_computed():
    computed, begun = [], threading.Event()

    def slow(requests):
        for place, request in enumerate(requests):
            computed.append(request.continuation)
            begun.set()
            time.sleep(0.01)
            yield place, DONE

    async def whole():
        collector = Collector(slow, threading.Lock())
        asking = [asyncio.create_task(collector.ask(asked(name))) for name in range(100)]
        assert await asyncio.to_thread(begun.wait, 1)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        return await collector.ask(asked("another"))

    assert run(whole()) == DONE
    assert computed[-1] == "another"
    assert len(computed) < 20


def test_requests_go_on_while_one_asker_waits():
    def slow(requests):
        for place in range(len(requests)):
            time.sleep(0.005)
            yield place, DONE

    async def whole():
        collector = Collector(slow, threading.Lock())
        asking = [asyncio.create_task(collector.ask(asked(name))) for name in range(10)]
        await asyncio.sleep(0.02)
        for task in asking[:-1]:
            task.cancel()
        return await asking[-1]

    assert run(whole()) == DONE


def test_collectors_with_one_turn_never_compute_at_once():
    turn, within, most = threading.Lock(), [], []

    def watched(requests):
        within.append(None)
        most.append(len(within))
        time.sleep(0.02)
        within.pop()
        yield from ((place, DONE) for place in range(len(requests)))

    async def whole():
        collectors = [Collector(watched, turn) for _ in range(4)]
        return await asyncio.gather(*(collector.ask(asked()) for collector in collectors))

    assert run(whole()) == [DONE] * 4
    assert most == [1] * 4
