"""Blocks of units: everything of a unit but its exemplars."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from neuroscribe.datasets import store
from neuroscribe.datasets.schema import SCHEMAS
from neuroscribe.viewer.blocks import UNITS, block_path, to_json, write_block
from neuroscribe.viewer.headline import current_explanations, current_scores, with_places
from neuroscribe.viewer.order import SiteUnits, blocks_of
from neuroscribe.viewer.rounding import Number, column, lists_of_numbers, numbers, ragged
from neuroscribe.viewer.tokens import Tokens

SHOWN_LOOKUP = 30
"""Tokens of the look-up table: it falls off fast, and a hundred would be half of a block."""

QUANTILE_LEVELS: Final = [0.5, 0.9, 0.99, 0.999]
"""Of the largest activation of each sequence, in studies that were recorded with this package."""
STATISTICS: Final = [
    field.name
    for field in SCHEMAS["units"]
    if not pa.types.is_nested(field.type) and field.name not in ("site", "unit", "polarity")
]
_SCORES: Final = {
    "value": "value",
    "low": "low",
    "high": "high",
    "chance": "chance",
    "coverage": "coverage",
    "random": "baseline_random_explanation",
    "lookup": "baseline_token_lookup",
    "mean": "baseline_mean",
}
_SCORE_TEXTS: Final = ["scorer", "simulator", "llm", "metric", "report_set", "reliable", "reason"]
_EXPLANATION_TEXTS: Final = [
    *("text", "status", "reason", "explainer", "exemplars", "form", "llm"),
    *("candidate", "parent_id", "selected", "input_tokens", "output_tokens"),
]

Neighbour = tuple[str, float, str | None]
Weights = Mapping[str, Any]


class Extras(NamedTuple):
    """What was found out of a site's units beside the tables, by place."""

    weights: Mapping[int, Weights]
    by_explanation: Mapping[int, Sequence[Neighbour]]
    by_firing: Mapping[int, Sequence[Neighbour]]


def write_units(root: str, out: Path, units: SiteUnits, tokens: Tokens, extras: Extras) -> None:
    """Write the blocks of a site's units."""
    explanations = _explanations(root, units)
    rows = with_places(store.read(root, "units", site=units.name), units)
    # A part that was imported twice would give a unit two rows: the first one counts.
    _, first = np.unique(rows["place"].to_numpy(), return_index=True)
    rows = rows.take(pa.array(first))
    for block, places in blocks_of(len(units), UNITS):
        described = _described(rows.slice(places.start, len(places)), units, places, tokens)
        for unit, place in zip(described, places, strict=True):
            unit["weights"] = extras.weights.get(place)
            unit["neighbours"] = {
                "explanation": extras.by_explanation.get(place),
                "firing": extras.by_firing.get(place),
            }
            unit["explanations"] = explanations.get(place, [])
        write_block(block_path(out, "units", units.number, block), to_json({"units": described}))


def _described(
    rows: pa.Table, units: SiteUnits, places: range, tokens: Tokens
) -> list[dict[str, Any]]:
    statistics = {
        name: rows[name].to_pylist()
        if pa.types.is_integer(rows[name].type)
        else numbers(column(rows[name]))
        for name in STATISTICS
    }
    boundaries = lists_of_numbers(rows["quantile_boundaries"])
    edges = lists_of_numbers(rows["histogram_edges"])
    counts = rows["histogram_counts"].to_pylist()
    lookups = _lookups(rows, tokens)
    return [
        {
            "unit": units.unit(place),
            "site": units.name,
            "index": int(units.index[place]),
            "polarity": int(units.polarity[place]),
            "opposite": units.opposite(place),
            "statistics": {name: values[at] for name, values in statistics.items()},
            "quantiles": {
                "levels": _levels(boundaries[at]),
                "boundaries": boundaries[at],
            },
            "histogram": {"edges": edges[at], "counts": counts[at] or []},
            "lookup": lookups[at],
        }
        for at, place in enumerate(places)
    ]


def _levels(boundaries: Sequence[Number]) -> list[float]:
    """What the boundaries are quantiles of; unknown where an imported unit has other ones."""
    return QUANTILE_LEVELS if len(boundaries) == len(QUANTILE_LEVELS) else []


def _lookups(rows: pa.Table, tokens: Tokens) -> list[list[tuple[str, Number, int]]]:
    ends, token_ids = ragged(rows["lookup_token_ids"])
    # Rounding all hundred of each would take as long as the rest of the block.
    shown = [
        np.arange(start, min(start + SHOWN_LOOKUP, end)) for start, end in pairwise(ends.tolist())
    ]
    taken = np.concatenate(shown) if shown else np.zeros(0, dtype=np.int64)
    _, means = ragged(rows["lookup_means"])
    _, counts = ragged(rows["lookup_counts"])
    at = pa.array(taken)
    entries = zip(
        map(tokens.token, token_ids.take(at).to_pylist()),
        numbers(column(pa.chunked_array([means.take(at)]))),
        counts.take(at).to_pylist(),
        strict=True,
    )
    return [list(islice(entries, len(of_unit))) for of_unit in shown]


def _explanations(root: str, units: SiteUnits) -> dict[int, list[dict[str, Any]]]:
    """The explanations of each unit, by place, with their scores."""
    rows = current_explanations(root, units)
    if rows.num_rows == 0:
        return {}
    scores = _scores(current_scores(root, units))
    costs = numbers(column(rows["cost_usd"]))
    selection = numbers(column(rows["selection_score"]))
    by_place: dict[int, list[dict[str, Any]]] = defaultdict(list)
    names = ["place", "explanation_id", "created_at", *_EXPLANATION_TEXTS]
    for at, row in enumerate(rows.select(names).to_pylist()):
        by_place[row["place"]].append(
            {
                "id": row["explanation_id"],
                **{name: row[name] for name in _EXPLANATION_TEXTS},
                "selection_score": selection[at],
                "created_at": row["created_at"].isoformat(timespec="seconds"),
                "cost_usd": costs[at],
                "scores": scores.get(row["explanation_id"], []),
            }
        )
    return by_place


def _scores(rows: pa.Table) -> dict[str, list[dict[str, Any]]]:
    """The scores of each explanation, by scorer, report set and metric."""
    order = ["scorer", "report_set", "simulator", "llm", "metric"]
    rows = rows.sort_by([(name, "ascending") for name in order])
    values = {name: numbers(column(rows[source])) for name, source in _SCORES.items()}
    by_explanation: dict[str, list[dict[str, Any]]] = defaultdict(list)
    names = ["explanation_id", "n_sequences", "n_items", *_SCORE_TEXTS]
    for at, row in enumerate(rows.select(names).to_pylist()):
        explanation_id = row.pop("explanation_id")
        row |= {name: of_all[at] for name, of_all in values.items()}
        by_explanation[explanation_id].append(row)
    return by_explanation
