"""Score an explanation by what its simulation does inside the subject.

The unit's activations on a test sequence are replaced by the linearly calibrated simulation, and by
the unit's mean; the score says how much of the change that the mean makes to the next-token
distributions the simulation avoids: `1 - E[JSD(m(s) || m)] / E[JSD(m(mean) || m)]`, in nats, over
all tokens of the test sequences. 1 is a simulation that the subject cannot tell from its own unit,
0 is no better than the mean, and below 0 is worse. A correlation weighs every token alike; this
weighs them by what the unit does there.
A sequence of which a token has no prediction takes no part: any number put in its place would
count as one. The subject must predict next tokens, so an encoder has no such score.

Source: Bills et al., 2023; METHODS section 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from neuroscribe.llm.protocol import Dialogue
from neuroscribe.records import Exemplar, Score
from neuroscribe.scoring.bootstrap import Interval, ratio_interval
from neuroscribe.scoring.case import ScoringCase, ScoringResult
from neuroscribe.scoring.held_out import check_apart, seed_of, texts_of, top_and_random
from neuroscribe.scoring.simulating import Simulated, simulate_texts, simulations_of
from neuroscribe.services import Calibrate, Simulate, SubjectRunner, Values

REPORT_SET = "top_and_random"


@dataclass(frozen=True, kw_only=True)
class _Replaced:
    """What one prediction of the unit did to the subject, sequence by sequence."""

    totals: list[float]
    """Divergence summed over tokens, of the sequences that have a whole prediction."""
    by_mean: list[float]
    """The same where the mean was put in, on the same sequences."""
    n_tokens: list[int]


@dataclass(frozen=True, kw_only=True)
class AblationScorer:
    """The ablation scorer."""

    simulate: Simulate
    calibrate: Calibrate
    subject: SubjectRunner
    n_calibration: int = 5
    """Top and as many random exemplars of `calibration`."""
    n_test: int = 10
    """Top and as many random exemplars of `test`."""

    name: ClassVar[str] = "ablation"
    needs: ClassVar[tuple[str, ...]] = ("simulate", "calibrate", "subject")
    report_sets: ClassVar[tuple[str, ...]] = (REPORT_SET,)
    judge: ClassVar[str | None] = None

    def __call__(self, case: ScoringCase) -> Dialogue[ScoringResult]:
        """Simulate, replace and score one explanation.

        A subject that predicts no next tokens gives a score without a value and sends nothing.

        Raises:
            RecordError: the explanation has no text, or a sequence is in two splits.
        """
        texts = texts_of(case)
        reason = self.subject.cannot_predict
        test = [] if reason else top_and_random(case.record, "test", self.n_test)
        calibration = top_and_random(case.record, "calibration", self.n_calibration) if test else []
        check_apart(case.record, {"calibration": calibration, "test": test})
        if not test:
            return ScoringResult(
                scores=(_undefined(case, reason or f"no {REPORT_SET} sequences in the test split"),)
            )
        simulated = yield from simulate_texts(
            texts,
            case.record,
            calibration=calibration,
            test=test,
            simulate=self.simulate,
            calibrate=self.calibrate,
        )
        replaced = self._replace(case, test, simulated)
        return ScoringResult(
            scores=(_score(case, test, simulated[0], replaced, n_texts=len(texts)),),
            simulations=simulations_of(
                case.explanation.explanation_id, simulated[0], calibration=calibration, test=test
            ),
            n_failed=sum(each.n_failed for each in simulated),
        )

    def _replace(
        self, case: ScoringCase, test: Sequence[Exemplar], simulated: Sequence[Simulated]
    ) -> list[_Replaced]:
        """What each text's simulation, and then the look-up table, do to the subject."""
        statistics = case.record.statistics
        found = [_Replaced(totals=[], by_mean=[], n_tokens=[]) for _ in (*simulated, None)]
        if statistics.mean is None:
            # Nothing but NaN was recorded, or nothing is known: there is no mean to put in.
            return found
        for place, exemplar in enumerate(test):
            sequence = exemplar.sequence
            lookup = statistics.lookup.predict(sequence.token_ids, statistics.mean)
            predictions: list[Values | None] = [
                each.calibrated(each.test[place]) for each in simulated
            ]
            whole = [_whole(values) for values in (*predictions, lookup)]
            if whole[0] is None:
                # The baselines are those of the same sequences.
                continue
            present = [values for values in whole if values is not None]
            mean = [statistics.mean] * len(sequence)
            divergences = self.subject.divergences(case.record.unit, sequence, [mean, *present])
            by_mean, *others = divergences.totals
            remaining = iter(others)
            for values, result in zip(whole, found, strict=True):
                if values is not None:
                    result.totals.append(next(remaining))
                    result.by_mean.append(by_mean)
                    result.n_tokens.append(divergences.n_tokens)
        return found


def _whole(values: Values | None) -> list[float] | None:
    """The values, if there is one for every token."""
    if values is None:
        return None
    present = [value for value in values if value is not None]
    return present if len(present) == len(values) else None


def _score(
    case: ScoringCase,
    test: Sequence[Exemplar],
    own: Simulated,
    replaced: Sequence[_Replaced],
    *,
    n_texts: int,
) -> Score:
    result = replaced[0]
    n_items = sum(len(exemplar.sequence) for exemplar in test)
    value = _explained(result)
    interval = _interval(case, result) if value is not None else None
    return Score(
        explanation_id=case.explanation.explanation_id,
        unit=case.record.unit,
        scorer=AblationScorer.name,
        simulator=own.test[0].simulator,
        llm=own.test[0].llm,
        metric=AblationScorer.name,
        report_set=REPORT_SET,
        value=value,
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        chance=0.0,
        n_sequences=len(test),
        n_items=n_items,
        coverage=sum(result.n_tokens) / n_items,
        baseline_random_explanation=_explained(replaced[1]) if n_texts > 1 else None,
        baseline_token_lookup=_explained(replaced[-1]),
        baseline_mean=0.0 if value is not None else None,
        reason=None if value is not None else _why_undefined(own, result),
    )


def _undefined(case: ScoringCase, reason: str) -> Score:
    return Score(
        explanation_id=case.explanation.explanation_id,
        unit=case.record.unit,
        scorer=AblationScorer.name,
        metric=AblationScorer.name,
        report_set=REPORT_SET,
        value=None,
        low=None,
        high=None,
        chance=0.0,
        n_sequences=0,
        n_items=0,
        coverage=0.0,
        reason=reason,
    )


def _explained(result: _Replaced) -> float | None:
    by_mean = sum(result.by_mean)
    return 1 - sum(result.totals) / by_mean if by_mean > 0 else None


def _interval(case: ScoringCase, result: _Replaced) -> Interval | None:
    totals, by_mean = np.array(result.totals), np.array(result.by_mean)
    ratio = ratio_interval(totals, by_mean, seed=seed_of(case))
    return None if ratio is None else Interval(1 - ratio.high, 1 - ratio.low)


def _why_undefined(own: Simulated, result: _Replaced) -> str:
    if own.fit is None:
        return "no calibration: no calibration sequence has a prediction"
    if not result.totals:
        return "no sequence has a prediction for every token"
    return "replacing the unit by its mean changes nothing on these sequences"


PLUGIN = AblationScorer
