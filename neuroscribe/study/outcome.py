"""What a stage did: counts by status, what is left, what was sent and paid."""

from collections.abc import Mapping
from dataclasses import dataclass

from neuroscribe.llm.session import SessionSummary

MOST_NAMED = 10
"""Failed units that the summary names."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of one run of `explain` or `score`."""

    stage: str
    counts: Mapping[str, int]
    """Items done in this run, by status."""
    already_done: int
    """Items that earlier runs had finished."""
    left: int
    """Items that were not begun, because the budget was reached."""
    session: SessionSummary
    """Requests and cost."""
    failed: tuple[str, ...]
    """The units that failed, by name; one for each of its explanations that did."""

    @property
    def exit_code(self) -> int:
        """0 done; 1 finished with failed items; 3 budget reached (DESIGN section 6)."""
        if self.session.budget_reached:
            return 3
        return 1 if self.counts.get("failed", 0) else 0

    def __str__(self) -> str:
        done = ", ".join(f"{count} {status}" for status, count in sorted(self.counts.items()))
        parts = [f"{self.stage}: {done or 'nothing to do'}"]
        if self.already_done:
            parts.append(f"{self.already_done} done before")
        if self.left:
            parts.append(f"{self.left} left")
        if self.failed:
            named = ", ".join(self.failed[:MOST_NAMED])
            more = len(self.failed) - MOST_NAMED
            parts.append(f"failed: {named}" + (f" and {more} more" if more > 0 else ""))
        return "; ".join(parts) + f"; {self.session}"
