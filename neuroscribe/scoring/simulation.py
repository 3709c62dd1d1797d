"""Score an explanation by how well a simulator predicts the unit from it.

Everything is simulated in one round: the explanation on `calibration` and `test` exemplars, and
another unit's explanation on the same ones. `pearson` is taken on the simulator's own scale; the
other metrics on the linear calibration that was fitted on `calibration` alone. The random
explanation gets the same treatment, its own calibration included, so the baseline is as strong as
that text can be. The token look-up table and the mean predict activations directly.
The numbers depend on the answers, the unit and the seed; never on how the LLM was named.

Source: Bills et al., 2023; the baselines and the split are METHODS sections 1 and 5.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from neuroscribe.llm.protocol import Dialogue
from neuroscribe.records import Exemplar, Score, UnitRecord
from neuroscribe.scoring.case import ScoringCase, ScoringResult
from neuroscribe.scoring.held_out import (
    check_apart,
    each_once,
    seed_of,
    texts_of,
    top_and_random,
)
from neuroscribe.scoring.metrics import METRICS
from neuroscribe.scoring.pooled import PooledScore, pooled_score, pooled_value
from neuroscribe.scoring.simulating import (
    Calibration,
    Simulated,
    simulate_texts,
    simulations_of,
)
from neuroscribe.services import Calibrate, Simulate, Values


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
    needs: ClassVar[tuple[str, ...]] = ("simulate", "calibrate")
    report_sets: ClassVar[tuple[str, ...]] = ("top_and_random", "random_only")
    judge: ClassVar[str | None] = None

    def __call__(self, case: ScoringCase) -> Dialogue[ScoringResult]:
        """Simulate and score one explanation.

        Raises:
            RecordError: the explanation has no text, or a sequence is in two splits.
        """
        report_sets = _report_sets(case.record, self.n_test)
        test = each_once([exemplar for members in report_sets.values() for exemplar in members])
        calibration = top_and_random(case.record, "calibration", self.n_calibration) if test else []
        check_apart(case.record, {"calibration": calibration, "test": test})
        simulated = yield from simulate_texts(
            texts_of(case),
            case.record,
            calibration=calibration,
            test=test,
            simulate=self.simulate,
            calibrate=self.calibrate,
        )
        return ScoringResult(
            scores=tuple(_scores(case, test, report_sets, simulated)),
            simulations=simulations_of(
                case.explanation.explanation_id, simulated[0], calibration=calibration, test=test
            ),
            n_failed=sum(each.n_failed for each in simulated),
        )


def _report_sets(record: UnitRecord, count: int) -> dict[str, list[Exemplar]]:
    """The test exemplars of each report set, each sequence once."""
    return {
        "top_and_random": top_and_random(record, "test", count),
        "random_only": each_once(record.select("test", "random")[:count]),
    }


def _scores(
    case: ScoringCase,
    test: Sequence[Exemplar],
    report_sets: Mapping[str, Sequence[Exemplar]],
    simulated: Sequence[Simulated],
) -> Iterator[Score]:
    first = simulated[0].test[0] if test else None
    for report_set, members in report_sets.items():
        ids = {exemplar.sequence.sequence_id for exemplar in members}
        places = [i for i, exemplar in enumerate(test) if exemplar.sequence.sequence_id in ids]
        truth = [test[place].activations for place in places]
        expected = [
            [
                _beside(simulated[0].test[place].expected, each.test[place].expected)
                for place in places
            ]
            for each in simulated
        ]
        look_up = [
            _beside(simulated[0].test[place].expected, _look_up(case, test[place]))
            for place in places
        ]
        mean = [
            _beside(simulated[0].test[place].expected, [case.record.statistics.mean] * len(row))
            for place, row in zip(places, truth, strict=True)
        ]
        for metric in METRICS:
            values = [
                _pooled(case, metric, truth, own_or_random, each.fit)
                for own_or_random, each in zip(expected, simulated, strict=True)
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
                baseline_token_lookup=pooled_value(metric, truth, look_up),
                baseline_mean=pooled_value(metric, truth, mean),
                reason=own.reason if places else f"no {report_set} sequences in the test split",
            )


def _pooled(
    case: ScoringCase,
    metric: str,
    truth: Sequence[Sequence[float]],
    expected: Sequence[Values],
    fit: Calibration | None,
) -> PooledScore:
    seed = seed_of(case)
    if not METRICS[metric].on_activations:
        return pooled_score(metric, truth, expected, seed=seed)
    if fit is not None:
        return pooled_score(metric, truth, [fit(values) for values in expected], seed=seed)
    uncalibrated = pooled_score(metric, truth, expected, seed=seed)
    if uncalibrated.coverage == 0:
        return uncalibrated
    reason = "no calibration: no calibration sequence has a prediction"
    return replace(uncalibrated, value=None, low=None, high=None, reason=reason)


def _beside(own: Values, other: Values) -> list[float | None]:
    """The other prediction on the tokens for which the explanation itself has one."""
    return [None if mine is None else value for mine, value in zip(own, other, strict=True)]


def _look_up(case: ScoringCase, exemplar: Exemplar) -> Values:
    statistics = case.record.statistics
    return statistics.lookup.predict(exemplar.sequence.token_ids, statistics.mean)


PLUGIN = SimulationScorer
