"""Progress bars for long work: rate, time left and cost; silent where nobody watches.

A bar is drawn on standard error if that is a terminal. In a file, a pipe or CI nothing is written,
so logs hold results only.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_hidden = False


def show(*, visible: bool) -> None:
    """Draw the bars of this process, or none: of several that do one work, one should."""
    global _hidden  # noqa: PLW0603
    _hidden = not visible


class Bar:
    """One line of progress."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, steps: int = 1, *, cost_usd: float | None = None) -> None:
        """Count steps as done; `cost_usd` is what the work has cost so far."""
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
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(unit),
        TimeRemainingColumn(),
        TextColumn("{task.fields[cost]}"),
        console=console,
        disable=_hidden or not console.is_terminal,
    ) as progress:
        yield Bar(progress, progress.add_task(description, total=total, cost=""))


class _Rate(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f} {self.unit}/s")
