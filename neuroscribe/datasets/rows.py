"""Records to table rows and back."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from neuroscribe.datasets.schema import SCHEMAS
from neuroscribe.records import (
    Exemplar,
    Explanation,
    Judgement,
    Lesson,
    Score,
    Sequence,
    Simulation,
    TokenLookup,
    UnitId,
    UnitRecord,
    UnitStatistics,
)


def sequences_table(sequences: Iterable[Sequence]) -> pa.Table:
    """Rows of the table `sequences`."""
    names = SCHEMAS["sequences"].names
    rows = [{name: getattr(sequence, name) for name in names} for sequence in sequences]
    return pa.Table.from_pylist(rows, schema=SCHEMAS["sequences"])


def explanations_table(explanations: Iterable[Explanation]) -> pa.Table:
    """Rows of the table `explanations`."""
    return _of_units("explanations", explanations)


def scores_table(scores: Iterable[Score]) -> pa.Table:
    """Rows of the table `scores`."""
    return _of_units("scores", scores)


def lessons_table(lessons: Iterable[Lesson]) -> pa.Table:
    """Rows of the table `lessons`."""
    return _of_units("lessons", lessons)


def judgements_table(judgements: Iterable[Judgement]) -> pa.Table:
    """Rows of the table `judgements`."""
    names = SCHEMAS["judgements"].names
    rows = [{name: getattr(judgement, name) for name in names} for judgement in judgements]
    return pa.Table.from_pylist(rows, schema=SCHEMAS["judgements"])


def simulations_table(simulations: Iterable[Simulation]) -> pa.Table:
    """Rows of the table `simulations`."""
    rows = [
        {
            "explanation_id": simulation.explanation_id,
            "simulator": simulation.prediction.simulator,
            "llm": simulation.prediction.llm,
            "sequence_id": simulation.exemplar.sequence.sequence_id,
            "split": simulation.exemplar.sequence.split,
            "kind": simulation.exemplar.kind,
            "status": simulation.prediction.status,
            "reason": simulation.prediction.reason,
            "expected": simulation.prediction.expected,
            "calibrated": simulation.calibrated,
        }
        for simulation in simulations
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMAS["simulations"])


def sequence_of(row: Mapping[str, Any]) -> Sequence:
    """A sequence from its row."""
    return Sequence(
        sequence_id=row["sequence_id"],
        document_id=row["document_id"],
        split=row["split"],
        token_ids=tuple(row["token_ids"]),
        tokens=tuple(row["tokens"]),
        text=row["text"],
        token_bytes_offsets=tuple(row["token_bytes_offsets"]),
    )


def explanation_of(row: Mapping[str, Any]) -> Explanation:
    """An explanation from its row."""
    return Explanation(
        unit=UnitId(row["site"], row["unit"], row["polarity"]),
        text=row["text"],
        status=row["status"],
        reason=row["reason"],
        explainer=row["explainer"],
        # Studies of format 2 do not have these columns.
        exemplars=row["exemplars"] or "top",
        form=row["form"] or "phrase",
        inputs=tuple(row["inputs"] or ()),
        llm=row["llm"],
        candidate=row["candidate"],
        parent_id=row["parent_id"],
        selected=row["selected"],
        selection_score=row["selection_score"],
        rated_by=row["rated_by"],
        rated_at=row["rated_at"],
        prompt_sha256=row["prompt_sha256"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cost_usd=row["cost_usd"],
        created_at=row["created_at"],
    )


def of_unit(unit: UnitId) -> pc.Expression:
    """Filter for the rows of one unit within its site."""
    return (pc.field("unit") == unit.index) & (pc.field("polarity") == unit.polarity)


def unit_record_of(
    unit_row: Mapping[str, Any],
    exemplar_rows: Iterable[Mapping[str, Any]],
    sequences: Mapping[int, Sequence],
) -> UnitRecord:
    """A unit's record from its row, its exemplars' rows and the sequences they name.

    Exemplars that hold NaN or infinities are left out: there is no scale on which to show them, and
    nothing can be scored against them.
    """
    exemplars = tuple(
        Exemplar(
            sequence=sequences[row["sequence_id"]],
            activations=tuple(row["activations"]),
            kind=row["kind"],
            rank=row["rank"],
            quantile=row["quantile"],
        )
        for row in exemplar_rows
        if all(map(math.isfinite, row["activations"]))
    )
    return UnitRecord(
        unit=UnitId(unit_row["site"], unit_row["unit"], unit_row["polarity"]),
        statistics=UnitStatistics(
            n_tokens=unit_row["n_tokens"],
            mean=unit_row["mean"],
            variance=unit_row["variance"],
            skewness=unit_row["skewness"],
            kurtosis=unit_row["kurtosis"],
            min=unit_row["min"],
            max=unit_row["max"],
            density=unit_row["density"],
            density_1pct=unit_row["density_1pct"],
            quantile_boundaries=tuple(unit_row["quantile_boundaries"]),
            histogram_edges=tuple(unit_row["histogram_edges"]),
            histogram_counts=tuple(unit_row["histogram_counts"]),
            lookup=TokenLookup(
                token_ids=tuple(unit_row["lookup_token_ids"]),
                means=tuple(unit_row["lookup_means"]),
                counts=tuple(unit_row["lookup_counts"]),
            ),
        ),
        exemplars=exemplars,
    )


def _of_units(table: str, records: Iterable[Explanation | Lesson | Score]) -> pa.Table:
    names = [name for name in SCHEMAS[table].names if name not in ("site", "unit", "polarity")]
    rows = [
        {name: getattr(record, name) for name in names}
        | {
            "site": record.unit.site,
            "unit": record.unit.index,
            "polarity": record.unit.polarity,
        }
        for record in records
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMAS[table])
