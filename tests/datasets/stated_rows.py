"""Rows of any table of which a test states only what it is about."""

from datetime import UTC, datetime

import pyarrow as pa

from neuroscribe.datasets.manifest import write_manifest
from neuroscribe.datasets.schema import SCHEMAS
from neuroscribe.datasets.store import write_part

WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def stated(table: str, *rows: dict) -> pa.Table:
    """The rows, with a value of its type in every column that they do not state."""
    schema = SCHEMAS[table]
    unstated = {field.name: None if field.nullable else _value(field.type) for field in schema}
    return pa.Table.from_pylist([{**unstated, **row} for row in rows], schema=schema)


def _value(kind: pa.DataType):
    if pa.types.is_list(kind):
        return [_value(kind.value_type)]
    if pa.types.is_timestamp(kind):
        return WHEN
    for matches, value in (
        (pa.types.is_string, "mlp.0"),
        (pa.types.is_binary, b"\x80"),
        (pa.types.is_boolean, True),
        (pa.types.is_integer, 1),
        (pa.types.is_floating, 0.5),
    ):
        if matches(kind):
            return value
    raise NotImplementedError(kind)


SITES = [
    {"name": "mlp.0", "kind": "mlp", "layer": 0, "width": 3},
    {"name": "module:h.1.act:in", "kind": "module", "layer": 1, "width": 2},
]


def explained_study(root, *, llm="mock", text="rain", subject="gpt2", corpus="stdlib"):
    """A study of two sites with every table; one unit is explained (after a failure) and scored."""
    manifest = {
        "versions": {"neuroscribe": "0"},
        "subject": {"name": subject, "revision": "1f", "weights_sha256": "2e", "sites": SITES},
        "corpus": {"name": corpus, "revision": None, "licence": "PSF-2.0"},
        "recorder": {"top_k": 2, "seed": 0},
        "recorded": {"sequences": 4, "tokens": 1234},
    }
    write_manifest(root, manifest)
    for site in SITES:
        units = [{"site": site["name"], "unit": unit} for unit in range(site["width"])]
        densities = [{**unit, "density": (unit["unit"] + 1) / 8} for unit in units]
        exemplars = [{**unit, "sequence_id": unit["unit"], "kind": "top"} for unit in units]
        vector = {"site": site["name"], "sequence_id": 9}
        for table, rows in (
            ("units", densities),
            ("exemplars", exemplars),
            ("vectors", [vector]),
            ("bits", [vector]),
        ):
            write_part(root, table, stated(table, *rows), site=site["name"])
    sequences = [{"sequence_id": i, "split": "test"} for i in (0, 1, 2, 3, 9)]
    write_part(root, "sequences", stated("sequences", *sequences))
    unit = {"site": "mlp.0", "unit": 1, "polarity": 1, "llm": llm}
    failed = {**unit, "explanation_id": "bad", "status": "failed", "reason": f"no {llm}"}
    good = {**unit, "explanation_id": "good", "status": "ok", "text": text, "inputs": []}
    for row in (failed, good):
        rows = stated("explanations", {**row, "explainer": "test", "rated_by": f"s by {llm}"})
        write_part(root, "explanations", rows, site="mlp.0")
    about = {"explanation_id": "good", "llm": llm}
    simulated = {**about, "sequence_id": 3, "status": "ok", "simulator": "few_shot"}
    write_part(root, "simulations", stated("simulations", simulated))
    write_part(root, "judgements", stated("judgements", {**about, "status": "ok"}))
    kind = {"scorer": "simulation", "metric": "pearson", "report_set": "top_and_random"}
    score = {**unit, **about, **kind, "value": 0.5, "baseline_random_explanation": 0.125}
    write_part(root, "scores", stated("scores", score), site="mlp.0")
    lesson = {"site": "mlp.0", "unit": 1, "sequence_ids": [2]}
    write_part(root, "lessons", stated("lessons", lesson), site="mlp.0")
    return root
