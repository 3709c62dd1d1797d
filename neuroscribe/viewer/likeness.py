"""What the explanations of a study say of each other: the map, and which are most alike."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroscribe.viewer.landmarks import choose_landmarks
from neuroscribe.viewer.layout import write_map
from neuroscribe.viewer.nearest import Nearest
from neuroscribe.viewer.order import SiteUnits
from neuroscribe.viewer.rounding import Floats
from neuroscribe.viewer.text_neighbours import text_neighbours
from neuroscribe.viewer.text_vectors import one_thread, text_vectors
from neuroscribe.viewer.units import Neighbour


class Neighbours(NamedTuple):
    """Units that are like others, by row."""

    asked: NDArray[np.int64]
    """Whose they are, ascending."""
    rows: NDArray[np.int64]
    """`[asked, k]`, the most alike first; -1 where there are fewer."""
    similarities: Floats


class Likeness(NamedTuple):
    """What explanations say of each other."""

    neighbours: Neighbours
    layout: dict[str, Any]
    """What `site.json` says of the map."""


class Directory:
    """Names and texts of all units, by row."""

    def __init__(self, sites: Sequence[SiteUnits], texts: Sequence[str | None]) -> None:
        self.texts = texts
        self._sites = sites
        self._first_rows = [units.first_row for units in sites]

    def unit(self, row: int) -> str:
        """What the unit of a row is called."""
        units = self._sites[int(np.searchsorted(self._first_rows, row, side="right")) - 1]
        return units.unit(row - units.first_row)

    def of_site(self, units: SiteUnits, found: Neighbours) -> dict[int, list[Neighbour]]:
        """The neighbours of a site's units, by place, as the site shows them."""
        bounds = [units.first_row, units.first_row + len(units)]
        start, end = np.searchsorted(found.asked, bounds)
        return {
            row - units.first_row: [
                (self.unit(other), similarity, self.texts[other])
                for other, similarity in zip(others, similarities, strict=True)
                if other >= 0
            ]
            for row, others, similarities in zip(
                found.asked[start:end].tolist(),
                found.rows[start:end].tolist(),
                found.similarities[start:end].tolist(),
                strict=True,
            )
        }


def by_row(asked: NDArray[np.int64], found: Nearest) -> Neighbours:
    """Neighbours by row, of units at those rows."""
    rows = np.where(found.places >= 0, asked[found.places], -1)
    return Neighbours(asked, rows, found.similarities)


def compare_explanations(
    out: Path, directory: Directory, score: Floats, encoder: str
) -> Likeness | None:
    """Write the map and find which explanations are alike.

    Args:
        out: the site that is built.
        directory: of all units.
        score: of all units, by row.
        encoder: see `text_vectors`.

    Returns:
        None without explanations.
    """
    rows = np.array([row for row, text in enumerate(directory.texts) if text is not None])
    if len(rows) == 0:
        return None
    texts = [text for text in directory.texts if text is not None]
    vectors, by = text_vectors(texts, encoder)
    with one_thread():
        marks = choose_landmarks(vectors)
        found = text_neighbours(vectors, marks)
    names = [directory.unit(row) for row in rows.tolist()]
    write_map(out, rows, names, score[rows], marks)
    return Likeness(by_row(rows, found), {"points": len(rows), "by": by})
