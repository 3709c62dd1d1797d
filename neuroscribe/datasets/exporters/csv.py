"""Write explanations and their scores as one CSV file, for spreadsheets and for `import`.

One line per explanation and score (one line for an explanation without scores), in order of unit;
`csv_format` says what the columns are. Cells are exact, so the file can be read back into a copy of
the study. A spreadsheet runs a text that begins with `=`, `+`, `-` or `@` as a formula, and texts
come from LLMs: `spreadsheet=true` puts an apostrophe before those, and such a file is for people.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from neuroscribe.datasets import store
from neuroscribe.datasets.interchange.csv_format import (
    COLUMNS,
    EXPLANATION_COLUMNS,
    SCORE_COLUMNS,
    UNIT,
    write_cell,
)
from neuroscribe.datasets.interchange.transfer import Transfer, require_absent
from neuroscribe.datasets.manifest import read_manifest
from neuroscribe.datasets.schema import IDENTITY
from neuroscribe.errors import InputError
from neuroscribe.records import UnitId

_LEFT = "simulations, judgements and what was recorded of the units (export them as `hub`)"


def export(
    study: Path,
    out: Path,
    *,
    units: Sequence[UnitId] | None = None,
    headline: bool = False,
    spreadsheet: bool = False,
) -> Transfer:
    """Write the file.

    Args:
        study: its directory.
        out: the file, which is not there yet.
        units: which ones; None writes all.
        headline: of the scores, only the correlation on top and random texts.
        spreadsheet: make texts that look like formulas harmless.

    Raises:
        InputError: `out` is there already, or no unit has an explanation.
        StoreError: the disk is full.
    """
    require_absent(out)
    sites = [site["name"] for site in read_manifest(study)["subject"]["sites"]]
    wanted = None if units is None else set(units)
    counts = {"explanations": 0, "scores": 0}

    def write(path: Path) -> None:
        # The lines end as RFC 4180 says; then a text that holds either kind of line end is quoted.
        with path.open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file, lineterminator="\r\n")
            lines.writerow(COLUMNS)
            for site in sites:
                for unit, explanation, scores in _explained(study, site, headline=headline):
                    if wanted is not None and unit not in wanted:
                        continue
                    counts["explanations"] += 1
                    counts["scores"] += len(scores)
                    for score in scores or [{}]:
                        lines.writerow(
                            write_cell(value, spreadsheet=spreadsheet)
                            for value in _values(unit, explanation, score)
                        )
        if not counts["explanations"]:
            raise InputError(f"there is no explanation to write in {study}; explain units first")

    store.write_atomically(out, write)
    return Transfer(written=counts, left_out=(_LEFT,))


def _explained(
    study: Path, site: str, *, headline: bool
) -> Iterator[tuple[UnitId, dict[str, Any], list[dict[str, Any]]]]:
    """The current explanations of a site, each with its scores."""
    scores = defaultdict(list)
    for row in store.current("scores", store.read(study, "scores", site=site)).to_pylist():
        if not headline or (row["metric"], row["report_set"]) == ("pearson", "top_and_random"):
            scores[row["explanation_id"]].append(row)
    explanations = store.current("explanations", store.read(study, "explanations", site=site))
    for row in sorted(explanations.to_pylist(), key=_explanation_order):
        unit = UnitId(site, row["unit"], row["polarity"])
        yield unit, row, sorted(scores[row["explanation_id"]], key=_score_order)


def _values(unit: UnitId, explanation: dict[str, Any], score: dict[str, Any]) -> list[Any]:
    values: dict[str, Any] = {UNIT: str(unit)}
    values |= {name: explanation[name] for name in EXPLANATION_COLUMNS}
    values |= {name: score.get(field.name) for name, field in SCORE_COLUMNS.items()}
    return [values[name] for name in COLUMNS]


def _explanation_order(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        row["unit"],
        -row["polarity"],
        row["created_at"],
        row["candidate"],
        row["explanation_id"],
    )


def _score_order(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(row[name] or "" for name in IDENTITY["scores"])


PLUGIN = export
