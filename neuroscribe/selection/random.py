"""A random draw among the exemplars on which the unit fires.

Most units are silent on a random text, and texts without a sign of the unit explain nothing; what
papers compare with under this name are random activating texts. So the draw is made among all
`train` exemplars on which the unit fires (`neuroscribe.firing`), of whatever kind, and filled up
with silent ones where those are too few. What was recorded leans toward strong sequences, and so
does the draw. It is seeded by unit and sequence, so it does not depend on the order of anything.
"""

from dataclasses import dataclass
from typing import ClassVar

from neuroscribe.errors import InputError
from neuroscribe.firing import fires
from neuroscribe.records import Exemplar, Split, UnitRecord, content_hash
from neuroscribe.selection.contract import Chosen
from neuroscribe.selection.distinct import NOTHING_RECORDED, distinct_train


@dataclass(frozen=True, kw_only=True)
class Random:
    """Chooses `train` exemplars by lot and shows them in the order drawn."""

    n: int = 5
    """How many; all if fewer were recorded."""
    seed: int = 0
    """Another seed, another draw."""

    name: ClassVar[str] = "random"
    needs: ClassVar[tuple[str, ...]] = ()
    splits: ClassVar[tuple[Split, ...]] = ("train",)

    def __post_init__(self) -> None:
        if self.n < 1:
            raise InputError(f"n is {self.n}; it must be at least 1")

    def __call__(self, record: UnitRecord) -> Chosen:
        """Choose."""

        def lot(exemplar: Exemplar) -> tuple[bool, str]:
            drawn = (str(self.seed), str(record.unit), str(exemplar.sequence.sequence_id))
            return not fires(record, exemplar), content_hash(*drawn)

        chosen = sorted(distinct_train(record), key=lot)[: self.n]
        return Chosen(exemplars=tuple(chosen), reason=None if chosen else NOTHING_RECORDED)


PLUGIN = Random
