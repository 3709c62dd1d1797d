"""Which sequences of the pool leave a unit silent: by its peaks first, then by its activations."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neuroscribe.firing import FIRING_SHARE, fires
from neuroscribe.records import Exemplar, Split, UnitRecord
from neuroscribe.services import Pool

Places = NDArray[np.int64]


def silent_places(
    pool: Pool, record: UnitRecord, split: Split, positives: Sequence[Exemplar]
) -> Places:
    """Places in the pool of the sequences that are no positives and do not fire the unit."""
    excluded = {positive.sequence.sequence_id for positive in positives}
    others = np.array([s.sequence_id not in excluded for s in pool.sequences(split)], dtype=bool)
    peaks = pool.peaks(record.unit.site, record.unit.polarity, split)[:, record.unit.index]
    silent = (peaks <= FIRING_SHARE * record.max_activation) | (record.max_activation <= 0)
    places: Places = np.flatnonzero(others & silent)
    return places


def first_silent(
    pool: Pool, record: UnitRecord, split: Split, places: Places, n: int
) -> list[Exemplar]:
    """The first `n` of some places, as exemplars on which the unit is verified to be silent.

    A peak at the edge may fall on the other side when the sequence is run again among others, so
    what fires after all is dropped and the next one taken.
    """
    found: list[Exemplar] = []
    start = 0
    while len(found) < n and start < len(places):
        asked = places[start : start + n - len(found)]
        exemplars = pool.exemplars(record, asked.tolist(), split)
        found += [exemplar for exemplar in exemplars if not fires(record, exemplar)]
        start += len(asked)
    return [replace(exemplar, rank=rank) for rank, exemplar in enumerate(found)]
