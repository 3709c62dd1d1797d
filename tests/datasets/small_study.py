"""Small studies, stated in a few lines, for what writes, reads or changes a whole study."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from neuroscribe.datasets.interchange.imported_study import StudyBuilder
from neuroscribe.records import (
    Exemplar,
    Explanation,
    Kind,
    Prediction,
    Score,
    Simulation,
    Split,
    UnitId,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WORDS = ("rain", "snow", "sun", "wind", "cloud", "frost")


def builder_at(path: Path) -> StudyBuilder:
    """A builder whose studies do not depend on the time."""
    return StudyBuilder(path, format="test", source="stated", subject="tiny", imported_at=NOON)


def explanation(unit: UnitId, text: str | None = "rain", **stated) -> Explanation:
    """An explanation of which a test states only what it needs."""
    return Explanation(
        **{
            "unit": unit,
            "text": text,
            "status": "failed" if text is None else "ok",
            "explainer": "token_activation_pairs",
            "llm": "mock",
            "prompt_sha256": "0" * 64,
            "created_at": NOON,
        }
        | stated
    )


def score(explained: Explanation, **stated) -> Score:
    """A score of which a test states only what it needs."""
    return Score(
        **{
            "explanation_id": explained.explanation_id,
            "unit": explained.unit,
            "scorer": "simulation",
            "simulator": "structured",
            "llm": "mock",
            "metric": "pearson",
            "report_set": "top_and_random",
            "value": 0.5,
            "low": 0.25,
            "high": 0.75,
            "chance": 0.0,
            "n_sequences": 2,
            "n_items": 8,
            "coverage": 1.0,
        }
        | stated
    )


def simulation(
    explained: Explanation,
    exemplar: Exemplar,
    expected: Sequence[float | None],
    calibrated: Sequence[float | None] | None = None,
    *,
    simulator: str = "structured",
) -> Simulation:
    """A simulation of one exemplar."""
    return Simulation(
        explanation_id=explained.explanation_id,
        exemplar=exemplar,
        prediction=Prediction(
            status="ok", expected=tuple(expected), simulator=simulator, llm="mock"
        ),
        calibrated=None if calibrated is None else tuple(calibrated),
    )


def exemplars(builder: StudyBuilder, word: str, split: Split) -> list[Exemplar]:
    """Two top and two random exemplars of a unit that fires on a word."""
    found = []
    kinds: list[tuple[Kind, int]] = [("top", 0), ("top", 1), ("random", 0), ("random", 1)]
    for kind, rank in kinds:
        tokens = [f" {split}", f" {word if kind == 'top' else 'mist'}", f" {kind}", f" {rank}"]
        sequence = builder.sequence(tokens, split=split)
        found.append(
            Exemplar(
                sequence=sequence,
                activations=(0.0, 2.0 - rank if kind == "top" else 0.0, 0.0, 0.0),
                kind=kind,
                rank=rank,
            )
        )
    return found


def weather_study(path: Path) -> Path:
    """Two sites of three units that fire on a word each; the first also has a negative side."""
    with builder_at(path) as builder:
        for layer in (0, 1):
            builder.site(f"mlp.{layer}", kind="mlp", layer=layer)
            for index in range(3):
                word = WORDS[layer * 3 + index]
                for polarity in (1, -1) if (layer, index) == (0, 0) else (1,):
                    unit = UnitId(f"mlp.{layer}", index, polarity)
                    members = [
                        each
                        for split in ("train", "calibration", "valid", "test")
                        for each in exemplars(builder, word, split)
                    ]
                    builder.unit(unit, {"mean": 0.1, "max": 2.0, "density": 0.25}, members)
        builder.finish()
    return path
