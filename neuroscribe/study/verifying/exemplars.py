"""The exemplars of one site: do they fit their sequences, their unit and each other?

Rounding keeps order, so a stored peak is the largest stored activation to the bit. Two things are
different where activations were rounded when they were stored: ties may be new, so their order and
the first of several positions are not what they would be, and what was computed from the exact
values (`max`, boundaries) is met to the rounding only.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from neuroscribe.records import KINDS, SPLITS
from neuroscribe.study.verifying.parts import Parts
from neuroscribe.study.verifying.references import check_sequence_ids, check_unit
from neuroscribe.study.verifying.report import Inspection
from neuroscribe.study.verifying.runs import (
    QUANTILE,
    RANKS,
    TOP,
    Run,
    rounding_of,
    whole_units,
)
from neuroscribe.study.verifying.sequence_index import SequenceIndex
from neuroscribe.study.verifying.site_exemplars import SiteExemplars
from neuroscribe.study.verifying.units import SiteUnits, check_site


def check_exemplars(
    units: SiteUnits,
    sequences: SequenceIndex | None,
    manifest: Mapping[str, Any],
    parts: Parts,
    inspection: Inspection,
) -> None:
    """Check the table `exemplars` of one site."""
    check = inspection["exemplars"]
    imported, rounding = "imported" in manifest, rounding_of(manifest)
    exact = rounding == 0 and not imported
    site = SiteExemplars(units, imported=imported, rounding=rounding)
    for part in parts.of("exemplars", units.name):
        last = -1
        for rows in whole_units(part):
            run = Run.of(rows)
            check.cover("exemplars", len(rows))
            check_site(rows, units.name, inspection)
            check_unit(rows, units, inspection)
            _check_labels(run, inspection)
            last = _check_order(run, last, inspection, exact=exact, imported=imported)
            site.check_apart(run, inspection)
            if sequences is not None:
                _check_sequences(run, sequences, inspection)
            _check_peaks(run, inspection, exact=exact)
            site.check_values(run, inspection)
            if not site.imported:
                site.check_random(run, inspection)
    if parts.incomplete("exemplars", units.name):
        check.leave(f"whether all units of {units.name} have exemplars: a part is unreadable")
    elif not site.imported and units.complete:
        site.check_complete(inspection)


def _check_labels(run: Run, inspection: Inspection) -> None:
    rows, check = run.rows, inspection["exemplars"]
    rows.find_unknown(check, "split", SPLITS)
    rows.find_unknown(check, "kind", KINDS)
    banded = ~rows.is_null("quantile")
    rows.find(
        check,
        (run.kind >= 0) & (banded != (run.kind == QUANTILE)),
        lambda at: (
            f"kind is {rows.text('kind', at)} and quantile is {rows.text('quantile', at)}; "
            "a quantile is there exactly where that is the kind"
        ),
    )


def _check_order(
    run: Run, last: int, inspection: Inspection, *, exact: bool, imported: bool
) -> int:
    """Check order and ranks; the key of the last row."""
    rows, check = run.rows, inspection["exemplars"]
    key = run.group * RANKS + run.rank
    before = np.concatenate([[last], key[:-1]])
    rows.find(
        check,
        key < before,
        lambda _: "is out of order: rows go by unit, side, split, kind, band and rank",
    )
    places = np.flatnonzero(run.first)
    due = np.arange(len(rows)) - np.repeat(places, np.diff([*places, len(rows)]))
    rows.find(
        check,
        run.rank != due,
        lambda at: (
            f"rank is {run.rank[at]}, where {due[at]} is due: ranks of one unit, split and "
            "kind count up from 0"
        ),
    )
    inside = (run.kind == TOP) & ~run.first
    earlier = np.concatenate([[np.inf], run.peak[:-1]])
    rows.find(
        check,
        inside & (run.peak > earlier),
        lambda at: (
            f"peak {run.peak[at]:g} of rank {run.rank[at]} is above the one before it, "
            f"{earlier[at]:g}"
        ),
    )
    ids_before = np.concatenate([[-1], run.sequence[:-1]])
    # Of a study that was imported, ids are in order of appearance.
    ordered = exact | ((run.peak == 0) & (not imported))
    tied = inside & (run.peak == earlier) & ordered
    rows.find(
        check,
        tied & (run.sequence < ids_before),
        lambda at: (
            f"ties with the one before it, whose sequence {ids_before[at]} is the later "
            "one; of ties the lower id comes first"
        ),
    )
    return int(key[-1])


def _check_sequences(run: Run, sequences: SequenceIndex, inspection: Inspection) -> None:
    rows = run.rows
    places = check_sequence_ids(rows, run.sequence, sequences, inspection)
    found = places >= 0
    split = np.where(found, sequences.splits[places], -1)
    rows.find(
        inspection["exemplars"],
        found & (split != run.split),
        lambda at: (
            f"is of {rows.text('split', at)}, but its sequence {run.sequence[at]} is of "
            f"{SPLITS[split[at]]}"
        ),
    )
    lengths = rows.lists("activations").lengths
    due = np.where(found, sequences.lengths[places], 0)
    rows.find(
        inspection["exemplars"],
        found & (lengths != due),
        lambda at: (
            f"{lengths[at]} activations for the {due[at]} tokens of sequence {run.sequence[at]}"
        ),
    )


def _check_peaks(run: Run, inspection: Inspection, *, exact: bool) -> None:
    rows, check = run.rows, inspection["exemplars"]
    values = rows.lists("activations")
    position = rows.numbers("peak_position").astype(np.int64)
    inside = (position >= 0) & (position < values.lengths)
    rows.find(
        check,
        ~inside,
        lambda at: f"peak_position is {position[at]}, outside of {values.lengths[at]} tokens",
    )
    largest = values.largest()
    rows.find(
        check,
        run.peak != largest,
        lambda at: (
            f"peak_activation is {run.peak[at]:g}, but the largest activation is {largest[at]:g}"
        ),
    )
    there = np.full(len(rows), np.nan)
    there[inside] = values.values[(values.starts[:-1] + position)[inside]]
    first = values.first(values.values == largest[values.owner])
    rows.find(
        check,
        # Without any number there is no peak.
        inside & (largest > -np.inf) & ((there != largest) | (exact & (position != first))),
        lambda at: (
            f"peak_position is {position[at]}, where the activation is {there[at]:g}; the largest, "
            f"{largest[at]:g}, is first at {first[at]}"
        ),
    )
