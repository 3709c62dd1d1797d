"""Compare methods on the same units: which one explains or scores better, and by how much.

Units differ far more from each other than methods do, so methods are compared unit by unit: the
difference of their scores on each unit that both have, its mean with a bootstrap interval over
units, and how often the one wins. What is not comparable is not compared: other scorers, metrics
and report sets are other questions, and so are units of another model.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from neuroscribe.datasets import store
from neuroscribe.datasets.manifest import read_manifest
from neuroscribe.errors import StudyError
from neuroscribe.records import UnitId
from neuroscribe.scoring.bootstrap import Interval, mean_interval

ASPECTS = ("study", "explainer", "exemplars", "form", "llm", "simulator", "judge")
"""In what methods may differ. `llm` explains; `judge` simulates or judges."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """One way to explain and to score, with its scores."""

    name: str
    """What tells it from the others, such as `explainer=contrastive`."""
    scores: Mapping[UnitId, float]
    n_undefined: int
    """Units for which it has a score without a value."""
    tokens: float | None
    """Tokens of prompt and answer that an explanation took, on average; None where none is known.
    """
    cost_usd: float | None
    """What an explanation cost, on average; None where a price is not known."""

    @property
    def mean(self) -> float | None:
        """Mean score over all its units; None without any."""
        return float(np.mean(list(self.scores.values()))) if self.scores else None


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """Two methods on the units that both have."""

    first: Method
    second: Method
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
    methods: tuple[Method, ...]
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
            Scores that differ in other aspects are averaged per unit.
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
    methods = _methods(wanted, differing)
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
        subject = read_manifest(Path(study))["subject"]
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
    found = []
    for row in store.load(study, "scores", where=pc.field("scorer") == scorer).to_pylist():
        explanation = explanations.get(row["explanation_id"])
        if explanation is None or not explanation["selected"]:
            continue
        tokens = explanation["input_tokens"] + explanation["output_tokens"]
        found.append(
            {
                "unit": UnitId(row["site"], row["unit"], row["polarity"]),
                "metric": row["metric"],
                "report_set": row["report_set"],
                "value": row["value"],
                "tokens": float(tokens) or None,
                "cost_usd": explanation["cost_usd"],
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


_HEADLINES = ("pearson", "balanced_accuracy", "auc", "accuracy", "top_and_random")


def _headline(names: Sequence[str]) -> str:
    present = set(names)
    return next((name for name in _HEADLINES if name in present), names[0])


def _methods(rows: Sequence[Mapping[str, Any]], aspects: Sequence[str]) -> tuple[Method, ...]:
    by_method: dict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        by_method[tuple(row[aspect] for aspect in aspects)].append(row)
    methods = []
    for values, members in sorted(by_method.items(), key=lambda item: tuple(map(str, item[0]))):
        per_unit: dict[UnitId, list[float]] = defaultdict(list)
        for row in members:
            if row["value"] is not None:
                per_unit[row["unit"]].append(row["value"])
        named = zip(aspects, values, strict=True)
        methods.append(
            Method(
                name=", ".join(f"{aspect}={value}" for aspect, value in named) or "the only one",
                scores={unit: float(np.mean(found)) for unit, found in per_unit.items()},
                n_undefined=len({row["unit"] for row in members} - per_unit.keys()),
                tokens=_mean([row["tokens"] for row in members]),
                cost_usd=_mean([row["cost_usd"] for row in members]),
            )
        )
    return tuple(methods)


def _paired(first: Method, second: Method, seed: int) -> Pairing:
    units = sorted(first.scores.keys() & second.scores.keys())
    a = [first.scores[unit] for unit in units]
    b = [second.scores[unit] for unit in units]
    differences = [y - x for x, y in zip(a, b, strict=True)]
    wins = [1.0 if d > 0 else 0.5 if d == 0 else 0.0 for d in differences]
    return Pairing(
        first=first,
        second=second,
        n_units=len(units),
        first_mean=_mean(a),
        second_mean=_mean(b),
        difference=_mean(differences),
        interval=mean_interval(differences, seed=seed),
        wins=_mean(wins),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean of numbers; None where one is missing or there are none."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None
