"""A study of three sites that holds what is awkward, written straight into its tables.

`mlp.0` has six units, of which the last was never seen to fire; the odd module has two sides, and
lists only some units; `mlp.1` was not explained.
"""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from neuroscribe.datasets.manifest import write_manifest
from neuroscribe.datasets.schema import SCHEMAS
from neuroscribe.datasets.store import write_part

ODD = "module:transformer.h.5.mlp.act"
TOKENS = [" rain", "<img onerror=alert(1)>", "\n\n", "שלום", " \u2028", "🙂", '"\\', "⟨f0 9f⟩"]
SPLITS = ["train", "calibration", "valid", "test"]
UNITS = {
    "mlp.0": [(index, 1) for index in range(6)],
    "mlp.1": [(index, 1) for index in range(40)],
    ODD: [(index, side) for index in (3, 7, 700) for side in (1, -1)],
}


@pytest.fixture
def study(tmp_path):
    """The study's directory."""
    return write_study(tmp_path / "study")


def write_study(root):
    draw = np.random.default_rng(0)
    root.mkdir()
    write_manifest(root, manifest())
    write(root, "sequences", [sequence(number) for number in range(24)])
    for site, units in UNITS.items():
        write(root, "units", [unit_row(site, *unit, draw) for unit in units], site)
        write(root, "exemplars", [row for unit in units for row in exemplars(site, *unit, draw)],
              site)  # fmt: skip
        write(root, "bits", bits(site, draw), site)
    explained = [("mlp.0", index, 1) for index in range(5)] + [(ODD, 7, 1), (ODD, 7, -1)]
    for site in ("mlp.0", ODD):
        units = [unit for unit in explained if unit[0] == site]
        rows = [explanation(unit, number) for number, unit in enumerate(units)]
        older = explanation(units[0], 9, text="an older one", day=1, explainer="highlighted_text")
        failed = explanation(
            units[0], 8, text=None, status="failed", candidate=1, reason="timed out"
        )
        write(root, "explanations", [*rows, older, failed], site)
        write(root, "scores", [row for each in rows for row in scores(each)], site)
        write(root, "simulations", [row for each in rows for row in simulations(each)])
    return root


def write(root, table, rows, site=None):
    write_part(root, table, pa.Table.from_pylist(list(rows), schema=SCHEMAS[table]), site=site)


def manifest():
    return {
        "versions": {"neuroscribe": "0.1.0"},
        "subject": {
            "name": "no/such-subject",
            "sites": [
                {"name": "mlp.0", "kind": "mlp", "layer": 0, "width": 6},
                {"name": "mlp.1", "kind": "mlp", "layer": 1, "width": 40},
                {"name": ODD, "kind": "module", "layer": None, "width": 800},
            ],
        },
        "corpus": {"name": "tests", "licence": "CC0-1.0"},
        "recorder": {"seed": 0, "sequence_length": 4},
        "recorded": {"sequences": 24, "tokens": 96},
    }


def sequence(number):
    token_ids = [(number + step) % len(TOKENS) for step in range(4)]
    tokens = [TOKENS[token_id] for token_id in token_ids]
    ends = np.cumsum([0, *(len(token.encode()) for token in tokens)])
    return {
        "sequence_id": 100 + number,
        "document_id": f"<b>{number}",
        "split": SPLITS[number % 4],
        "token_ids": token_ids,
        "tokens": tokens,
        "text": "".join(tokens),
        "token_bytes_offsets": ends.tolist(),
    }


def unit_row(site, index, polarity, draw):
    silent = (site, index) == ("mlp.0", 5)
    measured = ["mean", "variance", "skewness", "kurtosis", "min", "max", "density", "density_1pct"]
    statistics = dict.fromkeys(measured) if silent else {
        name: float(draw.normal(0, 10.0 ** draw.integers(-6, 6))) for name in measured
    } | {"density": float(draw.uniform(0, 1))}  # fmt: skip
    if (site, index) == ("mlp.0", 4):
        statistics["kurtosis"] = float("nan")
    return {
        "site": site,
        "unit": index,
        "polarity": polarity,
        "n_tokens": 123_456,
        "n_nan": 0,
        "n_infinite": 0,
        **statistics,
        "quantile_boundaries": [] if silent else [0.1, 0.2, 0.3, 0.4],
        "histogram_edges": [] if silent else [-0.17, 0.0, 1.5],
        "histogram_counts": [] if silent else [70, 30],
        "lookup_token_ids": [1, 3, 999],
        "lookup_means": [2.0, 1.0, 0.123456],
        "lookup_counts": [3, 10_001, 1],
    }


def exemplars(site, index, polarity, draw):
    for split_number, split in enumerate(SPLITS):
        ids = [100 + number for number in range(24) if number % 4 == split_number]
        for kind, quantile, count in (("top", None, 6), ("random", None, 6), ("quantile", 2, 3)):
            for rank in range(count):
                values = draw.normal(0, 2, 4).astype(np.float32)
                if (site, index) == ("mlp.0", 5):
                    values[:] = 0
                if (site, index, kind, rank) == ("mlp.0", 4, "top", 0):
                    values[1:3] = [np.nan, np.inf]
                finite = np.where(np.isfinite(values), values, -np.inf)
                yield {
                    "site": site,
                    "unit": index,
                    "polarity": polarity,
                    "split": split,
                    "kind": kind,
                    "quantile": quantile,
                    "rank": rank,
                    "sequence_id": ids[rank],
                    "peak_position": int(finite.argmax()),
                    "peak_activation": float(finite.max()),
                    "activations": values.tolist(),
                }


def bits(site, draw):
    width = max(index for index, _ in UNITS[site]) + 1
    for polarity in {side for _, side in UNITS[site]}:
        for number in range(24):
            fires = draw.random(width) < 0.5
            yield {
                "site": site,
                "polarity": polarity,
                "sequence_id": 100 + number,
                "fires": np.packbits(fires).tobytes(),
            }


def explanation(unit, number, *, text="", day=2, status="ok", reason=None, candidate=0,
                explainer="token_activation_pairs"):  # fmt: skip
    site, index, polarity = unit
    texts = ["Rain, and snow", "rain on <b>roofs</b>", "the ENDS of lines", "RAIN_fall É2", "snow"]
    return {
        "explanation_id": f"{site}-{number}-{day}",
        "site": site,
        "unit": index,
        "polarity": polarity,
        "text": texts[number % 5] if text == "" else text,
        "status": status,
        "reason": reason,
        "explainer": explainer,
        "exemplars": "top",
        "form": "phrase",
        "inputs": ["exemplars"],
        "llm": "mock",
        "candidate": candidate,
        "parent_id": None,
        "selected": status == "ok",
        "selection_score": None,
        "rated_by": None,
        "rated_at": None,
        "prompt_sha256": "0",
        "input_tokens": 900,
        "output_tokens": 10,
        "cost_usd": 0.000123456,
        "created_at": datetime(2025, 1, day, tzinfo=UTC),
    }


def scores(of):
    for number, (metric, report_set, value) in enumerate(
        [
            ("pearson", "top_and_random", 0.412345),
            ("pearson", "random_only", 0.2),
            ("r2_centred", "top_and_random", None),
        ]
    ):
        yield {
            **{name: of[name] for name in ("explanation_id", "site", "unit", "polarity")},
            "scorer": "simulation",
            "simulator": "prompt_logprobs",
            "llm": "mock",
            "metric": metric,
            "report_set": report_set,
            "value": value,
            "low": 0.1,
            "high": 0.9,
            "chance": 0.0,
            "n_sequences": 10,
            "n_items": 40,
            "coverage": 1.0,
            "baseline_random_explanation": 0.01 * number,
            "baseline_token_lookup": 0.7,
            "baseline_mean": None,
            "n_failed": 0,
            "reliable": value is not None,
            "reason": None if value is not None else "constant",
        }


def simulations(of):
    for number in range(16):
        if SPLITS[number % 4] in ("calibration", "test"):
            yield {
                "explanation_id": of["explanation_id"],
                "simulator": "prompt_logprobs",
                "llm": "mock",
                "sequence_id": 100 + number,
                "split": SPLITS[number % 4],
                "kind": "top" if number % 2 else "random",
                "status": "failed" if number == 1 else "ok",
                "reason": "timed out" if number == 1 else None,
                "expected": [] if number == 1 else [0.123456, 10.0, None, 5.0],
                "calibrated": [0.1, -0.2, None, 0.3] if number == 3 else None,
            }
