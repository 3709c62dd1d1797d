"""Everything a study knows of one unit, shown in a notebook or a terminal."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neuroscribe import heatmap
from neuroscribe.records import Exemplar, Explanation, UnitRecord

SHOWN_EXEMPLARS = 8


@dataclass(frozen=True, kw_only=True)
class UnitReport:
    """One unit: its record, its explanations, and its score rows."""

    record: UnitRecord
    explanations: Sequence[Explanation]
    scores: Sequence[Mapping[str, Any]]

    def shown_exemplars(self) -> tuple[Exemplar, ...]:
        """The strongest exemplars of the train split."""
        return self.record.select("train", "top")[:SHOWN_EXEMPLARS]

    def _repr_html_(self) -> str:
        record = self.record
        explanations = "".join(
            f"<li>{html.escape(explanation.text or explanation.reason or '')} "
            f"<small>({html.escape(explanation.explainer)}, exemplars: "
            f"{html.escape(explanation.exemplars)}, {explanation.form}, "
            f"{html.escape(explanation.llm)}, {explanation.status})</small></li>"
            for explanation in self.explanations
        )
        largest = record.max_activation
        rows = "".join(
            f"<tr><td>{exemplar.peak_activation:.3g}</td><td>"
            f"{heatmap.html(exemplar.sequence.tokens, exemplar.activations, largest=largest)}"
            "</td></tr>"
            for exemplar in self.shown_exemplars()
        )
        scores = "".join(
            f"<tr><td>{html.escape(str(row['scorer']))}</td>"
            f"<td>{html.escape(str(row['metric']))}</td>"
            f"<td>{html.escape(str(row['report_set']))}</td>"
            f"<td>{_number(row['value'])}</td>"
            f"<td>{_number(row['baseline_random_explanation'])}</td>"
            f"<td>{_number(row['baseline_token_lookup'])}</td></tr>"
            for row in self.scores
        )
        return (
            f"<h4>{html.escape(str(record.unit))}</h4>"
            f"<ul>{explanations}</ul>"
            "<table><tr><th>scorer</th><th>metric</th><th>report set</th><th>value</th>"
            f"<th>random explanation</th><th>token look-up</th></tr>{scores}</table>"
            f"<table><tr><th>peak</th><th>exemplar (train)</th></tr>{rows}</table>"
        )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
