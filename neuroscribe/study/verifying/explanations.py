"""The explanations and lessons: of known units, with a text or a reason, under the id they earn.

An explanation's id is the hash of what was said of which unit, by whom, in answer to what, so a
text that was edited afterwards no longer has its id. What simulations, judgements and scores refer
to is gathered here.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neuroscribe.datasets.rows import explanation_of
from neuroscribe.datasets.schema import SCHEMAS
from neuroscribe.records import FORMS, SPLITS, Status
from neuroscribe.study.verifying.parts import Part, Parts
from neuroscribe.study.verifying.references import check_unit
from neuroscribe.study.verifying.report import Inspection
from neuroscribe.study.verifying.rows import Mask, Rows
from neuroscribe.study.verifying.sequence_index import SequenceIndex
from neuroscribe.study.verifying.units import SiteUnits, check_site

STATUSES: tuple[Status, ...] = ("ok", "refused", "unparsed", "failed", "skipped")
_TRAIN = SPLITS.index("train")
_HASHED_SINCE_FORMAT_3 = {"exemplars", "form"}


class ExplanationIds:
    """The ids of all explanations, and the unit that each is of."""

    def __init__(self, parts: Parts) -> None:
        """Read them from every site: some fifty bytes each."""
        self.complete = not parts.incomplete("explanations")
        columns = ["explanation_id", "site", "unit", "polarity"]
        kept = pa.schema([SCHEMAS["explanations"].field(name) for name in columns])
        batches = [
            pa.record_batch([rows.column(name) for name in columns], schema=kept)
            for part in parts.of("explanations")
            for rows in part.batches(columns)
        ]
        table = pa.Table.from_batches(batches, schema=kept).combine_chunks()
        self._ids = table["explanation_id"].combine_chunks()
        self._units = _names(table)

    def check(self, rows: Rows, inspection: Inspection, *, of: str = "explanation_id") -> None:
        """Check that what rows refer to is there; a null refers to nothing."""
        check = inspection["foreign keys"]
        if not self.complete:
            check.leave("explanations: a part of `explanations` cannot be read")
            return
        check.cover("explanations", len(rows))
        known = pc.is_in(rows.column(of), value_set=self._ids).to_numpy(zero_copy_only=False)
        rows.find(
            check,
            ~known & ~rows.is_null(of),
            lambda at: f"{of} {rows.text(of, at)!r} is no row of the table `explanations`",
        )

    def check_unit(self, rows: Rows, inspection: Inspection) -> None:
        """Check that explanations are of the unit that their row names; unknown ones apart."""
        place = pc.index_in(rows.column("explanation_id"), value_set=self._ids)
        due = self._units.take(place)
        own = _names(pa.Table.from_batches([rows.batch]))
        differ = pc.not_equal(due, own).fill_null(fill_value=False)
        rows.find(
            inspection["foreign keys"],
            differ.to_numpy(zero_copy_only=False),
            lambda at: f"explanation {rows.text('explanation_id', at)} is of another unit",
        )


def check_explanations(
    units: SiteUnits,
    ids: ExplanationIds,
    parts: Parts,
    inspection: Inspection,
    *,
    shortened: bool,
) -> None:
    """Check the table `explanations` of one site.

    Args:
        units: of the site.
        ids: of all explanations.
        parts: of the study.
        inspection: takes the findings.
        shortened: whether names of LLMs, which ids were hashed with, were shortened since.
    """
    check = inspection["explanations"]
    for part in parts.of("explanations", units.name):
        for rows in in_order_of_unit(part, inspection):
            check.cover("explanations", len(rows))
            check_site(rows, units.name, inspection)
            check_unit(rows, units, inspection)
            ids.check(rows, inspection, of="parent_id")
            consistent = _check_status(rows, inspection)
            _check_numbers(rows, inspection)
            if shortened:
                check.leave("ids: names of LLMs were shortened when the study was published")
            elif part.columns >= _HASHED_SINCE_FORMAT_3:
                _check_ids(rows, consistent, inspection)
            else:
                check.leave("ids of explanations of format 2, which were hashed in another way")


def check_status(rows: Rows, check_name: str, inspection: Inspection) -> Mask:
    """Check that a status is known, and that what is not ok has a reason; where it is ok."""
    check = inspection[check_name]
    status = rows.codes("status", STATUSES)
    rows.find_unknown(check, "status", STATUSES)
    rows.find(
        check,
        (status > 0) & rows.is_null("reason"),
        lambda at: f"status is {rows.text('status', at)}, without a reason",
    )
    ok: Mask = status == 0
    return ok


def in_order_of_unit(part: Part, inspection: Inspection) -> Iterator[Rows]:
    """A part's rows, which are to ascend by unit."""
    last = -1
    for rows in part.batches():
        unit = rows.numbers("unit")
        before = np.concatenate([[last], unit[:-1]])
        rows.find(
            inspection[part.table], unit < before, lambda _: "is out of order: rows go by unit"
        )
        last = int(unit[-1]) if len(unit) else last
        yield rows


def _check_status(rows: Rows, inspection: Inspection) -> Mask:
    """Where status and text agree."""
    ok = check_status(rows, "explanations", inspection)
    has_text = ~rows.is_null("text")
    rows.find(
        inspection["explanations"],
        ok != has_text,
        lambda at: (
            f"status is {rows.text('status', at)} and text is "
            f"{'there' if has_text[at] else 'null'}; a text is there exactly where the status is ok"
        ),
    )
    consistent: Mask = (ok == has_text) & (rows.codes("status", STATUSES) >= 0)
    return consistent


def _check_numbers(rows: Rows, inspection: Inspection) -> None:
    check = inspection["explanations"]
    rows.find_negative(check, "candidate", "input_tokens", "output_tokens")
    rows.find_nan(check, "cost_usd", "selection_score")
    rows.find_unknown(check, "form", FORMS)


def _check_ids(rows: Rows, consistent: Mask, inspection: Inspection) -> None:
    unit, polarity = rows.numbers("unit"), rows.numbers("polarity")
    hashable = consistent & (unit >= 0) & np.isin(polarity, (1, -1)) & ~rows.is_null("form")
    stated = rows.column("explanation_id").to_pylist()
    due = list(stated)
    for at in np.flatnonzero(hashable).tolist():
        (row,) = rows.batch.slice(at, 1).to_pylist()
        due[at] = explanation_of(row).explanation_id
    wrong = np.array([one != other for one, other in zip(stated, due, strict=True)], dtype=bool)
    rows.find(
        inspection["explanations"],
        wrong,
        lambda at: (
            f"explanation_id is {stated[at]}, but the hash of its content is {due[at]}: it "
            "was edited after it was written"
        ),
    )


def check_lessons(
    units: SiteUnits, sequences: SequenceIndex | None, parts: Parts, inspection: Inspection
) -> None:
    """Check the table `lessons` of one site: exemplars that are there, of the split `train`."""
    for part in parts.of("lessons", units.name):
        for rows in in_order_of_unit(part, inspection):
            inspection["lessons"].cover("lessons", len(rows))
            check_site(rows, units.name, inspection)
            check_unit(rows, units, inspection)
            rows.find(
                inspection["lessons"],
                rows.is_null("complexity") & rows.is_null("reason"),
                lambda _: "has neither a complexity nor a reason",
            )
            rows.find_nan_within(inspection["lessons"], "curve")
            if sequences is not None:
                _check_shown(rows, sequences, inspection)


def _check_shown(rows: Rows, sequences: SequenceIndex, inspection: Inspection) -> None:
    shown = rows.lists("sequence_ids")
    places = sequences.places(shown.values)
    inspection["foreign keys"].cover("sequences", len(places))
    rows.find(
        inspection["foreign keys"],
        shown.any_of(places < 0),
        lambda at: f"of sequence_ids {shown.at(at)} not all are rows of the table `sequences`",
    )
    inspection["held out"].cover("lessons", len(rows))
    rows.find(
        inspection["held out"],
        shown.any_of((places >= 0) & (sequences.splits[places] != _TRAIN)),
        lambda at: (
            f"of sequence_ids {shown.at(at)} not all are of train: a student was taught on "
            "what is scored"
        ),
    )


def _names(table: pa.Table) -> pa.Array:
    """Site, index and polarity as one text."""
    index, polarity = (table[name].cast(pa.string()) for name in ("unit", "polarity"))
    names = pc.binary_join_element_wise(table["site"], index, polarity, "/")
    return names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names
