"""Let requests wait for one another, and run those that wait in a thread, one run at a time.

Requests come singly from many dialogues; together they share a prefix and fill batches. The first
one waits a moment for others; while a run is under way the next ones gather by themselves. The
event loop stays free, and every outcome is handed over as soon as it is there, so it is journalled
although others are still being computed.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence

from neuroscribe.llm.outcome import Outcome
from neuroscribe.llm.protocol import Request

MOMENT_SECONDS = 0.005
"""How long the first request waits for others."""

Answers = Callable[[Sequence[Request]], Iterator[tuple[int, Outcome]]]
_Waiting = tuple[Request, "asyncio.Future[Outcome]"]


class Collector:
    """The requests of one event loop.

    Args:
        answers: from requests to outcomes by place; called in a thread, never twice at once.
    """

    def __init__(self, answers: Answers, turn: threading.Lock) -> None:
        self._turn = turn
        self.loop = asyncio.get_running_loop()
        self._answers = answers
        self._waiting: list[_Waiting] = []
        self._work: asyncio.Task[None] | None = None

    async def ask(self, request: Request) -> Outcome:
        """The outcome of a request."""
        future: asyncio.Future[Outcome] = self.loop.create_future()
        self._waiting.append((request, future))
        if self._work is None:
            self._work = self.loop.create_task(self._work_off())
        return await future

    async def aclose(self) -> None:
        """Drop what waits; what is being computed ends with its batch."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.wait([self._work])
            self._work = None
        for _, future in self._waiting:
            future.cancel()
        self._waiting = []

    async def _work_off(self) -> None:
        await asyncio.sleep(MOMENT_SECONDS)
        while self._waiting:
            taken, self._waiting = self._waiting, []
            # Those whose dialogue was given up in the meantime are not computed.
            await self._run([each for each in taken if not each[1].done()])
        self._work = None

    async def _run(self, taken: Sequence[_Waiting]) -> None:
        stopped = threading.Event()
        futures = [future for _, future in taken]

        def work() -> None:
            with self._turn:
                for place, outcome in self._answers([request for request, _ in taken]):
                    self.loop.call_soon_threadsafe(_hand_over, futures[place], outcome)
                    # Also where every dialogue that waits was given up.
                    if stopped.is_set() or all(future.done() for future in futures):
                        return

        running = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError:
            # A thread cannot be cancelled: it is told to stop and waited for.
            stopped.set()
            await asyncio.wait([running])
            for future in futures:
                future.cancel()
            raise
        error = running.exception() or RuntimeError("the model left a request without an outcome")
        for future in futures:
            if not future.done():
                future.set_exception(error)


def _hand_over(future: "asyncio.Future[Outcome]", outcome: Outcome) -> None:
    if not future.done():
        future.set_result(outcome)
