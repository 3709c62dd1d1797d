"""OpenAI's public neuron format, as it is written.

Every object carries its class in `dataclass_name`, which that project's loader goes by. What is
missing (NaN, infinite, a token without a prediction) is null: that is what the project's own writer
makes of NaN, and every reader of JSON understands it. The scores of single sequences, which a study
does not keep, are computed here.

Source: METHODS sections 5 and 7; Bills et al., 2023.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from neuroscribe.datasets.interchange.openai_format import (
    ON_ACTIVATIONS,
    ActivationRecord,
    NeuronRecord,
    ScoredExplanation,
    SequenceSimulation,
    SimulationResults,
)

_NORMALISED = "simulated_normalized_activations"


def record_text(record: NeuronRecord) -> str:
    """The file of a neuron's activations."""
    return _dumped(
        _tagged(
            "NeuronRecord",
            neuron_id=_neuron_id(record.layer, record.neuron),
            random_sample=_activation_records(record.random),
            random_sample_by_quantile=None
            if record.by_quantile is None
            else [_activation_records(band) for band in record.by_quantile],
            quantile_boundaries=record.quantile_boundaries and _plain(record.quantile_boundaries),
            mean=_finite(record.mean),
            variance=_finite(record.variance),
            skewness=_finite(record.skewness),
            kurtosis=_finite(record.kurtosis),
            most_positive_activation_records=_activation_records(record.top),
        )
    )


def results_text(results: SimulationResults) -> str:
    """The file of a neuron's explanations: one line."""
    return _dumped(
        _tagged(
            "NeuronSimulationResults",
            neuron_id=_neuron_id(results.layer, results.neuron),
            scored_explanations=[_scored_explanation(each) for each in results.explanations],
        )
    )


def _tagged(dataclass_name: str, **fields: Any) -> dict[str, Any]:
    return {"dataclass_name": dataclass_name, **fields}


def _neuron_id(layer: int, neuron: int) -> dict[str, Any]:
    return _tagged("NeuronId", layer_index=layer, neuron_index=neuron)


def _activation_records(records: Iterable[ActivationRecord]) -> list[dict[str, Any]]:
    return [
        _tagged("ActivationRecord", tokens=each.tokens, activations=_plain(each.activations))
        for each in records
    ]


def _scored_explanation(explanation: ScoredExplanation) -> dict[str, Any]:
    return _tagged(
        "ScoredExplanation",
        explanation=explanation.text,
        scored_simulation=_tagged(
            "ScoredSimulation",
            scored_sequence_simulations=[_scored(each) for each in explanation.simulations],
            ev_correlation_score=_finite(explanation.ev_correlation_score),
            rsquared_score=_finite(explanation.rsquared_score),
            absolute_dev_explained_score=_finite(explanation.absolute_dev_explained_score),
        ),
    )


def _scored(simulation: SequenceSimulation) -> dict[str, Any]:
    values = _simulation(simulation.tokens, simulation.expected, _NORMALISED)
    shown = simulation.expected
    if simulation.calibrated is not None:
        shown = simulation.calibrated
        known = any(value is not None for value in simulation.expected)
        values = _simulation(
            simulation.tokens, shown, ON_ACTIVATIONS, before=values if known else None
        )
    return _tagged(
        "ScoredSequenceSimulation",
        simulation=values,
        true_activations=_plain(simulation.truth),
        **_own_scores(simulation.truth, shown),
    )


def _simulation(
    tokens: Sequence[str],
    values: Iterable[float | None],
    scale: str,
    *,
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    return _tagged(
        "SequenceSimulation",
        tokens=tokens,
        expected_activations=_plain(values),
        activation_scale=scale,
        # The loader wants these fields; a study keeps expected values only.
        distribution_values=[],
        distribution_probabilities=[],
        uncalibrated_simulation=before,
    )


def _own_scores(
    truth: Sequence[float], simulated: Sequence[float | None]
) -> dict[str, float | None]:
    """The three scores of one sequence by itself; null where undefined or a value is missing."""
    a = np.array(truth, dtype=np.float64)
    s = np.array([math.nan if value is None else value for value in simulated], dtype=np.float64)
    varies = a.min() < a.max() and s.min() < s.max()
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = {
            "ev_correlation_score": np.corrcoef(a, s)[0, 1] if varies else math.nan,
            "rsquared_score": 1 - ((a - s) ** 2).mean() / (a**2).mean(),
            "absolute_dev_explained_score": 1 - np.abs(a - s).mean() / np.abs(a).mean(),
        }
    return {name: _finite(float(value)) for name, value in scores.items()}


def _plain(values: Iterable[float | None]) -> list[float | None]:
    return list(map(_finite, values))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _dumped(data: Mapping[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
