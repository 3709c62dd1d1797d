import asyncio

import pytest

from neuroscribe.llm.gather import gather


def test_results_come_in_order():
    async def late(value):
        await asyncio.sleep(0.01 * (3 - value))
        return value

    assert asyncio.run(gather(late(value) for value in range(3))) == [0, 1, 2]


def test_the_first_failure_ends_the_others_and_is_raised_as_itself():
    ended = []

    async def fail():
        await asyncio.sleep(0)
        raise ValueError("broken")

    async def wait():
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(gather([wait(), fail(), wait()]))
    assert ended == [True, True]
