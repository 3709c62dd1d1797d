"""The order of the units of a site, which is also their address in the blocks.

A site's units are ordered by index, the positive side first. A unit's place is its position in that
order, and its row its place among all sites. Where every index up to the last was recorded with the
same sides, place follows from index by arithmetic and no list of units is needed.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from neuroscribe.datasets import store
from neuroscribe.errors import StudyError
from neuroscribe.records import UnitId

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class SiteUnits:
    """One site and its units in order."""

    name: str
    kind: str
    layer: int | None
    number: int
    """Its place in `site.json`."""
    first_row: int
    index: Ints
    polarity: Ints

    def __len__(self) -> int:
        return len(self.index)

    @property
    def polarities(self) -> list[int]:
        """The sides that were recorded, the positive one first."""
        return sorted(set(self.polarity.tolist()), reverse=True)

    @property
    def listed(self) -> list[list[int]] | None:
        """Index and side of every unit; None where they follow by arithmetic."""
        sides = self.polarities
        count = len(self) // len(sides)
        regular = (
            sides[0] == 1
            and count * len(sides) == len(self)
            and bool((self.index == np.repeat(np.arange(count), len(sides))).all())
            and bool((self.polarity == np.tile(sides, count)).all())
        )
        return None if regular else np.stack([self.index, self.polarity], axis=1).tolist()

    def places(self, index: Ints, polarity: Ints) -> Ints:
        """Where units stand; -1 for one that is not there."""
        keys, wanted = _keys(self.index, self.polarity), _keys(index, polarity)
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[place] == wanted, place, -1)

    def unit(self, place: int) -> str:
        """What the unit at a place is called."""
        return f"{self.name}/{self.index[place]}{'-' if self.polarity[place] < 0 else ''}"

    def opposite(self, place: int) -> str | None:
        """What its other side is called, where that was recorded."""
        (other,) = self.places(self.index[place : place + 1], -self.polarity[place : place + 1])
        return None if other < 0 else self.unit(int(other))


def sites_of(
    root: str, manifest: Mapping[str, Any], wanted: Collection[UnitId] | None
) -> list[SiteUnits]:
    """The sites of a study in the manifest's order, then others by name.

    Args:
        root: the study.
        manifest: of the study.
        wanted: only these units; None takes all.

    Raises:
        StudyError: no unit was recorded.
    """
    rows = store.read(root, "units", columns=["site", "unit", "polarity"])
    described = {site["name"]: site for site in manifest.get("subject", {}).get("sites", [])}
    present = pc.unique(rows["site"]).to_pylist()
    names = [name for name in described if name in present]
    names += sorted(name for name in present if name not in described)
    sites: list[SiteUnits] = []
    first_row = 0
    for name in names:
        members = rows.filter(pc.equal(rows["site"], name))
        keys = np.unique(
            _keys(
                members["unit"].to_numpy().astype(np.int64),
                members["polarity"].to_numpy().astype(np.int64),
            )
        )
        if wanted is not None:
            chosen = [unit for unit in wanted if unit.site == name]
            keys = np.intersect1d(keys, [2 * unit.index + (unit.polarity < 0) for unit in chosen])
        if len(keys) == 0:
            continue
        about = described.get(name, {})
        sites.append(
            SiteUnits(
                name=name,
                kind=about.get("kind") or name.partition(":")[0].partition(".")[0],
                layer=about.get("layer"),
                number=len(sites),
                first_row=first_row,
                index=keys // 2,
                polarity=1 - 2 * (keys % 2),
            )
        )
        first_row += len(keys)
    if not sites:
        raise StudyError(f"{root} holds no units to show; record some first")
    return sites


def blocks_of(count: int, size: int) -> Iterator[tuple[int, range]]:
    """Numbers of the blocks of a site, and the places that each holds."""
    for start in range(0, count, size):
        yield start // size, range(start, min(start + size, count))


def _keys(index: Ints, polarity: Ints) -> Ints:
    """Numbers that sort as units do."""
    return 2 * index + (polarity < 0)
