"""The scores of one site: of the explanation's own unit, with a value or the reason why not."""

import sys

import numpy as np

from neuroscribe.records import RELIABLE_COVERAGE
from neuroscribe.study.verifying.explanations import ExplanationIds, in_order_of_unit
from neuroscribe.study.verifying.parts import Parts
from neuroscribe.study.verifying.references import check_unit
from neuroscribe.study.verifying.report import Inspection
from neuroscribe.study.verifying.rows import Rows
from neuroscribe.study.verifying.units import SiteUnits, check_site

_FLOATS = (
    "value", "low", "high", "chance",
    "baseline_random_explanation", "baseline_token_lookup", "baseline_mean",
)  # fmt: skip
_LARGEST = sys.float_info.max
"""What is beyond is infinite."""


def check_scores(
    units: SiteUnits, ids: ExplanationIds, parts: Parts, inspection: Inspection
) -> None:
    """Check the table `scores` of one site."""
    check = inspection["scores"]
    for part in parts.of("scores", units.name):
        for rows in in_order_of_unit(part, inspection):
            check.cover("scores", len(rows))
            check_site(rows, units.name, inspection)
            check_unit(rows, units, inspection)
            ids.check(rows, inspection)
            ids.check_unit(rows, inspection)
            _check_value(rows, inspection)
            _check_counts(rows, inspection)


def _check_value(rows: Rows, inspection: Inspection) -> None:
    check = inspection["scores"]
    absent, unreasoned = rows.is_null("value"), rows.is_null("reason")
    rows.find(
        check,
        absent & unreasoned,
        lambda at: f"{rows.text('metric', at)} has neither value nor reason",
    )
    rows.find(
        check,
        ~absent & ~unreasoned,
        lambda at: (
            f"{rows.text('metric', at)} is {rows.text('value', at)} and yet has a reason "
            "why there is no value"
        ),
    )
    rows.find_nan(check, *_FLOATS)
    for name in _FLOATS:
        rows.find_outside(check, name, -_LARGEST, _LARGEST)
    low, high = rows.floats("low"), rows.floats("high")
    ends = (~rows.is_null("low"), ~rows.is_null("high"))
    rows.find(
        check,
        (ends[0] != ends[1]) | (ends[0] & absent),
        lambda _: "has one end of an interval, or an interval without a value",
    )
    with np.errstate(invalid="ignore"):
        # The value itself may lie outside: percentiles of resamples are no interval around it.
        rows.find(
            check, low > high, lambda at: f"the interval goes from {low[at]:g} to {high[at]:g}"
        )


def _check_counts(rows: Rows, inspection: Inspection) -> None:
    check = inspection["scores"]
    coverage = rows.floats("coverage")
    rows.find_nan(check, "coverage")
    rows.find_outside(check, "coverage", 0.0, 1.0)
    due = ~rows.is_null("value") & (coverage >= RELIABLE_COVERAGE)
    reliable = rows.numbers("reliable")
    rows.find(
        check,
        reliable != due,
        lambda at: (
            f"reliable is {bool(reliable[at])} with a coverage of {coverage[at]:g} "
            f"and value {rows.text('value', at)}; it is so exactly with a value and a coverage of "
            f"at least {RELIABLE_COVERAGE}"
        ),
    )
    rows.find_negative(check, "n_sequences", "n_items", "n_failed")
