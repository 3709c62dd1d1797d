"""Delphi's cached activations: what every latent of a file does, without the texts' strings.

A file `START_END.safetensors` holds, for the latents from START to END, where they fire (row of the
corpus, position, latent less START), how strongly, and the token ids of all rows. What is not there
is zero (below 1e-5), so statistics and silent texts are known as well. Rows are cut into windows of
a few dozen tokens, as exemplars here are; all windows of a row are of one split.

Source: `delphi/latents/cache.py` and `loader.py` of EleutherAI/delphi, read in November 2026.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neuroscribe.datasets.splits import split_of
from neuroscribe.errors import InputError
from neuroscribe.records import SPLITS, Split

FILE_NAME: Final = re.compile(r"(\d+)_(\d+)\.safetensors")
_QUANTILES: Final = (0.5, 0.9, 0.99, 0.999)
_BINS: Final = 40
_LOOKUP_SIZE: Final = 50

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class CachedLatent:
    """Where one latent fires, in order of the corpus."""

    index: int
    rows: Integers
    positions: Integers
    activations: Floats


@dataclass(frozen=True)
class CacheFile:
    """One file of a hook point."""

    path: Path
    rows: Integers
    positions: Integers
    latents: Integers
    activations: Floats
    tokens: Integers | None
    """Token ids of all rows; None where they were not saved."""

    def __iter__(self) -> Iterator[CachedLatent]:
        """The latents that fire at all, in order of index."""
        order = np.lexsort((self.positions, self.rows, self.latents))
        latents = self.latents[order]
        starts = np.flatnonzero(np.diff(latents, prepend=-1))
        for members in np.split(order, starts[1:]) if len(starts) else ():
            yield CachedLatent(
                index=int(self.latents[members[0]]),
                rows=self.rows[members],
                positions=self.positions[members],
                activations=self.activations[members],
            )


def read_cache(path: Path) -> CacheFile:
    """Read a file.

    Raises:
        InputError: it cannot be read, or its parts contradict each other.
    """
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415

    try:
        with safe_open(path, framework="numpy") as file:
            names = set(file.keys())
            data = {name: file.get_tensor(name) for name in sorted(names)}
    except (SafetensorError, OSError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged: {error}") from error
    return _checked(path, data)


def _checked(path: Path, data: dict[str, Any]) -> CacheFile:
    match = FILE_NAME.fullmatch(path.name)
    locations, activations, tokens = map(data.get, ("locations", "activations", "tokens"))
    if match is None or locations is None or activations is None:
        raise InputError(f"{path} is damaged: it holds no locations and activations of latents")
    first, last = int(match[1]), int(match[2])
    if locations.ndim != 2 or locations.shape[1] != 3 or activations.shape != (len(locations),):
        raise InputError(
            f"{path} is damaged: {activations.shape} activations at {locations.shape} locations"
        )
    if tokens is not None and tokens.ndim != 2:
        raise InputError(f"{path} is damaged: its tokens have the shape {tokens.shape}")
    rows, positions, latents = locations.astype(np.int64).T
    largest = [int(column.max(initial=0)) for column in (rows, positions, latents)]
    bounds = [*(tokens.shape if tokens is not None else (np.inf, np.inf)), last - first + 1]
    if any(here >= bound for here, bound in zip(largest, bounds, strict=True)) and len(rows):
        raise InputError(
            f"{path} is damaged: row, position or latent {tuple(largest)} of a location is outside "
            f"of {tuple(bounds)}"
        )
    return CacheFile(
        path=path,
        rows=rows,
        positions=positions,
        latents=latents + first,
        activations=activations.astype(np.float64),
        tokens=None if tokens is None else tokens.astype(np.int64),
    )


class Windows:
    """The rows of a corpus, cut into windows."""

    def __init__(self, tokens: Integers, *, length: int, split: Split | None) -> None:
        """Cut rows.

        Args:
            tokens: ids by row.
            length: tokens of a window; the last one of a row may be shorter.
            split: of all windows; None draws one for each row, by its token ids.
        """
        self.tokens = tokens
        self.length = length
        self.per_row = -(-tokens.shape[1] // length)
        self._split = split

    @cached_property
    def splits(self) -> NDArray[np.int8]:
        """The split of each row, as a place in `SPLITS`."""
        if self._split is not None:
            return np.full(len(self.tokens), SPLITS.index(self._split), dtype=np.int8)
        drawn = [SPLITS.index(split_of(" ".join(map(str, row)))) for row in self.tokens.tolist()]
        return np.array(drawn, dtype=np.int8)

    def of(self, latent: CachedLatent) -> Integers:
        """The window of each place where a latent fires."""
        windows: Integers = latent.rows * self.per_row + latent.positions // self.length
        return windows

    def ids(self, window: int) -> list[int]:
        """The token ids of a window."""
        row, place = divmod(window, self.per_row)
        ids: list[int] = self.tokens[row, place * self.length : (place + 1) * self.length].tolist()
        return ids

    def drawn(self, count: int) -> dict[Split, list[int]]:
        """So many windows of each split, the same ones for every latent."""
        found: dict[Split, list[int]] = {}
        for place, split in enumerate(SPLITS):
            rows = np.flatnonzero(self.splits == place)
            windows = (rows[:, None] * self.per_row + np.arange(self.per_row)).ravel().tolist()
            found[split] = sorted(windows, key=_draw)[:count]
        return found

    def values(self, latent: CachedLatent, window: int) -> tuple[float, ...]:
        """A latent's activations on the tokens of a window."""
        row, place = divmod(window, self.per_row)
        first, last = np.searchsorted(latent.rows, [row, row + 1])
        at = latent.positions[first:last] - place * self.length
        dense = np.zeros(min(self.length, self.tokens.shape[1] - place * self.length))
        here = (at >= 0) & (at < len(dense))
        dense[at[here]] = latent.activations[first:last][here]
        values: list[float] = dense.tolist()
        return tuple(values)

    def top(self, latent: CachedLatent, count: int) -> dict[Split, list[int]]:
        """The windows of each split with a latent's largest activations, strongest first."""
        windows, peaks = self._peaks(latent)
        splits = self.splits[windows // self.per_row]
        order = np.lexsort((windows, -peaks))
        return {
            split: windows[order[splits[order] == place][:count]].tolist()
            for place, split in enumerate(SPLITS)
        }

    def statistics(self, latent: CachedLatent) -> dict[str, Any]:
        """Columns of the table `units`; every token that is not in the cache counts as 0."""
        finite = latent.activations[np.isfinite(latent.activations)]
        n_nan = int(np.isnan(latent.activations).sum())
        n_tokens = self.tokens.size
        counted = n_tokens - (len(latent.activations) - len(finite))
        mean = finite.sum() / counted
        central = {power: _central(finite, mean, counted, power) for power in (2, 3, 4)}
        varies = central[2] > 0
        low, high = min(finite.min(initial=0.0), 0.0), max(finite.max(initial=0.0), 0.0)
        counts, edges = np.histogram(finite, bins=_BINS, range=(low, max(high, low + 1e-6)))
        of_zero = min(int(np.searchsorted(edges, 0.0, side="right")), _BINS) - 1
        counts[of_zero] += counted - len(finite)
        return {
            "n_tokens": n_tokens,
            "n_nan": n_nan,
            "n_infinite": len(latent.activations) - len(finite) - n_nan,
            "mean": float(mean),
            "variance": float(central[2]),
            "skewness": float(central[3] / central[2] ** 1.5) if varies else None,
            "kurtosis": float(central[4] / central[2] ** 2 - 3) if varies else None,
            "min": float(low),
            "max": float(high),
            "density": float((finite > 0).sum() / counted),
            "density_1pct": float((finite > high / 100).sum() / counted),
            "quantile_boundaries": self._quantiles(latent),
            "histogram_edges": edges.tolist(),
            "histogram_counts": counts.tolist(),
            **self._lookup(latent),
        }

    def _peaks(self, latent: CachedLatent) -> tuple[Integers, Floats]:
        """The windows where a latent is above 0 anywhere, and its largest activation there."""
        windows = self.of(latent)
        order = np.argsort(windows, kind="stable")
        starts = np.flatnonzero(np.diff(windows[order], prepend=-1))
        values = np.nan_to_num(latent.activations[order], nan=-np.inf, posinf=-np.inf)
        peaks = np.maximum.reduceat(values, starts)
        fires = peaks > 0
        return windows[order][starts][fires], peaks[fires]

    def _quantiles(self, latent: CachedLatent) -> list[float]:
        _, peaks = self._peaks(latent)
        silent = len(self.tokens) * self.per_row - len(peaks)
        ascending = np.sort(peaks)
        places = [int(share * (silent + len(peaks))) - silent for share in _QUANTILES]
        return [0.0 if place < 0 else float(ascending[place]) for place in places]

    @cached_property
    def _token_counts(self) -> Integers:
        """How often each token id is in the rows of `train`."""
        counts: Integers = np.bincount(self.tokens[self.splits == SPLITS.index("train")].ravel())
        return counts

    def _lookup(self, latent: CachedLatent) -> dict[str, list[Any]]:
        """The tokens of `train` that fire a latent most on average."""
        chosen = (self.splits[latent.rows] == SPLITS.index("train")) & np.isfinite(
            latent.activations
        )
        ids = self.tokens[latent.rows[chosen], latent.positions[chosen]]
        known, places = np.unique(ids, return_inverse=True)
        sums = np.bincount(places, weights=latent.activations[chosen], minlength=len(known))
        counts = self._token_counts[known]
        means = sums / np.maximum(counts, 1)
        best = np.lexsort((known, -means))[:_LOOKUP_SIZE]
        return {
            "lookup_token_ids": known[best].tolist(),
            "lookup_means": means[best].tolist(),
            "lookup_counts": counts[best].tolist(),
        }


def _central(finite: Floats, mean: float, counted: int, power: int) -> float:
    """A central moment of the finite values and all the zeros."""
    zeros = counted - len(finite)
    total: float = ((finite - mean) ** power).sum() + zeros * (-mean) ** power
    return total / counted


def _draw(window: int) -> bytes:
    return hashlib.blake2b(str(window).encode(), digest_size=8).digest()
