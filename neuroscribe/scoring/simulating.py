"""Simulations of several explanations on the held-out exemplars of one unit, with their fits.

What the scorers that simulate have in common. Each text gets the same treatment, its own
calibration included, so the random explanation is as strong a baseline as that text can be.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from neuroscribe.llm.dialogue import together
from neuroscribe.llm.protocol import Dialogue
from neuroscribe.records import Exemplar, Prediction, Simulation, UnitRecord
from neuroscribe.services import Calibrate, Simulate, Values

Calibration = Callable[[Values], Sequence[float | None]]


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """One text on all exemplars of a case."""

    calibration: tuple[Prediction, ...]
    test: tuple[Prediction, ...]
    fit: Calibration | None
    """From the simulator's scale to activations; None where nothing could be fitted."""

    @property
    def n_failed(self) -> int:
        """Predictions that failed."""
        return sum(each.status == "failed" for each in (*self.calibration, *self.test))

    def calibrated(self, prediction: Prediction) -> tuple[float | None, ...] | None:
        """A prediction on the scale of the activations; None without a fit."""
        return None if self.fit is None else tuple(self.fit(prediction.expected))


def predict(
    texts: Sequence[str], record: UnitRecord, exemplars: Sequence[Exemplar], simulate: Simulate
) -> Dialogue[list[list[Prediction]]]:
    """For each text a prediction per exemplar, all in one round."""
    predictions: list[Prediction] = yield from together(
        [
            simulate(
                text,
                exemplar.sequence.tokens,
                token_ids=exemplar.sequence.token_ids,
                record=record,
            )
            for text in texts
            for exemplar in exemplars
        ]
    )
    count = len(exemplars)
    return [predictions[turn * count : (turn + 1) * count] for turn in range(len(texts))]


def simulate_texts(
    texts: Sequence[str],
    record: UnitRecord,
    *,
    calibration: Sequence[Exemplar],
    test: Sequence[Exemplar],
    simulate: Simulate,
    calibrate: Calibrate,
) -> Dialogue[list[Simulated]]:
    """Simulate every text on every exemplar, all in one round."""
    exemplars = (*calibration, *test)
    predictions = yield from predict(texts, record, exemplars, simulate)
    simulated = []
    for own in predictions:
        fitted = own[: len(calibration)]
        fit = calibrate(
            [value for prediction in fitted for value in prediction.expected],
            [value for exemplar in calibration for value in exemplar.activations],
        )
        simulated.append(
            Simulated(calibration=tuple(fitted), test=tuple(own[len(calibration) :]), fit=fit)
        )
    return simulated


def simulations_of(
    explanation_id: str,
    simulated: Simulated,
    *,
    calibration: Sequence[Exemplar],
    test: Sequence[Exemplar],
) -> tuple[Simulation, ...]:
    """The simulations of one text as records."""
    return tuple(
        Simulation(
            explanation_id=explanation_id,
            exemplar=exemplar,
            prediction=prediction,
            calibrated=simulated.calibrated(prediction),
        )
        for exemplar, prediction in zip(
            (*calibration, *test), (*simulated.calibration, *simulated.test), strict=True
        )
    )
