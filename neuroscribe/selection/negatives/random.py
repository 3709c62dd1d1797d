"""Random texts on which the unit is silent: the negatives that most judges are given.

They are easy. A random text shares nothing with the unit's exemplars, so even an explanation that
only names their topic tells the two apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from neuroscribe.firing import fires
from neuroscribe.records import Exemplar, Split, UnitRecord


@dataclass(frozen=True, kw_only=True)
class RandomNegatives:
    """Takes the recorder's random exemplars, in order of rank."""

    name: ClassVar[str] = "random"
    needs: ClassVar[tuple[str, ...]] = ()

    def __call__(
        self, record: UnitRecord, split: Split, positives: Sequence[Exemplar], n: int
    ) -> list[Exemplar]:
        """At most `n` of them on which the unit is silent; none of the positives' sequences."""
        excluded = {positive.sequence.sequence_id for positive in positives}
        silent = [
            exemplar
            for exemplar in sorted(
                record.select(split, "random"), key=lambda e: (e.rank, e.sequence.sequence_id)
            )
            if exemplar.sequence.sequence_id not in excluded and not fires(record, exemplar)
        ]
        return silent[: max(0, n)]


PLUGIN = RandomNegatives
