"""Progress bars for long work: rate, time left and cost; silent where nobody watches.

A bar is drawn on standard error if that is a terminal. In a file, a pipe or CI nothing is written,
so logs hold results only. Recording runs on machines that carry torch alone: without rich there is
no bar.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_hidden = False


def show(*, visible: bool) -> None:
    """Draw the bars of this process, or none: of several that do one work, one should."""
    global _hidden  # noqa: PLW0603
    _hidden = not visible


class Bar:
    """One line of progress; without a `Progress` to draw on it is silent."""

    def __init__(self, progress: "Progress | None" = None, task: "TaskID | None" = None) -> None:
        self._progress = progress
        self._task = task

    def advance(self, steps: int = 1, *, cost_usd: float | None = None) -> None:
        """Count steps as done; `cost_usd` is what the work has cost so far."""
        if self._progress is None or self._task is None:
            return
        cost = "" if cost_usd is None else f"${cost_usd:,.4f}"
        self._progress.update(self._task, advance=steps, cost=cost)


@contextmanager
def bar(description: str, *, total: int | None, unit: str) -> Iterator[Bar]:
    """A progress bar while the block runs.

    Args:
        description: what is being done.
        total: number of steps; None if it cannot be known.
        unit: what a step is, in the plural ("tokens").
    """
    if _hidden or not sys.stderr.isatty():
        yield Bar()
        return
    try:
        from neuroscribe.progress_bar import drawn  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "rich":
            raise
        yield Bar()
        return
    with drawn(unit) as progress:
        yield Bar(progress, progress.add_task(description, total=total, cost=""))
