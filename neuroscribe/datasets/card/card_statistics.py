"""The numbers of a dataset card: units, explanations and mean scores, by site and by scorer.

Only current rows count, and of scores the reliable ones (coverage of at least .9): a mean over
values with few predictions would flatter. Scores differ by scorer, simulator, LLM, metric and
report set, and are never mixed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from neuroscribe.datasets import store
from neuroscribe.datasets.schema import IDENTITY, SCHEMAS
from neuroscribe.datasets.table import Table

KIND: Final = ("scorer", "simulator", "llm", "metric", "report_set")
"""Scores that agree in these can be averaged."""
_VALUES: Final = ("value", "chance", "baseline_random_explanation", "baseline_token_lookup")
_FIRST_CHOICE: Final = ("simulation", "pearson", "top_and_random")


@dataclass(frozen=True, kw_only=True)
class MeanScore:
    """Reliable scores of one kind, averaged."""

    kind: Mapping[str, str | None]
    """By the names in `KIND`."""
    n: int
    """Explanations with a reliable value."""
    unreliable: int
    """Explanations whose value is undefined or has too few predictions."""
    mean: float | None
    chance: float | None
    random: float | None
    """With another unit's explanation."""
    lookup: float | None
    """Predicted from the token look-up table."""


@dataclass(frozen=True, kw_only=True)
class SiteStatistics:
    """One site."""

    units: int
    """Both sides, where both were recorded."""
    explained: int
    density: float | None
    """Median over the units of how often each fires."""
    headline: MeanScore | None


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """A whole study."""

    rows: Mapping[str, int]
    """Current rows of the tables that have any."""
    sites: Mapping[str, SiteStatistics]
    scores: Sequence[MeanScore]
    headline: Mapping[str, str | None] | None
    """The kind of score that the sites are shown with."""
    explainers: Mapping[tuple[str, str], int]
    """Good explanations by explainer and LLM."""
    llms: tuple[str, ...]
    """Everyone who explained, simulated or judged."""
    cost_usd: float | None
    """Of the explanations; None where a price is not known."""
    last_year: int | None
    """In which the newest explanation was made."""


def statistics_of(root: str | Path) -> Statistics:
    """Read the numbers off a study's tables.

    Raises:
        StoreError: a part is damaged.
    """
    units = store.read(root, "units", columns=["site", "density"]).to_pylist()
    names = ["site", "unit", "polarity", "status", "explainer", "llm", "cost_usd", "created_at"]
    explanations = store.load(root, "explanations", columns=names).to_pylist()
    good = [row for row in explanations if row["status"] == "ok"]
    scores = store.load(root, "scores", columns=["site", *KIND, *_VALUES, "reliable"])
    means = _means(scores)
    headline = _headline(means)
    costs = [row["cost_usd"] for row in explanations]
    others = (store.read(root, name, columns=["llm"]) for name in ("simulations", "judgements"))
    llms = {row["llm"] for row in explanations}.union(
        *(pc.unique(table["llm"]).to_pylist() for table in (*others, scores))
    )
    return Statistics(
        rows={name: count for name in SCHEMAS if (count := _count(root, name))},
        sites=_sites(units, good, scores, headline),
        scores=means,
        headline=headline,
        explainers=Counter((row["explainer"], row["llm"]) for row in good),
        llms=tuple(sorted(llms - {None})),
        cost_usd=None if not costs or None in costs else sum(costs),
        last_year=max((row["created_at"].year for row in explanations), default=None),
    )


def _sites(
    units: Sequence[Mapping[str, Any]],
    explanations: Sequence[Mapping[str, Any]],
    scores: pa.Table,
    headline: Mapping[str, str | None] | None,
) -> dict[str, SiteStatistics]:
    densities: dict[str, list[float]] = {}
    for row in units:
        densities.setdefault(row["site"], []).append(row["density"])
    explained = Counter(
        site for site, _, _ in {(r["site"], r["unit"], r["polarity"]) for r in explanations}
    )
    by_site = {}
    for site, values in sorted(densities.items(), key=lambda item: _natural(item[0])):
        means = _means(scores.filter(pc.field("site") == site))
        known = [value for value in values if value is not None]
        by_site[site] = SiteStatistics(
            units=len(values),
            explained=explained[site],
            density=median(known) if known else None,
            headline=next((mean for mean in means if mean.kind == headline), None),
        )
    return by_site


def _means(scores: pa.Table) -> list[MeanScore]:
    """Means by kind of score, those with most values first."""
    reliable = pc.and_(scores["reliable"], pc.is_valid(scores["value"]))
    everything = scores.group_by(list(KIND)).aggregate([([], "count_all")]).to_pylist()
    wanted = [(name, "mean") for name in _VALUES]
    found = scores.filter(reliable).group_by(list(KIND)).aggregate([([], "count_all"), *wanted])
    averaged = {_key(row): row for row in found.to_pylist()}
    means = []
    for row in everything:
        mean = averaged.get(_key(row), {})
        n = mean.get("count_all", 0)
        means.append(
            MeanScore(
                kind={name: row[name] for name in KIND},
                n=n,
                unreliable=row["count_all"] - n,
                mean=mean.get("value_mean"),
                chance=mean.get("chance_mean"),
                random=mean.get("baseline_random_explanation_mean"),
                lookup=mean.get("baseline_token_lookup_mean"),
            )
        )
    return sorted(means, key=lambda mean: (-mean.n, [value or "" for value in mean.kind.values()]))


def _headline(means: Sequence[MeanScore]) -> Mapping[str, str | None] | None:
    """The correlation of simulations on held-out sequences, else what there is most of."""
    kinds = [mean.kind for mean in means]
    for kind in kinds:
        if (kind["scorer"], kind["metric"], kind["report_set"]) == _FIRST_CHOICE:
            return kind
    return kinds[0] if kinds else None


def _key(row: Mapping[str, Any]) -> tuple[str | None, ...]:
    return tuple(row[name] for name in KIND)


def _count(root: str | Path, table: str) -> int:
    if table not in IDENTITY:
        count: int = Table(root, table).dataset().count_rows()
        return count
    current: int = store.load(root, table, columns=[IDENTITY[table][0]]).num_rows
    return current


def _natural(site: str) -> tuple[str | int, ...]:
    """Sort key by which `mlp.2` comes before `mlp.10`."""
    return tuple(f"{int(part):09}" if part.isdigit() else part for part in site.split("."))
