"""The map: explanations in two dimensions, like ones near each other.

At most 3,000 landmarks are laid out by t-SNE, which begins with the two strongest directions (PCA)
and so keeps the large-scale order. Every explanation is then placed between its nearest landmarks,
and moved a little by a hash of its unit's name, so that equal explanations do not hide each other.
t-SNE shows which explanations are alike, not how far unlike ones are from each other.

Source: van der Maaten and Hinton, 2008; Kobak and Berens, 2019 (initialisation).
"""

import math
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuroscribe.viewer.blocks import to_json, write_block
from neuroscribe.viewer.landmarks import Landmarks
from neuroscribe.viewer.rounding import Floats, numbers
from neuroscribe.viewer.text_vectors import Vectors, one_thread

SIDE = 65535
"""Coordinates are integers from 0 to this."""

_FEWEST_FOR_TSNE = 10
_PERPLEXITY = 30.0
_JITTER = 0.006
"""Of the side: how far a point is moved at most."""
_SOFTENING = 1e-3
_SEED = 0


def write_map(
    out: Path, rows: NDArray[np.int64], names: Sequence[str], score: Floats, marks: Landmarks
) -> None:
    """Write the map of the explained units.

    Args:
        out: the site that is built.
        rows: of the explained units, ascending.
        names: of those units.
        score: of those units, NaN where there is none.
        marks: landmarks among their explanations' vectors.
    """
    points = laid_out(marks, names)
    content = {
        "row": rows.tolist(),
        "x": points[:, 0].tolist(),
        "y": points[:, 1].tolist(),
        "score": numbers(score),
    }
    write_block(out / "data" / "map.json.gz", to_json(content))


def laid_out(marks: Landmarks, names: Sequence[str]) -> NDArray[np.int64]:
    """Coordinates of each explanation, `[explanations, 2]`."""
    with one_thread():
        placed = _landmark_points(marks.vectors)
    # The squared distance of two vectors of length 1.
    distances = 2 - 2 * np.minimum(marks.similarities, 1.0)
    weights = 1 / (distances + _SOFTENING)
    weights /= weights.sum(1, keepdims=True)
    points = _spread((weights[:, :, None] * placed[marks.nearest]).sum(1))
    points = _JITTER + points * (1 - 2 * _JITTER) + _moves(names)
    return np.rint(points * SIDE).astype(np.int64)


def _landmark_points(vectors: Vectors) -> Floats:
    count = len(vectors)
    if count < _FEWEST_FOR_TSNE:
        angles = 2 * math.pi * np.arange(count) / count
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)
    from sklearn.manifold import TSNE  # noqa: PLC0415 -- optional, and slow to load

    layout = TSNE(
        init="pca" if vectors.shape[1] >= 2 else "random",
        perplexity=min(_PERPLEXITY, (count - 1) / 3),
        learning_rate="auto",
        random_state=_SEED,
    )
    return np.asarray(layout.fit_transform(vectors), dtype=np.float64)


def _spread(points: Floats) -> Floats:
    """Into the unit square, both axes by the same factor."""
    low, high = points.min(0), points.max(0)
    extent = max(float((high - low).max()), 1e-12)
    spread: Floats = 0.5 + (points - (low + high) / 2) / extent
    return spread


def _moves(names: Sequence[str]) -> Floats:
    """Small steps in the square, each by a hash of a name."""
    hashes = np.array([zlib.crc32(name.encode("utf-8")) for name in names], dtype=np.int64)
    parts = np.stack([hashes & 0xFFFF, hashes >> 16], axis=1) / 0xFFFF
    moves: Floats = (2 * parts - 1) * _JITTER
    return moves
