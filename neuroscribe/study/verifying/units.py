"""The units of one site: are all there, once each, and do their statistics hang together?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from neuroscribe.study.verifying.parts import Parts
from neuroscribe.study.verifying.report import Inspection
from neuroscribe.study.verifying.rows import Lists, Mask, Numbers, Rows

SIDES = (1, -1)
"""Polarities in the order of the arrays' second axis."""
N_BOUNDARIES = 4
"""Quantile boundaries of a unit: as many as `recorder.calibration.QUANTILES`, which needs torch."""
_ROUNDING = 2.0**-10
"""Of the largest magnitude: sums are kept on a grid."""
_STATISTICS = (
    "mean", "variance", "skewness", "kurtosis", "min", "max", "density", "density_1pct",
)  # fmt: skip
_COUNTS = ("n_tokens", "n_nan", "n_infinite")


@dataclass(frozen=True, kw_only=True)
class SiteUnits:
    """What later checks need of a site's units: arrays by index and side."""

    name: str
    width: int
    complete: bool
    """Whether all its parts can be read."""
    present: Mask
    largest: Numbers
    """Column `max`; NaN where it is null."""
    limits: Numbers
    """Column `quantile_boundaries`; NaN where there are none."""
    n_nan: Numbers
    n_infinite: Numbers
    n_tokens: Numbers

    def has(self, unit: Numbers, polarity: Numbers) -> Mask:
        """Which of these units were recorded."""
        within = (unit >= 0) & (unit < self.width) & np.isin(polarity, SIDES)
        found: Mask = within & self.present[unit.clip(0, self.width - 1), side(polarity)]
        return found


def side(polarity: Numbers) -> Numbers:
    """Place in `SIDES`."""
    places: Numbers = (polarity < 0).astype(np.int64)
    return places


def check_units(
    site: Mapping[str, Any], manifest: Mapping[str, Any], parts: Parts, inspection: Inspection
) -> SiteUnits:
    """Check the table `units` of one site of the manifest."""
    name, width = site["name"], site["width"]
    shape = (width, len(SIDES))
    units = SiteUnits(
        name=name,
        width=width,
        complete=not parts.incomplete("units", name),
        present=np.zeros(shape, dtype=bool),
        largest=np.full(shape, np.nan),
        limits=np.full((*shape, N_BOUNDARIES), np.nan),
        n_nan=np.zeros(shape, dtype=np.int64),
        n_infinite=np.zeros(shape, dtype=np.int64),
        n_tokens=np.zeros(shape, dtype=np.int64),
    )
    imported = "imported" in manifest
    for part in parts.of("units", name):
        last = -1
        for rows in part.batches():
            inspection["units"].cover("units", len(rows))
            check_site(rows, name, inspection)
            last = _take(rows, units, last, inspection)
            _check_statistics(rows, manifest, inspection)
            _check_histograms(rows, inspection, imported=imported)
            _check_lookup(rows, inspection, imported=imported)
    if units.complete:
        _check_complete(site, units, manifest, inspection)
    else:
        inspection["units"].leave(f"whether all units of {name} are there: a part is unreadable")
    return units


def check_site(rows: Rows, site: str, inspection: Inspection) -> None:
    """Check that rows belong to the site whose folder they are in."""
    wrong = pc.not_equal(rows.column("site"), site).to_numpy(zero_copy_only=False)
    rows.find(
        inspection["folders"],
        wrong,
        lambda at: (
            f"is of site {rows.text('site', at)!r}, in the folder of {site!r}; "
            "the folder or the part was moved"
        ),
    )
    inspection["folders"].cover("rows", len(rows))


def _take(rows: Rows, units: SiteUnits, last: int, inspection: Inspection) -> int:
    """Enter the rows into the arrays; the key of the last one."""
    check = inspection["units"]
    unit, polarity = rows.numbers("unit"), rows.numbers("polarity")
    inside = (unit >= 0) & (unit < units.width)
    rows.find(
        check,
        ~inside,
        lambda _: f"{units.name} has {units.width} units by the manifest, none with this index",
    )
    known = np.isin(polarity, SIDES)
    rows.find(check, ~known, lambda at: f"polarity is {polarity[at]}; it is 1 or -1")
    key = unit.astype(np.int64) * 2 + side(polarity)
    before = np.concatenate([[last], key[:-1]])
    rows.find(
        check, key < before, lambda _: "is out of order: rows go by unit, the positive side first"
    )
    good = inside & known
    place = (unit[good], side(polarity)[good])
    twice = np.zeros(len(rows), dtype=bool)
    twice[good] = units.present[place] | (key == before)[good]
    rows.find(check, twice, lambda _: "is there more than once")
    units.present[place] = True
    units.largest[place] = rows.floats("max")[good]
    for name in _COUNTS:
        getattr(units, name)[place] = rows.numbers(name)[good]
    limits = rows.lists("quantile_boundaries")
    whole = good & (limits.lengths == N_BOUNDARIES)
    if whole.any():
        starts = limits.starts[:-1][whole, None] + np.arange(N_BOUNDARIES)
        units.limits[unit[whole], side(polarity)[whole]] = limits.values[starts]
    return int(key[-1]) if len(key) else last


def _check_complete(
    site: Mapping[str, Any],
    units: SiteUnits,
    manifest: Mapping[str, Any],
    inspection: Inspection,
) -> None:
    check = inspection["units"]
    name = units.name
    if "selected_units" in manifest:
        check.leave("whether all units are there: only some were published")
        return
    if not units.present.any():
        check.find(
            f"the manifest names the site {name} with {units.width:,} units, of which none is "
            "there: its folder is missing or empty",
            table="units",
            file=f"units/{name}",
        )
        return
    if "imported" in manifest:
        check.leave("whether all units are there: the study was imported")
        return
    choice = manifest.get("recorder", {}).get("polarity")
    both = choice == "both" or (choice == "auto" and site.get("two_signed"))
    for place, polarity in enumerate(SIDES):
        due = polarity > 0 or both
        missing = np.flatnonzero(~units.present[:, place])
        if due and len(missing):
            sign = "" if polarity > 0 else "-"
            named = ", ".join(f"{name}/{index}{sign}" for index in missing[:3].tolist())
            check.find(
                f"{len(missing):,} of {units.width:,} units are missing: {named}"
                + (", ..." if len(missing) > 3 else "")
                + "; parts are missing, or the manifest states another width",
                table="units",
                file=f"units/{name}",
            )


def _check_statistics(rows: Rows, manifest: Mapping[str, Any], inspection: Inspection) -> None:
    check = inspection["units"]
    rows.find_nan(check, *_STATISTICS)
    rows.find_negative(check, *_COUNTS)
    for name in ("density", "density_1pct"):
        rows.find_outside(check, name, 0.0, 1.0)
    value = {name: rows.floats(name) for name in _STATISTICS}
    tokens = manifest.get("recorded", {}).get("tokens")
    if tokens is not None and "imported" not in manifest:
        seen = rows.numbers("n_tokens")
        rows.find(
            check,
            seen != tokens,
            lambda at: f"saw {seen[at]:,} tokens; the recording has {tokens:,}",
        )
    with np.errstate(invalid="ignore"):
        scale = np.fmax(np.abs(value["min"]), np.abs(value["max"])) * _ROUNDING + 1e-30
        rows.find(
            check,
            value["min"] > value["max"],
            lambda at: f"min is {value['min'][at]:g}, above max, {value['max'][at]:g}",
        )
        rows.find(
            check,
            (value["mean"] < value["min"] - scale) | (value["mean"] > value["max"] + scale),
            lambda at: (
                f"mean is {value['mean'][at]:g}, not between min, {value['min'][at]:g}, "
                f"and max, {value['max'][at]:g}"
            ),
        )
        rows.find(
            check,
            value["variance"] < 0,
            lambda at: f"variance is {value['variance'][at]:g}, below 0",
        )
    limits = rows.lists("quantile_boundaries")
    rows.find(
        check,
        ~np.isin(limits.lengths, (0, N_BOUNDARIES)),
        lambda at: f"{limits.lengths[at]} quantile boundaries; there are {N_BOUNDARIES}",
    )
    rows.find(check, limits.descends(), lambda _: "the quantile boundaries do not ascend")


def _check_histograms(rows: Rows, inspection: Inspection, *, imported: bool) -> None:
    check = inspection["units"]
    edges, counts = rows.lists("histogram_edges"), rows.lists("histogram_counts")
    fits = (edges.lengths == counts.lengths + 1) | ((edges.lengths == 0) & (counts.lengths == 0))
    rows.find(
        check,
        ~fits,
        lambda at: (
            f"{edges.lengths[at]} edges for {counts.lengths[at]} bins of the histogram; "
            "there is one more edge than bins"
        ),
    )
    rows.find(check, edges.descends(), lambda _: "the edges of the histogram do not ascend")
    rows.find(
        check, counts.any_of(counts.values < 0), lambda _: "a bin of the histogram is below 0"
    )
    if imported:
        return
    total = _sums(counts)
    most = rows.numbers("n_tokens") - rows.numbers("n_nan")
    rows.find(
        check,
        total > most,
        lambda at: f"the histogram counts {total[at]:,} tokens of {most[at]:,}",
    )


def _check_lookup(rows: Rows, inspection: Inspection, *, imported: bool) -> None:
    check = inspection["units"]
    ids, means = rows.lists("lookup_token_ids"), rows.lists("lookup_means")
    counts = rows.lists("lookup_counts")
    rows.find(
        check,
        (ids.lengths != means.lengths) | (ids.lengths != counts.lengths),
        lambda at: (
            f"{ids.lengths[at]} tokens, {means.lengths[at]} means and {counts.lengths[at]} "
            "counts in the look-up table; they are as many"
        ),
    )
    rows.find(
        check,
        ids.any_of(ids.values < 0) | counts.any_of(counts.values < 0),
        lambda _: "a token id or a count of the look-up table is below 0",
    )
    if not imported:
        falling = Lists(means.lengths, -means.values)
        rows.find(check, falling.descends(), lambda _: "the means of the look-up table do not fall")


def _sums(lists: Lists) -> Numbers:
    sums: Numbers = np.bincount(
        lists.owner, weights=lists.values, minlength=len(lists.lengths)
    ).astype(np.int64)
    return sums
