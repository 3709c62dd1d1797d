"""What rows refer to: is the unit recorded, is the sequence there?"""

from neuroscribe.study.verifying.report import Inspection
from neuroscribe.study.verifying.rows import Numbers, Rows
from neuroscribe.study.verifying.sequence_index import SequenceIndex
from neuroscribe.study.verifying.units import SiteUnits


def check_unit(rows: Rows, units: SiteUnits, inspection: Inspection) -> None:
    """Check that every row's unit was recorded."""
    check = inspection["foreign keys"]
    if not units.complete:
        check.leave(f"units of {units.name}: a part of `units` cannot be read")
        return
    check.cover("units", len(rows))
    known = units.has(rows.numbers("unit"), rows.numbers("polarity"))
    rows.find(check, ~known, lambda _: "is no unit of the table `units`")


def check_sequence_ids(
    rows: Rows, ids: Numbers, sequences: SequenceIndex, inspection: Inspection
) -> Numbers:
    """Check that every row's sequence is there; where each stands in the index."""
    check = inspection["foreign keys"]
    check.cover("sequences", len(rows))
    places = sequences.places(ids)
    rows.find(
        check,
        places < 0,
        lambda at: f"sequence_id {ids[at]} is no row of the table `sequences`",
    )
    return places
