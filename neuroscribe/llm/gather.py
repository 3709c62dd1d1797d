"""Await several things at once; the first failure ends the others and is raised as itself.

`asyncio.TaskGroup` wraps failures in groups, `asyncio.gather` leaves the others running; callers
here want neither.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


async def gather(coroutines: Iterable[Coroutine[Any, Any, ResultT]]) -> list[ResultT]:
    """The results, in order."""
    tasks: list[asyncio.Task[ResultT]] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks.extend(group.create_task(coroutine) for coroutine in coroutines)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
