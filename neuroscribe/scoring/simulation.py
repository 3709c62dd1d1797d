"""Score an explanation by how well a simulator predicts the unit from it.

Everything is simulated in one round: the explanation on `calibration` and `test` exemplars, and
another unit's explanation on the same ones. `pearson` is taken on the simulator's own scale; the
other metrics on the linear calibration that was fitted on `calibration` alone. The random
explanation gets the same treatment, its own calibration included, so the baseline is as strong as
that text can be. The token look-up table and the mean predict activations directly.
The numbers depend on the answers, the unit and the seed; never on how the LLM was named.

Source: Bills et al., 2023; the baselines and the split are METHODS sections 1 and 5.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

from neuroscribe.errors import RecordError
from neuroscribe.llm.dialogue import together
from neuroscribe.llm.protocol import Dialogue
from neuroscribe.records import (
    SPLITS,
    Exemplar,
    Prediction,
    Score,
    Simulation,
    Split,
    UnitRecord,
    content_hash,
)
from neuroscribe.scoring.case import ScoringCase, ScoringResult
from neuroscribe.scoring.metrics import METRICS
from neuroscribe.scoring.pooled import PooledScore, pooled_score, pooled_value

Values = Sequence[float | None]
Simulate = Callable[[str, Sequence[str]], Dialogue[Prediction]]
"""From an explanation and tokens to a prediction."""
Calibration = Callable[[Values], Sequence[float | None]]
Calibrate = Callable[[Values, Sequence[float]], Calibration | None]
"""From simulated values and truth to a map between their scales; None if nothing can be fitted."""


class _Simulated(NamedTuple):
    """One explanation on all exemplars of a case."""

    calibration: list[Prediction]
    test: list[Prediction]


@dataclass(frozen=True, kw_only=True)
class SimulationScorer:
    """The simulation scorer."""

    simulate: Simulate
    calibrate: Calibrate
    n_calibration: int = 5
    """Top and as many random exemplars of `calibration`."""
    n_test: int = 10
    """Top and as many random exemplars of `test`."""

    name: ClassVar[str] = "simulation"

    def __call__(self, case: ScoringCase) -> Dialogue[ScoringResult]:
        """Simulate and score one explanation.

        Raises:
            RecordError: the explanation has no text, or a sequence is in two splits.
        """
        text = case.explanation.text
        if text is None:
            raise RecordError(f"the explanation of {case.record.unit} has no text to simulate from")
        report_sets = _report_sets(case.record, self.n_test)
        test = _once([exemplar for members in report_sets.values() for exemplar in members])
        calibration = (
            _top_and_random(case.record, "calibration", self.n_calibration) if test else []
        )
        _check_apart(case.record, calibration, test)
        texts = [text] if case.random_explanation is None else [text, case.random_explanation]
        predictions = yield from together(
            [
                self.simulate(each, exemplar.sequence.tokens)
                for each in texts
                for exemplar in (*calibration, *test)
            ]
        )
        per_text = len(calibration) + len(test)
        simulated = [
            _Simulated(
                predictions[start : start + len(calibration)],
                predictions[start + len(calibration) : start + per_text],
            )
            for start in (turn * per_text for turn in range(len(texts)))
        ]
        fits = [self._fit(each.calibration, calibration) for each in simulated]
        return ScoringResult(
            scores=tuple(_scores(case, test, report_sets, simulated, fits)),
            simulations=tuple(
                Simulation(
                    explanation_id=case.explanation.explanation_id,
                    exemplar=exemplar,
                    prediction=prediction,
                    calibrated=_apply(fits[0], prediction),
                )
                for exemplar, prediction in zip(
                    (*calibration, *test), predictions[:per_text], strict=True
                )
            ),
        )

    def _fit(
        self, predictions: Sequence[Prediction], exemplars: Sequence[Exemplar]
    ) -> Calibration | None:
        simulated = [value for prediction in predictions for value in prediction.expected]
        truth = [value for exemplar in exemplars for value in exemplar.activations]
        return self.calibrate(simulated, truth)


def _report_sets(record: UnitRecord, count: int) -> dict[str, list[Exemplar]]:
    """The test exemplars of each report set, each sequence once."""
    return {
        "top_and_random": _top_and_random(record, "test", count),
        "random_only": _once(record.select("test", "random")[:count]),
    }


def _top_and_random(record: UnitRecord, split: Split, count: int) -> list[Exemplar]:
    """As many top as random exemplars of one split: where one kind has fewer, so does the other."""
    top, random = record.select(split, "top"), record.select(split, "random")
    count = min(count, len(top), len(random))
    return _once([*top[:count], *random[:count]])


def _once(exemplars: Sequence[Exemplar]) -> list[Exemplar]:
    """Each sequence once; one that is top and random stays as a top one."""
    found: dict[int, Exemplar] = {}
    for exemplar in exemplars:
        found.setdefault(exemplar.sequence.sequence_id, exemplar)
    return list(found.values())


def _check_apart(
    record: UnitRecord, calibration: Sequence[Exemplar], test: Sequence[Exemplar]
) -> None:
    ids = {split: {each.sequence.sequence_id for each in record.select(split)} for split in SPLITS}
    for split, exemplars in (("calibration", calibration), ("test", test)):
        for other in SPLITS:
            overlap = ids[other] & {each.sequence.sequence_id for each in exemplars}
            if other != split and overlap:
                raise RecordError(
                    f"sequences {sorted(overlap)} of {record.unit} are in {other} and in {split}"
                )


def _scores(
    case: ScoringCase,
    test: Sequence[Exemplar],
    report_sets: Mapping[str, Sequence[Exemplar]],
    simulated: Sequence[_Simulated],
    fits: Sequence[Calibration | None],
) -> Iterator[Score]:
    first = simulated[0].test[0] if test else None
    for report_set, members in report_sets.items():
        ids = {exemplar.sequence.sequence_id for exemplar in members}
        places = [i for i, exemplar in enumerate(test) if exemplar.sequence.sequence_id in ids]
        truth = [test[place].activations for place in places]
        for metric in METRICS:
            values = [
                _pooled(case, metric, truth, [each.test[place] for place in places], fit)
                for each, fit in zip(simulated, fits, strict=True)
            ]
            own = values[0]
            yield Score(
                explanation_id=case.explanation.explanation_id,
                unit=case.record.unit,
                scorer=SimulationScorer.name,
                simulator=first.simulator if first else None,
                llm=first.llm if first else None,
                metric=metric,
                report_set=report_set,
                value=own.value,
                low=own.low,
                high=own.high,
                chance=own.chance,
                n_sequences=own.n_sequences,
                n_items=own.n_items,
                coverage=own.coverage,
                baseline_random_explanation=values[1].value if len(values) > 1 else None,
                baseline_token_lookup=_look_up(case, metric, truth, [test[p] for p in places]),
                baseline_mean=_mean(case, metric, truth),
                reason=own.reason if places else f"no {report_set} sequences in the test split",
            )


def _pooled(
    case: ScoringCase,
    metric: str,
    truth: Sequence[Sequence[float]],
    predictions: Sequence[Prediction],
    fit: Calibration | None,
) -> PooledScore:
    seed = int(content_hash(str(case.seed), str(case.record.unit)), 16) % 2**32
    expected = [prediction.expected for prediction in predictions]
    if not METRICS[metric].on_activations:
        return pooled_score(metric, truth, expected, seed=seed)
    if fit is not None:
        return pooled_score(metric, truth, [fit(values) for values in expected], seed=seed)
    uncalibrated = pooled_score(metric, truth, expected, seed=seed)
    if uncalibrated.coverage == 0:
        return uncalibrated
    reason = "no calibration: no calibration sequence has a prediction"
    return replace(uncalibrated, value=None, low=None, high=None, reason=reason)


def _look_up(
    case: ScoringCase,
    metric: str,
    truth: Sequence[Sequence[float]],
    exemplars: Sequence[Exemplar],
) -> float | None:
    statistics = case.record.statistics
    predicted = [
        statistics.lookup.predict(exemplar.sequence.token_ids, statistics.mean)
        for exemplar in exemplars
    ]
    return pooled_value(metric, truth, predicted)


def _mean(case: ScoringCase, metric: str, truth: Sequence[Sequence[float]]) -> float | None:
    predicted = [[case.record.statistics.mean] * len(row) for row in truth]
    return pooled_value(metric, truth, predicted)


def _apply(fit: Calibration | None, prediction: Prediction) -> tuple[float | None, ...] | None:
    return None if fit is None else tuple(fit(prediction.expected))


PLUGIN = SimulationScorer
