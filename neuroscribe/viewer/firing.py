"""Which units fire on the same sequences, from the bits that a recording may have kept.

Similarity is the phi coefficient: the correlation of two units' on/off over sequences. At most
8,192 sequences are read, evenly spaced: a correlation of .5 is then known to a few hundredths even
for units that fire on one sequence in a hundred. Counts of shared sequences are sums of ones in
float32, which are exact, so the result does not depend on the order of adding.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from neuroscribe.datasets import store
from neuroscribe.viewer.nearest import Nearest, nearest
from neuroscribe.viewer.order import SiteUnits

SHOWN = 8
"""Neighbours of each unit."""
MOST_SEQUENCES = 8192
MOST_TOGETHER = 20_000
"""Units up to which those of different sites are compared."""

_UNITS_AT_ONCE = 512

Bits = NDArray[np.uint8]


def firing_neighbours(root: str, sites: Sequence[SiteUnits]) -> Nearest | None:
    """The units that fire most alike, by row, the first of these sites' being 0.

    Returns:
        None where a site has no bits.
    """
    kept = _common_sequences(root, sites)
    if kept is None:
        return None
    # A bit is a sequence: an eighth of a byte each, unpacked a few units at a time.
    packed = np.concatenate([_packed(root, units, kept) for units in sites])
    counts = np.concatenate([_unpacked(part, len(kept)).sum(1) for part in _parts(packed)])
    counts = counts.astype(np.float64)
    total = len(packed)
    places = np.arange(total)
    found = Nearest(np.full((total, SHOWN), -1), np.zeros((total, SHOWN)))
    for start in range(0, total, _UNITS_AT_ONCE):
        asking = places[start : start + _UNITS_AT_ONCE]
        own = _unpacked(packed[asking], len(kept))
        both = np.concatenate(
            [own @ _unpacked(part, len(kept)).T for part in _parts(packed)], axis=1
        )
        similar = nearest(_phi(both, counts[asking], counts, len(kept)), places, asking, k=SHOWN)
        found.places[asking] = similar.places
        found.similarities[asking] = similar.similarities
    return found


def _common_sequences(root: str, sites: Sequence[SiteUnits]) -> NDArray[np.int64] | None:
    """Sequences of which every site and side has a row, evenly spaced."""
    common: NDArray[np.int64] | None = None
    for units in sites:
        rows = store.read(root, "bits", columns=["polarity", "sequence_id"], site=units.name)
        for polarity in units.polarities:
            of_side = rows.filter(pc.equal(rows["polarity"], polarity))["sequence_id"].to_numpy()
            common = of_side if common is None else np.intersect1d(common, of_side)
    if common is None or len(common) < 2:
        return None
    common = np.unique(common)
    if len(common) > MOST_SEQUENCES:
        places = np.arange(MOST_SEQUENCES) * len(common) // MOST_SEQUENCES
        common = common[places]
    return common


def _packed(root: str, units: SiteUnits, kept: NDArray[np.int64]) -> Bits:
    """Each unit's bits over the kept sequences, `[units, bytes]`, in order of place."""
    result = np.zeros((len(units), -(-len(kept) // 8)), dtype=np.uint8)
    for polarity in units.polarities:
        where = (pc.field("polarity") == polarity) & pc.field("sequence_id").isin(pa.array(kept))
        rows = store.read(
            root, "bits", columns=["sequence_id", "fires"], where=where, site=units.name
        )
        _, first = np.unique(rows["sequence_id"].to_numpy(), return_index=True)
        of_sequence = np.stack(
            [
                np.frombuffer(fires, np.uint8)
                for fires in rows["fires"].take(pa.array(first)).to_pylist()
            ]
        )
        side = units.polarity == polarity
        index = units.index[side]
        # A byte holds eight units; the first is in the highest bit.
        bits = (of_sequence[:, index // 8] >> (7 - index % 8).astype(np.uint8)) & 1
        result[side] = np.packbits(bits.T, axis=1)
    return result


def _parts(packed: Bits) -> Iterator[Bits]:
    for start in range(0, len(packed), _UNITS_AT_ONCE):
        yield packed[start : start + _UNITS_AT_ONCE]


def _unpacked(packed: Bits, count: int) -> NDArray[np.float32]:
    return np.unpackbits(packed, axis=1, count=count).astype(np.float32)


def _phi(
    both: NDArray[np.float32],
    own: NDArray[np.float64],
    others: NDArray[np.float64],
    total: int,
) -> NDArray[np.float64]:
    """Correlation of on/off; 0 where a unit always or never fires."""
    covariance = total * both.astype(np.float64) - np.outer(own, others)
    spread = np.outer(own * (total - own), others * (total - others))
    return np.divide(covariance, np.sqrt(spread), out=np.zeros_like(covariance), where=spread > 0)
