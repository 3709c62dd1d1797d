"""Add explanations from a CSV file to a study: written by people, or exported from a copy of it.

A line with `unit` (or `site`, `unit` and `polarity`) and `text` is an explanation by a person:
explainer `human`, LLM `none`, selected, to be scored like any other. With a column `author` the
explainer is `human:AUTHOR`, so several people's explanations of a unit are kept and scored apart;
several texts by one author are candidates, of which the first is selected. A line with an
`explanation_id` is one that `export` wrote, and comes back with its score as it was.

Every line is checked before anything is written, and what the study has already is passed over.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from neuroscribe.datasets import store
from neuroscribe.datasets.interchange.csv_format import EXPLANATION_COLUMNS, SCORE_COLUMNS, UNIT
from neuroscribe.datasets.interchange.csv_lines import POLARITY, SITE, TEXT, Line, read_lines
from neuroscribe.datasets.interchange.transfer import Transfer
from neuroscribe.datasets.manifest import read_manifest
from neuroscribe.datasets.rows import explanations_table
from neuroscribe.datasets.schema import IDENTITY, SCHEMAS
from neuroscribe.errors import InputError
from neuroscribe.records import NO_LLM, Explanation, UnitId

HUMAN = "human"

_ID = "explanation_id"
_AUTHOR = "author"
_KNOWN = {UNIT, SITE, POLARITY, _AUTHOR, *EXPLANATION_COLUMNS, *SCORE_COLUMNS}


def load(source: str | Path, study: Path, *, delimiter: str = ",") -> Transfer:
    """Add the file's explanations and scores.

    Args:
        source: the file, or an fsspec URL of it; in UTF-8, or in UTF-16 with a byte order mark.
        study: directory of the study.
        delimiter: between cells.

    Raises:
        InputError: a line is wrong, which one and how is in the message; nothing was written.
    """
    manifest = read_manifest(study)
    lines = read_lines(str(source), delimiter)
    if not lines:
        raise InputError(f"{source} holds no line below its header")
    added = _Added(study, [site["name"] for site in manifest["subject"]["sites"]])
    for line in lines:
        added.take(line)
    left = [f"{count:,} {what}" for what, count in added.passed.items()]
    ignored = sorted({name for line in lines for name in line.cells} - _KNOWN)
    if ignored:
        left.append(f"the columns {', '.join(ignored)}")
    return Transfer(written=added.write(), left_out=tuple(left))


class _Added:
    """What the lines add to a study."""

    def __init__(self, study: Path, sites: Sequence[str]) -> None:
        self.passed: Counter[str] = Counter()
        """How many lines added nothing, by reason."""
        self._study = study
        self._sites = sites
        self._now = datetime.now(UTC)
        names = ["site", "unit", "polarity"]
        self._units = {
            UnitId(*row.values()) for row in store.read(study, "units", columns=names).to_pylist()
        }
        self._explanations: dict[str, dict[str, Any]] = {}
        self._scores: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._candidates: dict[tuple[UnitId, str], dict[str, int]] = defaultdict(dict)
        self._there: dict[str, dict[str, Any]] = {}
        for row in store.load(study, "explanations").to_pylist():
            self._there[row[_ID]] = row
            self._note_text(row)
        self._scored = {
            _identity(row)
            for row in store.load(study, "scores", columns=IDENTITY["scores"]).to_pylist()
        }

    def take(self, line: Line) -> None:
        """Check a line and keep what is new."""
        unit = line.unit()
        if unit not in self._units:
            raise line.wrong(self._unknown(unit))
        named = {"site": unit.site, "unit": unit.index, "polarity": unit.polarity}
        if line.get(_ID):
            self._exported(line, named)
        else:
            self._written_by_a_person(line, unit)

    def write(self) -> dict[str, int]:
        """Add it to the study; returns how many rows each table got."""
        for table, rows in (
            ("explanations", list(self._explanations.values())),
            ("scores", list(self._scores.values())),
        ):
            by_site = defaultdict(list)
            for row in sorted(rows, key=lambda row: (row["unit"], -row["polarity"])):
                by_site[row["site"]].append(row)
            for site, members in by_site.items():
                part = pa.Table.from_pylist(members, schema=SCHEMAS[table])
                store.write_part(self._study, table, part, site=site)
        return {"explanations": len(self._explanations), "scores": len(self._scores)}

    def _written_by_a_person(self, line: Line, unit: UnitId) -> None:
        text = line.get(TEXT).strip()
        if not text:
            raise line.wrong(f"the text for {unit} is empty")
        author = line.get(_AUTHOR).strip()
        explainer = f"{HUMAN}:{author}" if author else HUMAN
        candidates = self._candidates[unit, explainer]
        if text in candidates:
            self.passed["explanations that the study has already"] += 1
            return
        if candidates:
            self.passed["texts became further candidates of their author, and are not scored"] += 1
        explanation = Explanation(
            unit=unit,
            text=text,
            status="ok",
            explainer=explainer,
            llm=NO_LLM,
            exemplars="none",
            prompt_sha256="",
            candidate=max(candidates.values(), default=-1) + 1,
            selected=not candidates,
            created_at=self._now,
        )
        (row,) = explanations_table([explanation]).to_pylist()
        self._explanations[row[_ID]] = row
        self._note_text(row)

    def _exported(self, line: Line, named: dict[str, Any]) -> None:
        explanation_id = line.get(_ID)
        there = self._there.get(explanation_id) or self._explanations.get(explanation_id)
        if there is None:
            there = line.values(EXPLANATION_COLUMNS) | named
            if there["status"] == "ok" and there[TEXT] is None:
                there[TEXT] = ""
            self._explanations[explanation_id] = there
            self._note_text(there)
        if line.get(TEXT) != (there[TEXT] or "") or any(there[k] != v for k, v in named.items()):
            raise line.wrong(
                f"explanation {explanation_id} has another text or unit; leave explanation_id "
                "empty to add this one as a person's"
            )
        if not line.get("scorer"):
            return
        score = line.values(SCORE_COLUMNS) | named | {_ID: explanation_id}
        identity = _identity(score)
        if identity in self._scored:
            self.passed["scores that the study has already"] += 1
        else:
            self._scores.setdefault(identity, score)

    def _note_text(self, row: Mapping[str, Any]) -> None:
        if row["explainer"].partition(":")[0] == HUMAN and row[TEXT] is not None:
            unit = UnitId(row["site"], row["unit"], row["polarity"])
            self._candidates[unit, row["explainer"]][row[TEXT]] = row["candidate"]

    def _unknown(self, unit: UnitId) -> str:
        indices = sorted(other.index for other in self._units if other.site == unit.site)
        if not indices:
            return f"there is no unit {unit}; the study has the sites {', '.join(self._sites)}"
        return (
            f"there is no unit {unit}; of {unit.site} the study has {len(indices):,} units, "
            f"{indices[0]} to {indices[-1]}"
        )


def _identity(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in IDENTITY["scores"])


PLUGIN = load
