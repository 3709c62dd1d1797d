"""What a selection is: it chooses among a unit's `train` exemplars and says what it learnt."""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from neuroscribe.records import Exemplar, Split, UnitRecord


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What an explainer is shown of a unit, and what was learnt in choosing it."""

    exemplars: tuple[Exemplar, ...]
    """In the order in which they are shown; of the `train` split."""
    student: str | None = None
    """Name of the student that was taught, where one was."""
    curve: tuple[float, ...] = ()
    """The student's quality on `calibration` after 0, 1, ... exemplars."""
    complexity: int | None = None
    """Exemplars that it took to reach 90% of the final quality; None where that says nothing."""
    reason: str | None = None
    """Why there is no complexity, or there are no exemplars."""


@runtime_checkable
class Selection(Protocol):
    """Chooses `train` exemplars of a unit."""

    name: ClassVar[str]
    """The registered name."""
    needs: ClassVar[tuple[str, ...]]
    """Services (`neuroscribe.services`) that the constructor takes, as keywords."""
    splits: ClassVar[tuple[Split, ...]]
    """Splits of a record that it looks at; all that it chooses is of `train`."""

    def __call__(self, record: UnitRecord) -> Chosen:
        """Choose; a unit that has none gets an empty choice with its reason."""
