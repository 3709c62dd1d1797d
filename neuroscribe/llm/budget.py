"""How much may be spent, over all clients that share it.

Each request reserves its highest possible cost before it is sent and settles the true one after, so
the stated sum is never passed. A request that would pass it only because of what others have
reserved waits for them to settle; one that would pass it anyway is skipped, and the run can be
resumed. Journalled answers cost nothing and are not counted.
"""

import asyncio
from dataclasses import dataclass

from neuroscribe.errors import InputError


@dataclass(frozen=True)
class Reservation:
    """What one request may cost at most."""

    cost_usd: float


class Budget:
    """The most that may be spent and sent; None is no limit.

    >>> budget = Budget(max_requests=0)
    >>> asyncio.run(budget.reserve(None)), budget.reached
    (None, True)
    """

    def __init__(
        self, *, max_cost_usd: float | None = None, max_requests: int | None = None
    ) -> None:
        if max_cost_usd is not None and not max_cost_usd >= 0:
            raise InputError(f"the highest cost must be at least 0 USD, not {max_cost_usd}")
        if max_requests is not None and max_requests < 0:
            raise InputError(f"the most requests must be at least 0, not {max_requests}")
        self.max_cost_usd = max_cost_usd
        self.max_requests = max_requests
        self.requests = 0
        """Requests let through, each counted once however often it is retried."""
        self.cost_usd = 0.0
        """Spent so far, on models whose price is known."""
        self.reached = False
        """Whether a request was skipped."""
        self._reserved_usd = 0.0
        self._waiting: list[asyncio.Future[None]] = []

    async def reserve(self, cost_usd: float | None) -> Reservation | None:
        """Set aside the highest cost of a request (None: not known); None where it is too much."""
        cost = cost_usd or 0.0
        while True:
            if self._exceeds(cost):
                self.reached = True
                return None
            if not self._exceeds(cost + self._reserved_usd):
                self.requests += 1
                self._reserved_usd += cost
                return Reservation(cost)
            settled = asyncio.get_running_loop().create_future()
            self._waiting.append(settled)
            await settled

    def settle(self, reservation: Reservation, cost_usd: float | None) -> None:
        """Replace a reservation by what the request did cost; 0 where it was not answered."""
        self._reserved_usd -= reservation.cost_usd
        self.cost_usd += cost_usd or 0.0
        waiting, self._waiting = self._waiting, []
        for settled in waiting:
            if not settled.done():
                settled.set_result(None)

    def _exceeds(self, cost_usd: float) -> bool:
        if self.max_requests is not None and self.requests >= self.max_requests:
            return True
        # Sums of binary fractions miss round figures by a hair.
        tolerance = 1e-9
        return (
            self.max_cost_usd is not None
            and self.cost_usd + cost_usd > self.max_cost_usd + tolerance
        )
