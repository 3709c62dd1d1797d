"""A unit's `train` exemplars with each sequence once.

The recorder may keep a sequence for several reasons: the strongest of all is often the sample of
the highest quantile band too. Shown twice it would count twice.
"""

from collections.abc import Iterable

from neuroscribe.records import Exemplar, Kind, UnitRecord

NOTHING_RECORDED = "no exemplars of the unit were recorded on train"
"""The reason of a choice from nothing."""

_PREFERENCE: tuple[Kind, ...] = ("top", "quantile", "random")


def distinct_train(record: UnitRecord) -> list[Exemplar]:
    """Every `train` exemplar, the strongest first; of equal peaks the earlier sequence.

    A sequence that was kept for several reasons stands as `top`, or else as `quantile`.
    """
    ordered = sorted(record.select("train"), key=lambda e: (_PREFERENCE.index(e.kind), e.rank))
    return sorted(
        each_sequence_once(ordered), key=lambda e: (-e.peak_activation, e.sequence.sequence_id)
    )


def each_sequence_once(exemplars: Iterable[Exemplar]) -> list[Exemplar]:
    """The first exemplar of every sequence, in the order given."""
    first: dict[int, Exemplar] = {}
    for exemplar in exemplars:
        first.setdefault(exemplar.sequence.sequence_id, exemplar)
    return list(first.values())
