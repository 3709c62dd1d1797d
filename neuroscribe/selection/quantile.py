"""Exemplars spread over the quantile bands of the unit's peaks.

The recorder samples each band ([0,.5), [.5,.9), [.9,.99), [.99,.999), [.999,1] of the peaks per
sequence). One exemplar is taken from every band, the highest first, then a second from every band,
until there are enough; so a unit's weaker sides show, and the lowest band shows where it is silent.

Source: Bills et al., 2023 (the bands); Paulo et al., 2024 (explaining from them).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from neuroscribe.errors import InputError
from neuroscribe.records import Exemplar, Split, UnitRecord
from neuroscribe.selection.contract import Chosen


@dataclass(frozen=True, kw_only=True)
class Quantile:
    """Chooses from the `train` exemplars of kind `quantile` and shows the highest band first."""

    n: int = 5
    """How many; all if fewer were recorded."""

    name: ClassVar[str] = "quantile"
    needs: ClassVar[tuple[str, ...]] = ()
    splits: ClassVar[tuple[Split, ...]] = ("train",)

    def __post_init__(self) -> None:
        if self.n < 1:
            raise InputError(f"n is {self.n}; it must be at least 1")

    def __call__(self, record: UnitRecord) -> Chosen:
        """Choose."""
        chosen = spread(record.select("train", "quantile"), self.n)
        reason = None if chosen else "no quantile exemplars of the unit were recorded on train"
        return Chosen(exemplars=tuple(chosen), reason=reason)


def spread(exemplars: Iterable[Exemplar], n: int) -> list[Exemplar]:
    """At most `n` quantile exemplars, of every band as equally many as there are.

    Returns:
        The highest band first, and inside a band by rank. Where `n` does not go round, the higher
        bands get one more.
    """
    taken: dict[int, int] = {}
    turns: list[tuple[int, int, Exemplar]] = []
    for exemplar in sorted(exemplars, key=_place):
        band = exemplar.quantile or 0
        taken[band] = taken.get(band, -1) + 1
        turns.append((taken[band], -band, exemplar))
    # Neither an exemplar nor its sequence has an order: turn and band alone decide.
    turns.sort(key=lambda turn: turn[:2])
    return sorted((exemplar for _, _, exemplar in turns[:n]), key=_place)


def _place(exemplar: Exemplar) -> tuple[int, int, int]:
    return -(exemplar.quantile or 0), exemplar.rank, exemplar.sequence.sequence_id


PLUGIN = Quantile
