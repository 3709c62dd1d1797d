"""`data/site.json`: the study at a glance, which the front end reads first."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from neuroscribe.datasets import store
from neuroscribe.datasets.schema import describe
from neuroscribe.records import SPLITS
from neuroscribe.viewer.blocks import EXEMPLARS, INDEX, ROWS, UNITS, write_json
from neuroscribe.viewer.headline import Headline, with_places
from neuroscribe.viewer.order import SiteUnits
from neuroscribe.viewer.rounding import number
from neuroscribe.viewer.search_index import SearchIndex
from neuroscribe.viewer.units import STATISTICS

FORMAT = 1

_SCORE_COLUMNS = ("value", "low", "high", "chance", "coverage", "n_sequences", "n_items")
_BASELINES = {
    "random": "baseline_random_explanation",
    "lookup": "baseline_token_lookup",
    "baseline_mean": "baseline_mean",
}


def write_site_index(
    root: str,
    out: Path,
    manifest: Mapping[str, Any],
    *,
    title: str | None,
    build: str,
    sites: Sequence[SiteUnits],
    summaries: Sequence[Mapping[str, Any]],
    headline: Headline | None,
    search: SearchIndex,
    layout: Mapping[str, Any] | None,
) -> None:
    """Write it.

    Args:
        root: the study.
        out: the site that is built.
        manifest: of the study.
        title: None names subject and corpus.
        build: differs where the other files may differ.
        sites: with their units.
        summaries: of the sites, in order.
        headline: which score is shown in one line.
        search: what the index left out.
        layout: points of the map and what laid them out; None without one.
    """
    subject, corpus = manifest.get("subject", {}), manifest.get("corpus", {})
    named = f"{subject.get('name', 'a subject')} on {corpus.get('name', 'a corpus')}"
    write_json(
        out / INDEX,
        {
            "format": FORMAT,
            "build": build,
            "title": named if title is None else title,
            "provenance": _provenance(root, manifest),
            "totals": _totals(root, manifest, sites, summaries),
            "splits": _splits(root),
            "headline": None
            if headline is None
            else {
                "scorer": headline.scorer,
                "metric": headline.metric,
                "report_set": headline.report_set,
            },
            "blocks": {"rows": ROWS, "units": UNITS, "exemplars": EXEMPLARS},
            "sites": summaries,
            "search": {"shards": search.shards, "ignored": search.ignored},
            "map": layout,
            "columns": _columns(),
        },
    )


def _totals(
    root: str,
    manifest: Mapping[str, Any],
    sites: Sequence[SiteUnits],
    summaries: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    recorded = manifest.get("recorded", {})
    explanations = _explanations(root, sites)
    given = explanations.filter(pc.equal(explanations["status"], "ok"))
    sequences = recorded.get("sequences")
    if sequences is None:
        sequences = store.read(root, "sequences", columns=["sequence_id"]).num_rows
    return {
        "units": sum(summary["count"] for summary in summaries),
        "explained": sum(summary["explained"] for summary in summaries),
        "explanations": given.num_rows,
        "sequences": sequences,
        "tokens": recorded.get("tokens"),
        # What lacks a price would make the sum too small.
        "cost_usd": None
        if given["cost_usd"].null_count
        else number(pc.sum(explanations["cost_usd"]).as_py()),
    }


def _explanations(root: str, sites: Sequence[SiteUnits]) -> pa.Table:
    """Status and cost of those of the units that are shown."""
    names = ["site", "unit", "polarity", "status", "cost_usd"]
    rows = store.load(root, "explanations", columns=names)
    return pa.concat_tables(
        with_places(rows.filter(pc.equal(rows["site"], units.name)), units) for units in sites
    )


def _splits(root: str) -> list[str]:
    present = pc.unique(store.read(root, "sequences", columns=["split"])["split"]).to_pylist()
    return [split for split in SPLITS if split in present]


def _provenance(root: str, manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Labels and values, of what is known."""
    subject, corpus = manifest.get("subject", {}), manifest.get("corpus", {})
    recorded, settings = manifest.get("recorded", {}), manifest.get("recorder", {})
    versions = manifest.get("versions", {})
    stated = {
        "Subject": subject.get("name"),
        "Revision of the subject": subject.get("revision"),
        "Architecture": subject.get("architecture"),
        "Weights (sha256)": subject.get("weights_sha256"),
        "Precision": subject.get("dtype"),
        "Corpus": corpus.get("name"),
        "Revision of the corpus": corpus.get("revision"),
        "Licence of the corpus": corpus.get("licence"),
        "Tokens read": _thousands(recorded.get("tokens")),
        "Tokens of a sequence": settings.get("sequence_length"),
        "Explainers": _names(root, "explanations", "explainer"),
        "LLMs that explain": _names(root, "explanations", "llm"),
        "Simulators": _names(root, "scores", "simulator"),
        "LLMs that score": _names(root, "scores", "llm"),
        "Recorded with": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "Format of the study": manifest.get("format_version"),
    }
    return [(label, str(value)) for label, value in stated.items() if value not in (None, "")]


def _thousands(count: int | None) -> str | None:
    return None if count is None else f"{count:,}"


def _names(root: str, table: str, column: str) -> str:
    names = pc.unique(store.read(root, table, columns=[column])[column]).to_pylist()
    return ", ".join(sorted(name for name in names if name is not None))


def _columns() -> dict[str, str]:
    """Descriptions of what the site shows, from the schema."""
    units = {name: text for name, _, text in describe("units")}
    scores = {name: text for name, _, text in describe("scores")}
    return {
        **{name: units[name] for name in STATISTICS},
        **{name: scores[name] for name in _SCORE_COLUMNS},
        **{name: scores[source] for name, source in _BASELINES.items()},
        "score": scores["value"],
    }
