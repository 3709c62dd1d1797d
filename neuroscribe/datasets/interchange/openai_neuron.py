"""A neuron of OpenAI's public format on its way into a study.

Records are dealt out to splits as that project does it, but a text that a neuron has twice stays in
the split where it came first, so that none is both explained and scored on. A simulated text is
looked up among the neuron's records; where it is not there (or there are no records at all) it is
held out (`test`): the first half of such texts, the stronger ones, as top exemplars.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from neuroscribe.datasets.interchange.imported_study import StudyBuilder
from neuroscribe.datasets.interchange.openai_format import (
    METRICS,
    REPORT_SET,
    ActivationRecord,
    NeuronRecord,
    ScoredExplanation,
    SequenceSimulation,
)
from neuroscribe.datasets.interchange.openai_splits import QUANTILE, RANDOM, TOP, splits_of
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


@dataclass(frozen=True, kw_only=True)
class Authors:
    """Who made what, as the user says."""

    explainer: str
    llm: str
    simulator: str


class ImportedNeuron:
    """One neuron on its way into the study."""

    def __init__(self, builder: StudyBuilder, unit: UnitId, lost: Counter[str]) -> None:
        self._builder = builder
        self._unit = unit
        self._lost = lost
        self._statistics: dict[str, object] = {}
        self._split_of: dict[tuple[str, ...], Split] = {}
        self._exemplars: dict[tuple[Kind, int | None, tuple[str, ...]], Exemplar] = {}
        self._ranks: Counter[tuple[Kind, int | None, Split]] = Counter()

    def add_record(self, record: NeuronRecord, split: str) -> None:
        """Take the statistics, and deal the records out to splits."""
        self._deal(record.top, "top", splits_of(split, TOP))
        self._deal(record.random, "random", splits_of(split, RANDOM))
        for band, members in enumerate(record.by_quantile or ()):
            self._deal(members, "quantile", splits_of(split, QUANTILE), band)
        self._statistics = {
            "mean": record.mean,
            "variance": record.variance,
            "skewness": record.skewness,
            "kurtosis": record.kurtosis,
            "quantile_boundaries": list(record.quantile_boundaries or ()),
            "max": _largest(record.top),
        }

    def add_explanations(self, explanations: Sequence[ScoredExplanation], by: Authors) -> None:
        """Take explanations with their simulations and scores; the first one is selected."""
        for place, each in enumerate(explanations):
            explanation_id = self._builder.explanation(
                Explanation(
                    unit=self._unit,
                    text=each.text,
                    status="ok",
                    explainer=by.explainer,
                    llm=by.llm,
                    exemplars="unknown",
                    prompt_sha256="",
                    candidate=place,
                    selected=place == 0,
                    created_at=self._builder.imported_at,
                )
            )
            half = (len(each.simulations) + 1) // 2
            for number, simulation in enumerate(each.simulations):
                exemplar = self._simulated(simulation, "top" if number < half else "random")
                prediction = Prediction(
                    status="ok", expected=simulation.expected, simulator=by.simulator, llm=by.llm
                )
                self._builder.simulation(
                    Simulation(
                        explanation_id=explanation_id,
                        exemplar=exemplar,
                        prediction=prediction,
                        calibrated=simulation.calibrated,
                    )
                )
            for score in _scores(self._unit, explanation_id, each, by):
                self._builder.score(score)

    def finish(self) -> None:
        """Hand the unit over."""
        self._builder.unit(self._unit, self._statistics, self._exemplars.values())

    def _deal(
        self,
        records: Sequence[ActivationRecord],
        kind: Kind,
        splits: Sequence[Split],
        band: int | None = None,
    ) -> None:
        for each, split in zip(records, itertools.cycle(splits), strict=False):
            self._exemplar(each.tokens, each.activations, kind, split, band)

    def _simulated(self, simulation: SequenceSimulation, kind: Kind) -> Exemplar:
        """The exemplar that a simulation is of."""
        for (_, _, tokens), exemplar in self._exemplars.items():
            if tokens == simulation.tokens:
                return exemplar
        return self._exemplar(simulation.tokens, simulation.truth, kind, "test", None)

    def _exemplar(
        self,
        tokens: tuple[str, ...],
        activations: tuple[float, ...],
        kind: Kind,
        split: Split,
        band: int | None,
    ) -> Exemplar:
        first = self._split_of.setdefault(tokens, split)
        if first != split:
            self._lost["records of texts that the neuron has in another split, moved there"] += 1
        key = (kind, band, tokens)
        if key in self._exemplars:
            self._lost["records that repeat a text of the same kind"] += 1
            return self._exemplars[key]
        group = (kind, band, first)
        exemplar = Exemplar(
            sequence=self._builder.sequence(tokens, split=first),
            activations=activations,
            kind=kind,
            rank=self._ranks[group],
            quantile=band,
        )
        self._ranks[group] += 1
        self._exemplars[key] = exemplar
        return exemplar


def _largest(records: Iterable[ActivationRecord]) -> float | None:
    values = [value for each in records for value in each.activations if not math.isnan(value)]
    return max(values, default=None)


def _scores(
    unit: UnitId, explanation_id: str, explanation: ScoredExplanation, by: Authors
) -> list[Score]:
    shown = [
        value
        for each in explanation.simulations
        for value in (each.expected if each.calibrated is None else each.calibrated)
    ]
    values = {metric: getattr(explanation, name) for metric, name in METRICS.items()}
    if not shown and not any(value is not None for value in values.values()):
        return []
    return [
        Score(
            explanation_id=explanation_id,
            unit=unit,
            scorer="simulation",
            simulator=by.simulator,
            llm=by.llm,
            metric=metric,
            report_set=REPORT_SET,
            value=value,
            low=None,
            high=None,
            chance=None,
            n_sequences=len(explanation.simulations),
            n_items=len(shown),
            coverage=sum(one is not None for one in shown) / len(shown) if shown else 0.0,
            reason="undefined, or not in the source" if value is None else None,
        )
        for metric, value in values.items()
    ]
