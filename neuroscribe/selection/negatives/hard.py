"""Texts that look like the unit's exemplars and leave it silent.

Who takes the topic of the exemplars for what the unit detects is caught by these. A sequence is as
near as it is to the nearest of the positives, by the cosine of their embeddings.

Source: contrastive explanations of Paulo et al., 2024 (nearest non-activating sequences).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from neuroscribe.records import Exemplar, Split, UnitRecord
from neuroscribe.selection.negatives.silent import first_silent, silent_places
from neuroscribe.services import Embed, Pool


@dataclass(frozen=True, kw_only=True)
class HardNegatives:
    """Takes the silent sequences of the pool that are nearest to any positive."""

    pool: Pool
    embed: Embed
    """The encoder of the pool: positives need not be in the pool."""

    name: ClassVar[str] = "hard"
    needs: ClassVar[tuple[str, ...]] = ("pool", "embed")

    def __call__(
        self, record: UnitRecord, split: Split, positives: Sequence[Exemplar], n: int
    ) -> list[Exemplar]:
        """At most `n`, the nearest first; none without positives to be near to."""
        places = silent_places(self.pool, record, split, positives)
        if not positives or not places.size or n < 1:
            return []
        texts = [positive.sequence.text for positive in positives]
        nearness = (self.pool.embeddings(split)[places] @ self.embed(texts).T).max(1)
        # A stable sort: of equally near sequences the earlier comes first.
        ordered = places[(-nearness).argsort(kind="stable")]
        return first_silent(self.pool, record, split, ordered, n)


PLUGIN = HardNegatives
