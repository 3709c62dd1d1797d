"""What a recording keeps on request: activation vectors and firing bits, as wide as their site.

Their sequences are any of the recording's, not only those that the table `sequences` keeps.
"""

from collections.abc import Mapping
from typing import Any

import pyarrow.compute as pc

from neuroscribe.study.verifying.parts import Parts
from neuroscribe.study.verifying.report import Inspection
from neuroscribe.study.verifying.rows import Numbers, Rows
from neuroscribe.study.verifying.units import SiteUnits, check_site

_ROWS_AT_ONCE = 1024
"""A row is as wide as a site."""


def check_vectors(
    units: SiteUnits, manifest: Mapping[str, Any], parts: Parts, inspection: Inspection
) -> None:
    """Check the table `vectors` of one site."""
    for part in parts.of("vectors", units.name):
        for rows in part.batches(rows=_ROWS_AT_ONCE):
            inspection["vectors"].cover("vectors", len(rows))
            check_site(rows, units.name, inspection)
            _check_width(rows, rows.lists("activations").lengths, units.width, inspection)
            _check_sequence(rows, manifest, inspection)


def check_bits(
    units: SiteUnits, manifest: Mapping[str, Any], parts: Parts, inspection: Inspection
) -> None:
    """Check the table `bits` of one site."""
    for part in parts.of("bits", units.name):
        for rows in part.batches(rows=_ROWS_AT_ONCE):
            inspection["bits"].cover("rows", len(rows))
            check_site(rows, units.name, inspection)
            size = pc.binary_length(rows.column("fires")).to_numpy(zero_copy_only=False)
            _check_width(rows, size, -(-units.width // 8), inspection)
            _check_sequence(rows, manifest, inspection)


def _check_width(rows: Rows, there: Numbers, due: int, inspection: Inspection) -> None:
    unit = "numbers" if rows.table == "vectors" else "bytes"
    rows.find(
        inspection[rows.table],
        there != due,
        lambda at: f"has {there[at]} {unit}; the site's width makes {due}",
    )


def _check_sequence(rows: Rows, manifest: Mapping[str, Any], inspection: Inspection) -> None:
    ids, count = rows.numbers("sequence_id"), manifest.get("recorded", {}).get("sequences")
    if count is not None:
        rows.find(
            inspection[rows.table],
            (ids < 0) | (ids >= count),
            lambda at: f"sequence_id {ids[at]} is not one of the {count:,} that were recorded",
        )
