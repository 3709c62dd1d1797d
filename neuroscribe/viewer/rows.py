"""Blocks of the unit table, and the summary of a site that its layer page begins with."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neuroscribe.datasets import store
from neuroscribe.scoring.bootstrap import mean_interval
from neuroscribe.viewer.blocks import ROWS, block_path, to_json, write_block
from neuroscribe.viewer.headline import Headline, Lines, lines_of, with_places
from neuroscribe.viewer.order import SiteUnits, blocks_of
from neuroscribe.viewer.rounding import Floats, Number, column, histogram, number, numbers

_MEASURED = ("density", "max", "mean")
_SCORE_EDGES = np.linspace(-1, 1, 41)
_DENSITY_EDGES = np.linspace(-6, 0, 25)
_MOST_RESAMPLED = 2000
"""Above that a resampled interval takes hundreds of megabytes and is as wide as the normal one."""


class SiteRows(NamedTuple):
    """What the rest of the build needs to know of a site."""

    summary: dict[str, Any]
    text: list[str | None]
    score: Floats
    """NaN where there is none."""


def write_rows(root: str, out: Path, units: SiteUnits, headline: Headline | None) -> SiteRows:
    """Write the blocks of a site's rows."""
    lines = lines_of(root, units, headline)
    measured = _measured(root, units)
    shown = {name: numbers(values) for name, values in (lines.values | measured).items()}
    columns: dict[str, list[Any]] = {
        "unit": units.index.tolist(),
        "polarity": units.polarity.tolist(),
        "text": lines.text,
        "explainer": lines.explainer,
        **shown,
    }
    for block, places in blocks_of(len(units), ROWS):
        part = {name: values[places.start : places.stop] for name, values in columns.items()}
        write_block(block_path(out, "rows", units.number, block), to_json(part))
    return SiteRows(
        summary=_summary(units, lines, measured["density"]),
        text=lines.text,
        score=lines.values["score"],
    )


def _measured(root: str, units: SiteUnits) -> dict[str, Floats]:
    names = ["unit", "polarity", *_MEASURED]
    rows = with_places(store.read(root, "units", columns=names, site=units.name), units)
    place = rows["place"].to_numpy()
    measured = {name: np.full(len(units), np.nan) for name in _MEASURED}
    for name, values in measured.items():
        values[place] = column(rows[name])
    return measured


def _summary(units: SiteUnits, lines: Lines, density: Floats) -> dict[str, Any]:
    score = lines.values["score"]
    scored = score[np.isfinite(score)]
    fires = density[np.isfinite(density) & (density > 0)]
    return {
        "name": units.name,
        "kind": units.kind,
        "layer": units.layer,
        "first_row": units.first_row,
        "count": len(units),
        "polarities": units.polarities,
        "units": units.listed,
        "explained": sum(text is not None for text in lines.text),
        "score": _mean_score(scored, lines) if len(scored) else None,
        "score_histogram": histogram(scored, _SCORE_EDGES),
        "density_histogram": histogram(np.log10(fires), _DENSITY_EDGES),
    }


def _mean_score(scored: Floats, lines: Lines) -> dict[str, Number]:
    low, high = _interval(scored)
    return {
        "mean": number(scored.mean()),
        "low": number(low),
        "high": number(high),
        "random": _mean(lines.values["random"]),
        "lookup": _mean(lines.values["lookup"]),
        "n": len(scored),
    }


def _interval(scored: Floats) -> tuple[float | None, float | None]:
    """95% interval of the mean over units."""
    if len(scored) > _MOST_RESAMPLED:
        half = 1.96 * scored.std(ddof=1) / np.sqrt(len(scored))
        return scored.mean() - half, scored.mean() + half
    interval = mean_interval(scored.tolist(), seed=0)
    return (None, None) if interval is None else interval


def _mean(values: Floats) -> Number:
    present = values[np.isfinite(values)]
    return number(present.mean()) if len(present) else None
