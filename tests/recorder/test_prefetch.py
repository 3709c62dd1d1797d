"""Reading ahead: the same items as without it, and nothing left behind."""

import threading
import time
from collections.abc import Iterator

import pytest

from neuroscribe.recorder.prefetch import read_ahead


def alive() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "read-ahead"]


class Source:
    """Counts upwards for ever, and tells how far it was read."""

    def __init__(self) -> None:
        self.made: list[int] = []

    def __iter__(self) -> Iterator[int]:
        for number in range(10**9):
            self.made.append(number)
            yield number

    def made_when_at_rest(self) -> list[int]:
        before = None
        while before != len(self.made):
            before = len(self.made)
            time.sleep(0.3)
        return list(self.made)


@pytest.mark.parametrize("depth", [1, 2, 9])
def test_items_come_in_their_order(depth):
    assert list(read_ahead(iter([3, 1, 2, 1, None]), depth=depth)) == [3, 1, 2, 1, None]


def test_no_items_are_no_items():
    assert list(read_ahead(iter(()))) == []


@pytest.mark.parametrize("error", [ValueError("a torn page"), KeyboardInterrupt("stop")])
def test_an_error_is_raised_after_the_items_before_it(error):
    def broken() -> Iterator[int]:
        yield 1
        yield 2
        raise error

    seen = []
    with pytest.raises(type(error)) as raised:
        seen.extend(read_ahead(broken()))
    stream = read_ahead(broken())
    assert [next(stream), next(stream)] == [1, 2]
    with pytest.raises(type(error)):
        next(stream)
    assert raised.value is error
    assert alive() == []


def test_the_thread_ends_with_the_items():
    assert list(read_ahead(iter("ab"))) == ["a", "b"]
    assert alive() == []


def test_the_thread_ends_when_the_consumer_stops_early():
    source = Source()
    stream = read_ahead(iter(source), depth=2)
    assert next(stream) == 0
    assert alive() == ["read-ahead"]
    stream.close()
    assert alive() == []


def test_the_thread_ends_when_the_consumer_fails():
    def consume() -> None:
        stream = read_ahead(iter(Source()))
        for _ in stream:
            raise RuntimeError

    with pytest.raises(RuntimeError) as raised:
        consume()
    del raised
    assert alive() == []


def test_items_are_made_before_they_are_asked_for_but_no_more_than_depth_and_the_one_in_hand():
    source = Source()
    stream = read_ahead(iter(source), depth=2)
    assert next(stream) == 0
    assert source.made_when_at_rest() == [0, 1, 2, 3]
    assert next(stream) == 1
    assert source.made_when_at_rest() == [0, 1, 2, 3, 4]
    stream.close()
    assert source.made == [0, 1, 2, 3, 4]


def test_nothing_is_made_before_the_first_item_is_asked_for():
    source = Source()
    stream = read_ahead(iter(source))
    assert source.made_when_at_rest() == []
    stream.close()
    assert alive() == []
