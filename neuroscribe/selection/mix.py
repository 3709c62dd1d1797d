"""Half the strongest exemplars, then the quantile bands, then random texts.

The strongest say what the unit is about, the bands show its weaker sides, and a random text or two
show what it leaves alone. The random ones are the recorder's uniform sample of texts, which is the
same for every unit; on most of them the unit is silent.
"""

from dataclasses import dataclass
from typing import ClassVar

from neuroscribe.errors import InputError
from neuroscribe.records import Split, UnitRecord
from neuroscribe.selection.contract import Chosen
from neuroscribe.selection.distinct import NOTHING_RECORDED, distinct_train
from neuroscribe.selection.quantile import spread

_TWO_RANDOM_FROM = 8
"""Exemplars in all from which on two of them are random ones."""


@dataclass(frozen=True, kw_only=True)
class Mix:
    """Chooses strong, middling and random `train` exemplars and shows them in that order."""

    n: int = 5
    """How many: half of them (rounded up) the strongest, one random one (two from eight on), and
    the rest spread over the bands. What one part lacks, the strongest that are left make up."""

    name: ClassVar[str] = "mix"
    needs: ClassVar[tuple[str, ...]] = ()
    splits: ClassVar[tuple[Split, ...]] = ("train",)

    def __post_init__(self) -> None:
        if self.n < 1:
            raise InputError(f"n is {self.n}; it must be at least 1")

    def __call__(self, record: UnitRecord) -> Chosen:
        """Choose."""
        strongest = distinct_train(record)
        n_top = (self.n + 1) // 2
        n_random = min(self.n - n_top, 2 if self.n >= _TWO_RANDOM_FROM else 1)
        top = strongest[:n_top]
        shown = {exemplar.sequence.sequence_id for exemplar in top}
        # Random ones first: one of them may be the sample of a band as well.
        random = [
            exemplar
            for exemplar in record.select("train", "random")
            if exemplar.sequence.sequence_id not in shown
        ]
        random = sorted(random, key=lambda e: (e.rank, e.sequence.sequence_id))[:n_random]
        shown.update(exemplar.sequence.sequence_id for exemplar in random)
        others = [
            exemplar
            for exemplar in record.select("train", "quantile")
            if exemplar.sequence.sequence_id not in shown
        ]
        banded = spread(others, self.n - n_top - len(random))
        parts = [*top, *banded, *random]
        used = {exemplar.sequence.sequence_id for exemplar in parts}
        rest = [e for e in strongest if e.sequence.sequence_id not in used]
        chosen = parts + rest[: self.n - len(parts)]
        return Chosen(exemplars=tuple(chosen), reason=None if chosen else NOTHING_RECORDED)


PLUGIN = Mix
