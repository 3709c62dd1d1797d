"""A unit of a built site as one JSON object: the twin of its page."""

from pathlib import Path
from typing import Any

import numpy as np

from neuroscribe.errors import InputError, SubjectError
from neuroscribe.records import UnitId
from neuroscribe.viewer.blocks import EXEMPLARS, INDEX, UNITS, read_block, read_json


def open_index(site: Path) -> dict[str, Any]:
    """What `data/site.json` of a built site holds.

    Raises:
        InputError: the folder is not a site.
    """
    path = site / INDEX
    if not path.is_file():
        raise InputError(
            f"{site} is not a site: it has no {INDEX}; build it with `neuroscribe site`"
        )
    index: dict[str, Any] = read_json(path)
    return index


def unit_twin(site: Path, name: str) -> dict[str, Any]:
    """All that a site knows of a unit: its entries in two blocks, and the sequences they name.

    Args:
        site: the site's folder.
        name: of the unit, such as `mlp.5/1021` or `mlp.5/1021-`.

    Raises:
        SubjectError: the site has no such unit.
        InputError: a file of the site is missing or damaged.
    """
    number, place = _address(open_index(site), UnitId.parse(name))
    units = _block(site, "units", number, place // UNITS)["units"]
    block = _block(site, "exemplars", number, place // EXEMPLARS)
    exemplars = block["units"][place % EXEMPLARS]
    used = {
        item["s"]
        for group in (*exemplars["groups"], *exemplars["simulations"])
        for item in group["items"]
    }
    sequences = {key: block["sequences"][key] for key in sorted(used, key=int)}
    return {**units[place % UNITS], "exemplars": exemplars, "sequences": sequences}


def _address(index: dict[str, Any], unit: UnitId) -> tuple[int, int]:
    """The number of a unit's site, and its place there."""
    for number, site in enumerate(index["sites"]):
        if site["name"] == unit.site:
            place = _place(site, unit)
            if place is not None:
                return number, place
    raise SubjectError(f"the site shows no unit {unit}")


def _place(site: dict[str, Any], unit: UnitId) -> int | None:
    if site["units"] is None:
        sides = site["polarities"]
        place = unit.index * len(sides) + (unit.polarity < 0)
        return place if unit.polarity in sides and place < site["count"] else None
    listed = np.array(site["units"])
    found = np.flatnonzero((listed == [unit.index, unit.polarity]).all(1))
    return int(found[0]) if len(found) else None


def _block(site: Path, kind: str, number: int, block: int) -> dict[str, Any]:
    content: dict[str, Any] = read_block(site / "data" / kind / str(number) / f"{block}.json.gz")
    return content
