"""A comparison as a picture: the mean difference of each pair with its interval, and the units.

One row per pair. Every unit is a faint point, so a mean that rests on a few units shows; the bar is
the 95% interval of the mean. Nothing is shown by colour alone.
"""

from pathlib import Path

import numpy as np

from neuroscribe.errors import InputError
from neuroscribe.study.comparing import Comparison, differences

SUFFIXES = (".png", ".svg", ".pdf")
_POINTS = 2000


def plot(comparison: Comparison, path: Path, *, seed: int = 0) -> Path:
    """Draw a comparison to a file.

    Args:
        comparison: at least one pair.
        path: its suffix decides the format: `.png`, `.svg` or `.pdf`.
        seed: of the jitter that keeps points apart.

    Raises:
        InputError: another suffix, or matplotlib is not installed.
    """
    check(path)
    try:
        # A dependency of the extra `plot` alone.
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise InputError(
            "drawing needs matplotlib; run: pip install 'neuroscribe[plot]'"
        ) from error
    pairings = comparison.pairings
    figure = Figure(figsize=(9, 1.6 + 0.9 * len(pairings)), layout="constrained")
    axes = figure.add_subplot()
    rng = np.random.default_rng(seed)
    for row, pairing in enumerate(pairings):
        by_unit = differences(pairing.first, pairing.second)
        points = [by_unit[unit] for unit in sorted(by_unit)[:_POINTS]]
        heights = row + rng.uniform(-0.22, 0.22, len(points))
        axes.plot(points, heights, ".", color="0.6", markersize=3, zorder=1)
        if pairing.difference is None:
            continue
        if pairing.interval is not None:
            axes.plot(list(pairing.interval), [row, row], "-", color="C0", linewidth=4, zorder=2)
        axes.plot([pairing.difference], [row], "D", color="black", markersize=6, zorder=3)
    axes.axvline(0, color="0.3", linewidth=1, linestyle="--", zorder=0)
    axes.set_yticks(
        range(len(pairings)),
        [f"{_wrapped(p.second.name)}\nminus {_wrapped(p.first.name)}" for p in pairings],
        fontsize=8,
    )
    axes.set_ylim(len(pairings) - 0.5, -0.5)
    axes.set_xlabel(
        f"difference of {comparison.scorer} {comparison.metric} ({comparison.report_set})\n"
        "points: units; diamond and bar: mean and its 95% interval"
    )
    axes.spines[["top", "right"]].set_visible(False)
    # Without a date the same comparison gives the same file.
    metadata = {"Date": None} if path.suffix == ".svg" else None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150, metadata=metadata)
    except OSError as error:
        raise InputError(
            f"the plot cannot be written to {path}: {error.strerror or error}"
        ) from error
    return path


def check(path: Path) -> None:
    """Refuse a file of another kind.

    Raises:
        InputError: another suffix.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"a plot cannot be written as {path}; end it in {', '.join(SUFFIXES)}")


def _wrapped(name: str) -> str:
    """A name without what matplotlib would read as mathematics."""
    return name.replace("$", r"\$")
