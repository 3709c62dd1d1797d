"""How fast a client sends: requests under way, requests a second, tokens a minute.

The requests a second are counted in a hook of the HTTP transport, because the SDK's own retries
pass it too; a throttle around the SDK's call would not see them. The tokens are a bucket that
refills steadily: a request takes its estimate out before it is sent and puts right the difference
when the answer says what it used.
"""

import asyncio
from collections.abc import Callable

from asyncio_throttle.throttler import Throttler


class TokenRate:
    """At most so many tokens a minute; bursts up to one minute's worth.

    Args:
        tokens_per_minute: the rate, and the size of the bucket.
        clock: seconds, ascending.
    """

    def __init__(self, tokens_per_minute: int, clock: Callable[[], float]) -> None:
        self._size = float(tokens_per_minute)
        self._per_second = tokens_per_minute / 60
        self._clock = clock
        self._left = self._size
        self._at = clock()
        self._turn = asyncio.Lock()

    async def reserve(self, tokens: int) -> None:
        """Wait until the bucket holds this many, in order of asking, and take them out.

        More than a whole bucket is taken once the bucket is full.
        """
        async with self._turn:
            while True:
                self._refill()
                lacking = min(float(tokens), self._size) - self._left
                if lacking <= 0:
                    break
                await asyncio.sleep(lacking / self._per_second)
            self._left -= tokens

    def correct(self, reserved: int, used: int) -> None:
        """Put back what was reserved too much, or take what was reserved too little."""
        self._left = min(self._size, self._left + reserved - used)

    def _refill(self) -> None:
        now = self._clock()
        self._left = min(self._size, self._left + (now - self._at) * self._per_second)
        self._at = now


def throttler(requests_per_second: float) -> Throttler:
    """A throttler that lets this many requests through in a second, evenly where it is under 1."""
    n_at_once = max(1, int(requests_per_second))
    return Throttler(rate_limit=n_at_once, period=n_at_once / requests_per_second)
