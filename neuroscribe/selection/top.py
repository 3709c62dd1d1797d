"""The strongest exemplars: what explainers are shown nearly everywhere.

They say what the unit is at its most extreme. A unit that fires on several things, one of them more
strongly, looks as if it fired on that alone.

Source: Bills et al., 2023.
"""

from dataclasses import dataclass
from typing import ClassVar

from neuroscribe.errors import InputError
from neuroscribe.records import Split, UnitRecord
from neuroscribe.selection.contract import Chosen
from neuroscribe.selection.distinct import NOTHING_RECORDED, distinct_train


@dataclass(frozen=True, kw_only=True)
class Top:
    """Chooses the strongest `train` exemplars, the strongest first."""

    n: int = 5
    """How many; all if fewer were recorded."""

    name: ClassVar[str] = "top"
    needs: ClassVar[tuple[str, ...]] = ()
    splits: ClassVar[tuple[Split, ...]] = ("train",)

    def __post_init__(self) -> None:
        if self.n < 1:
            raise InputError(f"n is {self.n}; it must be at least 1")

    def __call__(self, record: UnitRecord) -> Chosen:
        """Choose."""
        chosen = distinct_train(record)[: self.n]
        return Chosen(exemplars=tuple(chosen), reason=None if chosen else NOTHING_RECORDED)


PLUGIN = Top
