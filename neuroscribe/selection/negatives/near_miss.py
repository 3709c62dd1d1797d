"""Texts on which units much like this one fire while it is silent.

A unit is like another if their peaks rise and fall together over the pool (Pearson). An explanation
that fits the whole family, and not this member, is caught by these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from neuroscribe.errors import InputError
from neuroscribe.firing import FIRING_SHARE
from neuroscribe.records import Exemplar, Split, UnitRecord
from neuroscribe.selection.negatives.silent import Places, first_silent, silent_places
from neuroscribe.services import Array, Pool


@dataclass(frozen=True, kw_only=True)
class NearMissNegatives:
    """Takes the silent sequences on which the most correlated units of the site fire strongest."""

    pool: Pool
    n_kin: int = 10
    """How many correlated units are looked at."""

    name: ClassVar[str] = "near_miss"
    needs: ClassVar[tuple[str, ...]] = ("pool",)

    def __post_init__(self) -> None:
        if self.n_kin < 1:
            raise InputError(f"n_kin is {self.n_kin}; it must be at least 1")

    def __call__(
        self, record: UnitRecord, split: Split, positives: Sequence[Exemplar], n: int
    ) -> list[Exemplar]:
        """At most `n`, in falling order of the kin's strength.

        Strength is a peak as a share of that unit's largest peak in the pool, of whichever of the
        kin it is highest for. Sequences on which none of the kin fires are no near misses and are
        left out, so there may be none: a unit that is correlated with no other has no kin.
        """
        places = silent_places(self.pool, record, split, positives)
        peaks = self.pool.peaks(record.unit.site, record.unit.polarity, split)
        kin = most_correlated(peaks, record.unit.index, self.n_kin)
        if not kin.size or not places.size or n < 1:
            return []
        strength = (peaks[np.ix_(places, kin)] / peaks[:, kin].max(0)).max(1)
        places, strength = places[strength > FIRING_SHARE], strength[strength > FIRING_SHARE]
        ordered = places[(-strength).argsort(kind="stable")]
        return first_silent(self.pool, record, split, ordered, n)


def most_correlated(peaks: Array, unit: int, n: int) -> Places:
    """Units whose peaks are most correlated with a unit's, the most correlated first.

    Args:
        peaks: `[sequences, units]`.
        unit: whose kin are looked for; never among them.
        n: at most so many; units without positive peaks or with a correlation of 0 or less are
            left out.
    """
    if len(peaks) < 2:
        return np.empty(0, dtype=np.int64)
    centred = peaks - peaks.mean(0)
    sizes = np.sqrt((centred**2).sum(0))
    products = centred.T @ centred[:, unit]
    scale = sizes * sizes[unit]
    correlation = np.divide(products, scale, out=np.zeros_like(products), where=scale > 0)
    correlation[unit] = 0.0
    correlation[peaks.max(0) <= 0] = 0.0
    ordered = (-correlation).argsort(kind="stable")[:n]
    kin: Places = ordered[correlation[ordered] > 0]
    return kin


PLUGIN = NearMissNegatives
