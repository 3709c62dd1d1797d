"""OpenAI's public neuron format: its JSON as records, and how it is read.

One file per neuron: `collated-activations/LAYER/NEURON.json` holds a NeuronRecord and
`explanations/LAYER/NEURON.jsonl` one line with a NeuronSimulationResults. NaN, Infinity and null
are read, and so are files that lack fields or the tags that name each object's class. A simulation
is on the 0..10 scale unless it says `neuron_activations`; then it was calibrated, and what it was
before stands inside, in `uncalibrated_simulation`.

Source: METHODS section 7; Bills et al., 2023, and the repository openai/automated-interpretability.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from neuroscribe.errors import RecordError

ACTIVATIONS_FOLDER = "collated-activations"
EXPLANATIONS_FOLDER = "explanations"

REPORT_SET = "top_and_random"
"""Its scores are on as many top as random texts."""
METRICS = {
    "pearson": "ev_correlation_score",
    "r2_uncentred": "rsquared_score",
    "abs_dev_explained": "absolute_dev_explained_score",
}
"""What the format calls our metrics."""

RecordT = TypeVar("RecordT")

ON_ACTIVATIONS = "neuron_activations"
"""Names the scale of a calibrated simulation."""


@dataclass(frozen=True, kw_only=True)
class ActivationRecord:
    """A neuron on one text."""

    tokens: tuple[str, ...]
    activations: tuple[float, ...]
    """NaN where the file gives no number."""

    def __post_init__(self) -> None:
        _check_lengths(self.tokens, activations=self.activations)


@dataclass(frozen=True, kw_only=True)
class NeuronRecord:
    """The activations file of one neuron."""

    layer: int
    neuron: int
    top: tuple[ActivationRecord, ...] = ()
    random: tuple[ActivationRecord, ...] = ()
    by_quantile: tuple[tuple[ActivationRecord, ...], ...] | None = None
    """Samples by band, the lowest first; None in old files."""
    quantile_boundaries: tuple[float, ...] | None = None
    mean: float | None = None
    variance: float | None = None
    skewness: float | None = None
    kurtosis: float | None = None


@dataclass(frozen=True, kw_only=True)
class SequenceSimulation:
    """A simulation of one text, with the truth."""

    tokens: tuple[str, ...]
    expected: tuple[float | None, ...]
    """On the 0..10 scale."""
    calibrated: tuple[float | None, ...] | None
    """On the scale of the activations."""
    truth: tuple[float, ...]

    def __post_init__(self) -> None:
        _check_lengths(
            self.tokens, expected=self.expected, calibrated=self.calibrated, truth=self.truth
        )


@dataclass(frozen=True, kw_only=True)
class ScoredExplanation:
    """An explanation, its simulations and their pooled scores."""

    text: str
    simulations: tuple[SequenceSimulation, ...] = ()
    ev_correlation_score: float | None = None
    rsquared_score: float | None = None
    absolute_dev_explained_score: float | None = None


@dataclass(frozen=True, kw_only=True)
class SimulationResults:
    """The explanations file of one neuron."""

    layer: int
    neuron: int
    explanations: tuple[ScoredExplanation, ...] = ()


def _check_lengths(tokens: Sequence[str], **columns: Sequence[float | None] | None) -> None:
    if not tokens:
        raise RecordError("a text has no token")
    for name, values in columns.items():
        if values is not None and len(values) != len(tokens):
            raise RecordError(f"{len(values)} values ({name}) for {len(tokens)} tokens")


def read_record(text: str | bytes, *, layer: int, neuron: int, source: str) -> NeuronRecord:
    """A neuron's activations from their file.

    Args:
        text: content of the file.
        layer: which the path names.
        neuron: which the path names.
        source: the path, for messages.

    Raises:
        RecordError: the file is damaged, or is of another neuron.
    """

    def read(data: Mapping[str, Any]) -> NeuronRecord:
        bands, boundaries = data.get("random_sample_by_quantile"), data.get("quantile_boundaries")
        return NeuronRecord(
            **_place(data, layer, neuron),
            top=_read_records(data.get("most_positive_activation_records")),
            random=_read_records(data.get("random_sample")),
            by_quantile=None if bands is None else tuple(map(_read_records, bands)),
            quantile_boundaries=None if boundaries is None else _floats(boundaries),
            mean=_number(data.get("mean")),
            variance=_number(data.get("variance")),
            skewness=_number(data.get("skewness")),
            kurtosis=_number(data.get("kurtosis")),
        )

    return _guarded(text, source, "NeuronRecord", read)


def read_results(text: str | bytes, *, layer: int, neuron: int, source: str) -> SimulationResults:
    """A neuron's explanations from their file; the arguments are those of `read_record`.

    Raises:
        RecordError: the file is damaged, or is of another neuron.
    """

    def read(data: Mapping[str, Any]) -> SimulationResults:
        return SimulationResults(
            **_place(data, layer, neuron),
            explanations=tuple(map(_read_explanation, data.get("scored_explanations") or ())),
        )

    return _guarded(text, source, "NeuronSimulationResults", read)


def _guarded(
    text: str | bytes, source: str, kind: str, read: Callable[[Mapping[str, Any]], RecordT]
) -> RecordT:
    try:
        data = json.loads(text)
        if not isinstance(data, dict):
            raise RecordError("it is no JSON object")  # noqa: TRY301
        return read(data)
    except RecordError as error:
        raise RecordError(f"{source} is no {kind}: {error}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        problem = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise RecordError(f"{source} is no {kind}: {problem}") from error


def _place(data: Mapping[str, Any], layer: int, neuron: int) -> dict[str, int]:
    stated = data.get("neuron_id") or {}
    found = (stated.get("layer_index", layer), stated.get("neuron_index", neuron))
    if found != (layer, neuron):
        raise RecordError(f"it is of neuron {found[1]} of layer {found[0]}")
    return {"layer": layer, "neuron": neuron}


def _read_records(records: Iterable[Mapping[str, Any]] | None) -> tuple[ActivationRecord, ...]:
    return tuple(
        ActivationRecord(tokens=_texts(each["tokens"]), activations=_floats(each["activations"]))
        for each in records or ()
    )


def _read_explanation(data: Mapping[str, Any]) -> ScoredExplanation:
    scored = data.get("scored_simulation") or {}
    return ScoredExplanation(
        text=str(data["explanation"]),
        simulations=tuple(map(_read_simulation, scored.get("scored_sequence_simulations") or ())),
        ev_correlation_score=_number(scored.get("ev_correlation_score")),
        rsquared_score=_number(scored.get("rsquared_score")),
        absolute_dev_explained_score=_number(scored.get("absolute_dev_explained_score")),
    )


def _read_simulation(data: Mapping[str, Any]) -> SequenceSimulation:
    simulation = data["simulation"]
    values = _numbers(simulation["expected_activations"])
    before = simulation.get("uncalibrated_simulation")
    expected: tuple[float | None, ...] = values
    calibrated = None
    if before is not None:
        expected, calibrated = _numbers(before["expected_activations"]), values
    elif simulation.get("activation_scale") == ON_ACTIVATIONS:
        expected, calibrated = (None,) * len(values), values
    return SequenceSimulation(
        tokens=_texts(simulation["tokens"]),
        expected=expected,
        calibrated=calibrated,
        truth=_floats(data["true_activations"]),
    )


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(map(str, values))


def _floats(values: Iterable[Any]) -> tuple[float, ...]:
    return tuple(math.nan if value is None else float(value) for value in values)


def _numbers(values: Iterable[Any]) -> tuple[float | None, ...]:
    return tuple(map(_number, values))


def _number(value: Any) -> float | None:
    number = math.nan if value is None else float(value)
    return None if math.isnan(number) else number
