"""The simulation scorer on units whose rules are known, under a simulator that knows them."""

import pytest

from neuroscribe.records import Prediction
from neuroscribe.scoring import ScoringCase
from neuroscribe.scoring.simulation import SimulationScorer
from neuroscribe.simulator.calibration import linear
from tests.planted import PlantedUnit, claims, planted_units
from tests.scoring.oracle import case_of


def oracle(explanation, tokens, **_):
    """Predicts exactly what an explanation claims."""
    yield from ()
    return Prediction(
        status="ok",
        expected=tuple(10.0 * claimed for claimed in claims(explanation, tokens)),
        simulator="oracle",
        llm="oracle",
    )


def pearson(case: ScoringCase) -> float:
    with pytest.raises(StopIteration) as stop:
        next(SimulationScorer(simulate=oracle, calibrate=linear)(case))
    (score,) = [
        score
        for score in stop.value.value.scores
        if (score.metric, score.report_set) == ("pearson", "top_and_random")
    ]
    assert score.coverage == 1.0
    return score.value


@pytest.mark.parametrize("unit", planted_units(), ids=lambda unit: unit.explanation)
def test_the_right_explanation_scores_at_least_9_tenths_and_beats_every_wrong_one(
    unit: PlantedUnit,
):
    right = pearson(case_of(unit.record, unit.explanation))
    assert right >= 0.9
    for wrong in unit.wrong:
        value = pearson(case_of(unit.record, wrong))
        assert value is None or value < right - 0.1
