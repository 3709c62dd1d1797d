"""How many requests may be on the wire: as many as the endpoint bears, found out as it answers.

A 429 halves the number and holds everything back until its Retry-After has passed; every good
answer adds one over the number, so about one per round, up to the setting (additive increase,
multiplicative decrease, as TCP shares a line). Requests that were under way when the number was
halved tell nothing new: they ask for a longer wait but do not halve again. What the SDK sends again
passes here too, so a wait never eats up a request's attempts or its time-out.

Source: Chiu and Jain, 1989, for the rule.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from typing import final

DECREASE = 0.5
LONGEST_HOLD_SECONDS = 120.0
"""A longer Retry-After (a day's quota) is cut to this; the SDK gives such a request up."""
DEFAULT_HOLD_SECONDS = 1.0
"""What a 429 without Retry-After asks for."""


class Window:
    """The requests on the wire.

    Args:
        most: never more than this at once.
        clock: seconds, ascending.
    """

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = float(most)
        self._clock = clock
        self._allowed = float(most)
        self._on_wire = 0
        self._held_until = clock()
        self._halvings = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def allowed(self) -> int:
        """Requests that may be on the wire now, at least 1."""
        return max(1, int(self._allowed))

    async def enter(self) -> "Place":
        """Wait for a place, in order of asking, and then for the end of a hold."""
        if self._waiting or self._on_wire >= self.allowed:
            await self._turn()
        else:
            self._on_wire += 1
        try:
            # The end may be put off while one sleeps.
            while (held := self._held_until - self._clock()) > 0:  # noqa: ASYNC110
                await asyncio.sleep(held)
        except asyncio.CancelledError:
            self.leave()
            raise
        return Place(self, self._halvings)

    def leave(self) -> None:
        """Give a place back; the next in turn gets it, as far as there is room."""
        self._on_wire -= 1
        while self._waiting and self._on_wire < self.allowed:
            turn = self._waiting.popleft()
            if not turn.done():
                self._on_wire += 1
                turn.set_result(None)

    def succeeded(self) -> None:
        """Take in a good answer."""
        self._allowed = min(self._most, self._allowed + 1 / self._allowed)

    def limited(self, halvings: int, retry_after_seconds: float | None) -> None:
        """Take in a 429.

        Args:
            halvings: how often the number had been halved when the request was sent.
            retry_after_seconds: what the endpoint asks for.
        """
        if halvings == self._halvings:
            self._allowed = max(1.0, self._allowed * DECREASE)
            self._halvings += 1
        wanted = DEFAULT_HOLD_SECONDS if retry_after_seconds is None else retry_after_seconds
        wanted = min(max(0.0, wanted), LONGEST_HOLD_SECONDS)
        self._held_until = max(self._held_until, self._clock() + wanted)

    async def _turn(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                # The place came together with the cancellation.
                self.leave()
            raise


@final
class Place:
    """One request's place on the wire, for a `with` block."""

    def __init__(self, window: Window, halvings: int) -> None:
        self._window = window
        self._halvings = halvings

    def answered(self, status: int, retry_after_seconds: float | None) -> None:
        """Say what came back."""
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            self._window.limited(self._halvings, retry_after_seconds)
        elif status < HTTPStatus.BAD_REQUEST:
            self._window.succeeded()

    def __enter__(self) -> "Place":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._window.leave()
