"""What a unit shows in one line: an explanation and a score.

The explanation is the newest that is selected. Scores differ by scorer, metric, report set,
simulator and LLM, and only like ones compare. So one score is the headline of the whole study
(the simulation's correlation on held-out top and random sequences, if there is any), and of several
simulators and LLMs that gave it, the one that gave most. Unreliable values are left to the page of
the unit, and a score that has no others is no headline.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neuroscribe.datasets import store
from neuroscribe.viewer.order import SiteUnits
from neuroscribe.viewer.rounding import Floats

_FIRST_CHOICE: Final = ("simulation", "pearson", "top_and_random")
_BY = ("simulator", "llm")
_VALUES: Final = {
    "score": "value",
    "low": "low",
    "high": "high",
    "random": "baseline_random_explanation",
    "lookup": "baseline_token_lookup",
}


@dataclass(frozen=True, kw_only=True)
class Headline:
    """Which score stands for an explanation."""

    scorer: str
    metric: str
    report_set: str
    raters: tuple[tuple[str | None, str | None], ...]
    """Simulator and LLM, who gave most first."""


@dataclass(frozen=True, kw_only=True)
class Lines:
    """One line a unit of a site, in order of place."""

    text: list[str | None]
    explainer: list[str | None]
    values: dict[str, Floats]
    """`score`, `low`, `high`, `random`, `lookup`; NaN where there is none."""


def choose_headline(root: str) -> Headline | None:
    """The headline of a study; None where nothing was scored reliably."""
    names = ["scorer", "metric", "report_set", *_BY]
    where = pc.field("reliable") & pc.is_finite(pc.field("value"))
    rows = store.read(root, "scores", columns=names, where=where)
    if rows.num_rows == 0:
        return None
    kinds = rows.group_by(names).aggregate([([], "count_all")]).to_pylist()
    scores = {(kind["scorer"], kind["metric"], kind["report_set"]) for kind in kinds}
    chosen = _FIRST_CHOICE if _FIRST_CHOICE in scores else min(scores)
    raters = [
        (-kind["count_all"], kind["simulator"], kind["llm"])
        for kind in kinds
        if (kind["scorer"], kind["metric"], kind["report_set"]) == chosen
    ]
    raters.sort(key=lambda rater: (rater[0], rater[1] or "", rater[2] or ""))
    return Headline(
        scorer=chosen[0],
        metric=chosen[1],
        report_set=chosen[2],
        raters=tuple((simulator, llm) for _, simulator, llm in raters),
    )


def current_explanations(root: str, units: SiteUnits) -> pa.Table:
    """The explanations of a site's units with their `place`: selected ones first, newest first."""
    rows = store.current("explanations", store.read(root, "explanations", site=units.name))
    rows = with_places(rows, units)
    order = [
        ("place", "ascending"),
        ("selected", "descending"),
        ("created_at", "descending"),
        ("explanation_id", "ascending"),
    ]
    # Booleans do not sort in Arrow.
    key = rows.set_column(
        rows.schema.get_field_index("selected"), "selected", rows["selected"].cast(pa.int8())
    )
    return rows.take(pc.sort_indices(key, sort_keys=order))


def current_scores(root: str, units: SiteUnits) -> pa.Table:
    """The scores of a site's units with their `place`."""
    return with_places(store.current("scores", store.read(root, "scores", site=units.name)), units)


def with_places(rows: pa.Table, units: SiteUnits) -> pa.Table:
    """Rows of units that are there, with a column `place`."""
    place = units.places(
        rows["unit"].to_numpy().astype(np.int64), rows["polarity"].to_numpy().astype(np.int64)
    )
    rows = rows.append_column("place", pa.array(place))
    return rows.filter(pa.array(place >= 0))


def lines_of(root: str, units: SiteUnits, headline: Headline | None) -> Lines:
    """What the units of a site show in one line."""
    text: list[str | None] = [None] * len(units)
    explainer: list[str | None] = [None] * len(units)
    shown_in: dict[str, int] = {}
    explanations = current_explanations(root, units)
    wanted = ["place", "explanation_id", "text", "explainer", "status", "selected"]
    for row in explanations.select(wanted).to_pylist():
        if row["status"] == "ok" and row["selected"] and text[row["place"]] is None:
            text[row["place"]] = row["text"]
            explainer[row["place"]] = row["explainer"]
            shown_in[row["explanation_id"]] = row["place"]
    values = {name: np.full(len(units), np.nan) for name in _VALUES}
    if headline is not None and shown_in:
        for row in _best_scores(current_scores(root, units), headline, shown_in).values():
            place = shown_in[row["explanation_id"]]
            for name, source in _VALUES.items():
                values[name][place] = np.nan if row[source] is None else row[source]
    return Lines(text=text, explainer=explainer, values=values)


def _best_scores(
    scores: pa.Table, headline: Headline, shown_in: dict[str, int]
) -> dict[str, dict[str, Any]]:
    """The headline score of each explanation that is shown, by the first of the raters."""
    chosen = scores.filter(
        (pc.field("scorer") == headline.scorer)
        & (pc.field("metric") == headline.metric)
        & (pc.field("report_set") == headline.report_set)
        & pc.field("reliable")
        & pc.field("explanation_id").isin(list(shown_in))
    )
    order = {rater: rank for rank, rater in enumerate(headline.raters)}
    best: dict[str, dict[str, Any]] = {}
    ranks: dict[str, int] = {}
    for row in chosen.select(["explanation_id", *_BY, *_VALUES.values()]).to_pylist():
        rank = order.get((row["simulator"], row["llm"]))
        if rank is None:
            # Given since the headline was chosen, in a study that is being scored.
            continue
        known = row["explanation_id"]
        if known not in ranks or rank < ranks[known]:
            best[known], ranks[known] = row, rank
    return best
