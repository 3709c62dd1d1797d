"""Compare methods on the same units: which one explains or scores better, and by how much.

Units differ far more from each other than methods do, so methods are compared unit by unit: the
difference of their scores on each unit that both have, its mean with a bootstrap interval over
units, and how often the one wins. What is not comparable is not compared: other scorers, metrics
and report sets are other questions, and so are units of another model.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc

from neuroscribe.datasets import store
from neuroscribe.datasets.manifest import read_manifest
from neuroscribe.errors import StudyError
from neuroscribe.records import UnitId
from neuroscribe.scoring.bootstrap import Interval, mean_interval

ASPECTS = ("study", "explainer", "exemplars", "form", "llm", "simulator", "judge")
"""In what methods may differ. `llm` explains; `judge` simulates or judges."""


class Case(NamedTuple):
    """What is compared: a unit, treated alike in all that is not asked about."""

    unit: UnitId
    rest: tuple[str, ...]
    """What else was the same: the aspects that do not tell the methods apart."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One way to explain and to score, with its scores."""

    name: str
    """What tells it from the others, such as `explainer=contrastive`."""
    scores: Mapping["Case", float]
    n_undefined: int
    """Units that have no reliable score: none with a value and a coverage of at least .9."""
    tokens: float | None
    """Tokens of prompts and answers that a unit's explanation took on average, candidates and
    revisions included; None where they are not known."""
    cost_usd: float | None
    """What they cost; None where a price is not known."""

    @property
    def n_units(self) -> int:
        """Units that have a score."""
        return len({case.unit for case in self.scores})

    @property
    def mean(self) -> float | None:
        """Mean score over all its units; None without any."""
        return _mean(list(_per_unit(self.scores).values()))


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """Two methods on the units that both have."""

    first: Contender
    second: Contender
    n_units: int
    first_mean: float | None
    second_mean: float | None
    """Means over the common units."""
    difference: float | None
    """Mean of second minus first; None without a common unit."""
    interval: Interval | None
    """95%, by bootstrap over units."""
    wins: float | None
    """Share of units on which the second does better; ties count half."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All methods of some studies, and all pairs of them."""

    scorer: str
    metric: str
    report_set: str
    methods: tuple[Contender, ...]
    pairings: tuple[Pairing, ...]


def compare(
    studies: Sequence[str | Path],
    *,
    scorer: str = "simulation",
    metric: str | None = None,
    report_set: str | None = None,
    by: Sequence[str] | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare the methods that one or more studies of the same subject hold scores of.

    Args:
        studies: their directories or fsspec URLs.
        scorer: whose scores.
        metric: which of them; None takes the scorer's headline.
        report_set: on which sequences; None takes the scorer's first.
        by: aspects (`ASPECTS`) that tell methods apart; None takes all in which they differ.
            Scores that differ in other aspects too are paired with those that are like them there,
            and then averaged per unit.
        seed: of the bootstrap.

    Raises:
        StudyError: no such scores, one method only, or studies of different subjects.
    """
    unknown = set(by or ()) - set(ASPECTS)
    if unknown:
        raise StudyError(
            f"methods do not differ by {min(unknown)!r}; choose among: {', '.join(ASPECTS)}"
        )
    _require_one_subject(studies)
    rows = [row for study in studies for row in _rows(study, scorer)]
    if not rows:
        raise StudyError(
            f"no explanation is scored by {scorer!r} in {', '.join(map(str, studies))}; run "
            f"`neuroscribe score STUDY --scorer {scorer}` first"
        )
    metric = metric or _headline([row["metric"] for row in rows])
    report_set = report_set or _headline([row["report_set"] for row in rows])
    wanted = [row for row in rows if (row["metric"], row["report_set"]) == (metric, report_set)]
    if not wanted:
        known = sorted({f"{row['metric']} on {row['report_set']}" for row in rows})
        raise StudyError(
            f"{scorer} has no {metric} on {report_set} there; there are: {', '.join(known)}"
        )
    differing = tuple(by) if by else tuple(a for a in ASPECTS if len({r[a] for r in wanted}) > 1)
    methods = _contenders(wanted, differing)
    if len(methods) < 2:
        name = methods[0].name
        raise StudyError(
            f"there is only one method to look at ({name}); explain or score with another one, or "
            "name another study"
        )
    return Comparison(
        scorer=scorer,
        metric=metric,
        report_set=report_set,
        methods=methods,
        pairings=tuple(_paired(a, b, seed) for a, b in combinations(methods, 2)),
    )


def _require_one_subject(studies: Sequence[str | Path]) -> None:
    subjects = {}
    for study in studies:
        subject = read_manifest(study)["subject"]
        subjects[subject["weights_sha256"]] = f"{study} ({subject['name']})"
    if len(subjects) > 1:
        raise StudyError(
            f"the studies are of different subjects, so their units are not the same: "
            f"{', '.join(subjects.values())}"
        )


def _rows(study: str | Path, scorer: str) -> list[dict[str, Any]]:
    """One row per explanation and score, with what tells methods apart."""
    explanations = {
        row["explanation_id"]: row for row in store.load(study, "explanations").to_pylist()
    }
    spent = _spent(explanations.values())
    found = []
    for row in store.load(study, "scores", where=pc.field("scorer") == scorer).to_pylist():
        explanation = explanations.get(row["explanation_id"])
        if explanation is None or not explanation["selected"]:
            continue
        tokens, cost_usd = spent[_method_of(explanation)]
        found.append(
            {
                "unit": UnitId(row["site"], row["unit"], row["polarity"]),
                "metric": row["metric"],
                "report_set": row["report_set"],
                # Under .9 coverage a value is never averaged (METHODS section 5).
                "value": row["value"] if row["reliable"] else None,
                "tokens": tokens or None,
                "cost_usd": cost_usd,
                "study": str(study),
                "explainer": explanation["explainer"],
                "exemplars": explanation["exemplars"] or "top",
                "form": explanation["form"] or "phrase",
                "llm": explanation["llm"],
                "simulator": row["simulator"],
                "judge": row["llm"],
            }
        )
    return found


def _method_of(explanation: Mapping[str, Any]) -> tuple[Any, ...]:
    """A unit and how it was explained; its candidates and revisions share it."""
    names = ("site", "unit", "polarity", "explainer", "exemplars", "form", "llm")
    return tuple(explanation[name] for name in names)


def _spent(
    explanations: Iterable[Mapping[str, Any]],
) -> dict[tuple[Any, ...], tuple[float, float | None]]:
    """Tokens and cost of all that was asked to explain each unit by each method."""
    spent: dict[tuple[Any, ...], tuple[float, float | None]] = {}
    for row in explanations:
        tokens, cost = spent.get(_method_of(row), (0.0, 0.0))
        known = cost is not None and row["cost_usd"] is not None
        spent[_method_of(row)] = (
            tokens + row["input_tokens"] + row["output_tokens"],
            cost + row["cost_usd"] if known else None,
        )
    return spent


_HEADLINES = ("pearson", "balanced_accuracy", "auc", "accuracy", "top_and_random")


def _headline(names: Sequence[str]) -> str:
    present = set(names)
    return next((name for name in _HEADLINES if name in present), names[0])


def _contenders(rows: Sequence[Mapping[str, Any]], aspects: Sequence[str]) -> tuple[Contender, ...]:
    others = [aspect for aspect in ASPECTS if aspect not in aspects]
    by_method: dict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        by_method[tuple(row[aspect] for aspect in aspects)].append(row)
    contenders = []
    for values, members in sorted(by_method.items(), key=lambda item: tuple(map(str, item[0]))):
        scores = {
            Case(row["unit"], tuple(str(row[aspect]) for aspect in others)): row["value"]
            for row in members
            if row["value"] is not None
        }
        named = zip(aspects, values, strict=True)
        contenders.append(
            Contender(
                name=", ".join(f"{aspect}={value}" for aspect, value in named) or "the only one",
                scores=scores,
                n_undefined=len({row["unit"] for row in members} - {c.unit for c in scores}),
                tokens=_mean([row["tokens"] for row in members]),
                cost_usd=_mean([row["cost_usd"] for row in members]),
            )
        )
    return tuple(contenders)


def differences(first: Contender, second: Contender) -> dict[UnitId, float]:
    """Second minus first for every unit that both have, averaged over what is alike in both."""
    return _per_unit(
        {
            case: second.scores[case] - first.scores[case]
            for case in first.scores.keys() & second.scores.keys()
        }
    )


def _per_unit(scores: Mapping[Case, float]) -> dict[UnitId, float]:
    found: dict[UnitId, list[float]] = defaultdict(list)
    for case in sorted(scores):
        found[case.unit].append(scores[case])
    return {unit: float(np.mean(values)) for unit, values in found.items()}


def _paired(first: Contender, second: Contender, seed: int) -> Pairing:
    common = first.scores.keys() & second.scores.keys()
    by_unit = differences(first, second)
    values = [by_unit[unit] for unit in sorted(by_unit)]
    wins = [1.0 if d > 0 else 0.5 if d == 0 else 0.0 for d in values]
    return Pairing(
        first=first,
        second=second,
        n_units=len(by_unit),
        first_mean=_mean(list(_per_unit({c: first.scores[c] for c in common}).values())),
        second_mean=_mean(list(_per_unit({c: second.scores[c] for c in common}).values())),
        difference=_mean(values),
        interval=mean_interval(values, seed=seed),
        wins=_mean(wins),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean of numbers; None where one is missing or there are none."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None
