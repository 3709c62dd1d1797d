"""Simulations and judgements: of held-out sequences, on their scale, with a value or a reason.

What an explainer may have seen is of the split `train`; what is simulated or judged must not be.
Since every exemplar and every simulation has the split of its sequence, and no text is in two
splits (both checked elsewhere), no unit's score rests on what its explainer was shown.
"""

import numpy as np

from neuroscribe.records import KINDS, SPLITS
from neuroscribe.study.verifying.explanations import ExplanationIds, check_status
from neuroscribe.study.verifying.parts import Parts
from neuroscribe.study.verifying.references import check_sequence_ids
from neuroscribe.study.verifying.report import Inspection
from neuroscribe.study.verifying.rows import Numbers, Rows
from neuroscribe.study.verifying.sequence_index import SequenceIndex

_TRAIN = SPLITS.index("train")
_LARGEST = 10.0
"""End of the simulators' scale."""
_SLACK = 1e-4


def check_simulations(
    ids: ExplanationIds, sequences: SequenceIndex | None, parts: Parts, inspection: Inspection
) -> None:
    """Check the table `simulations`."""
    check = inspection["simulations"]
    for part in parts.of("simulations"):
        for rows in part.batches():
            check.cover("simulations", len(rows))
            ids.check(rows, inspection)
            rows.find_unknown(check, "kind", KINDS)
            _check_values(rows, inspection)
            if sequences is not None:
                _check_sequences(rows, sequences, inspection)


def check_judgements(
    ids: ExplanationIds, sequences: SequenceIndex | None, parts: Parts, inspection: Inspection
) -> None:
    """Check the table `judgements`."""
    check = inspection["judgements"]
    for part in parts.of("judgements"):
        for rows in part.batches():
            check.cover("judgements", len(rows))
            ids.check(rows, inspection)
            _check_verdict(rows, inspection)
            rows.find_nan(check, "probability")
            rows.find_negative(check, "item")
            of_corpus = ~rows.is_null("sequence_id")
            rows.find(
                check,
                of_corpus != rows.is_null("text"),
                lambda _: (
                    "has both a sequence_id and a text, or neither; a text is there where it "
                    "is no sequence of the corpus"
                ),
            )
            if sequences is not None:
                _check_judged(rows, sequences, inspection)


def _check_verdict(rows: Rows, inspection: Inspection) -> None:
    ok = check_status(rows, "judgements", inspection)
    rows.find(
        inspection["judgements"],
        ~ok & ~rows.is_null("verdict"),
        lambda at: f"has a verdict, though its status is {rows.text('status', at)}",
    )


def _check_values(rows: Rows, inspection: Inspection) -> None:
    check = inspection["simulations"]
    ok = check_status(rows, "simulations", inspection)
    expected = rows.lists("expected")
    given = ~np.isnan(expected.values)
    rows.find(
        check,
        ~ok & expected.any_of(given),
        lambda at: f"has values, though its status is {rows.text('status', at)}",
    )
    rows.find(
        check,
        ok & ~expected.any_of(given),
        lambda _: "has no value, though its status is ok",
    )
    with np.errstate(invalid="ignore"):
        outside = (expected.values < -_SLACK) | (expected.values > _LARGEST + _SLACK)
    rows.find(
        check,
        expected.any_of(outside),
        lambda at: f"an expected value is outside of 0..10: {_extreme(expected.at(at)):g}",
    )
    for name in ("expected", "calibrated"):
        rows.find_nan_within(check, name)


def _extreme(values: list[float]) -> float:
    return max((value for value in values if value == value), key=lambda each: abs(each - 5))  # noqa: PLR0124


def _check_sequences(rows: Rows, sequences: SequenceIndex, inspection: Inspection) -> None:
    check = inspection["simulations"]
    ids = rows.numbers("sequence_id")
    places = check_sequence_ids(rows, ids, sequences, inspection)
    found = places >= 0
    split = np.where(found, sequences.splits[places], -1)
    stated = rows.codes("split", SPLITS)
    rows.find(
        check,
        found & (split != stated),
        lambda at: (
            f"is of {rows.text('split', at)}, but its sequence {ids[at]} is of {SPLITS[split[at]]}"
        ),
    )
    due = np.where(found, sequences.lengths[places], 0)
    expected, calibrated = rows.lists("expected").lengths, rows.lists("calibrated").lengths
    absent = rows.is_null("calibrated")
    rows.find(
        check,
        found & ((expected != due) | (~absent & (calibrated != due))),
        lambda at: (
            f"{expected[at]} expected and {calibrated[at]} calibrated values for the "
            f"{due[at]} tokens of sequence {ids[at]}"
        ),
    )
    _check_held_out(rows, ids, split, inspection)


def _check_judged(rows: Rows, sequences: SequenceIndex, inspection: Inspection) -> None:
    of_corpus = ~rows.is_null("sequence_id")
    ids = rows.numbers("sequence_id", missing=-1)
    places = sequences.places(ids)
    inspection["foreign keys"].cover("sequences", int(of_corpus.sum()))
    rows.find(
        inspection["foreign keys"],
        of_corpus & (places < 0),
        lambda at: f"sequence_id {ids[at]} is no row of the table `sequences`",
    )
    found = of_corpus & (places >= 0)
    marked = rows.lists("marked")
    limit = np.where(found, sequences.lengths[places], np.iinfo(np.int32).max)
    outside = (marked.values < 0) | (marked.values >= limit[marked.owner])
    rows.find(
        inspection["judgements"],
        marked.any_of(outside),
        lambda at: f"marks {marked.at(at)}, not all of which are tokens of sequence {ids[at]}",
    )
    _check_held_out(rows, ids, np.where(found, sequences.splits[places], -1), inspection)


def _check_held_out(rows: Rows, ids: Numbers, split: Numbers, inspection: Inspection) -> None:
    check = inspection["held out"]
    check.cover(rows.table, len(rows))
    rows.find(
        check,
        split == _TRAIN,
        lambda at: f"rests on sequence {ids[at]} of train, which an explainer may have been shown",
    )
