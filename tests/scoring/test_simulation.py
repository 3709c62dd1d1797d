"""The simulation scorer on planted units, with an oracle in place of the LLM."""

from datetime import UTC, datetime

import pytest

from neuroscribe.errors import RecordError
from neuroscribe.records import (
    Exemplar,
    Explanation,
    Prediction,
    TokenLookup,
    UnitId,
    UnitRecord,
)
from neuroscribe.scoring import ScoringCase
from neuroscribe.scoring.simulation import SimulationScorer
from neuroscribe.simulator.calibration import linear

UNIT = UnitId("mlp.0", 1)
WORDS = ("rain", "sun", "rain", "wind", "snow")


def oracle(explanation, tokens, **_):
    """Predicts 8 on the tokens that the explanation names."""
    yield from ()
    return Prediction(
        status="ok",
        expected=tuple(8.0 if token == explanation else 0.0 for token in tokens),
        simulator="oracle",
        llm="oracle",
    )


def silent(_, tokens, **__):
    """Gives nothing."""
    yield from ()
    return Prediction(
        status="failed", expected=(None,) * len(tokens), simulator="oracle", llm="x", reason="off"
    )


@pytest.fixture
def make_case(make_sequence, make_statistics):
    def make(*, splits=("train", "calibration", "test"), shared=False) -> ScoringCase:
        exemplars = []
        for place, split in enumerate(splits):
            for i in range(6):
                words = WORDS[i % 5 :] + WORDS[: i % 5]
                kind = "top" if i < 3 else "random"
                number = i if shared else 10 * place + i
                exemplars.append(
                    Exemplar(
                        sequence=make_sequence(
                            *words,
                            sequence_id=number,
                            split=split,
                            token_ids=[WORDS.index(word) for word in words],
                        ),
                        activations=tuple(2.0 if word == "rain" else 0.1 for word in words),
                        kind=kind,
                        rank=i % 3,
                    )
                )
        statistics = make_statistics(
            mean=0.86, lookup=TokenLookup(token_ids=(0,), means=(2.0,), counts=(9,))
        )
        record = UnitRecord(unit=UNIT, statistics=statistics, exemplars=tuple(exemplars))
        explanation = Explanation(
            unit=UNIT, text="rain", status="ok", explainer="e", llm="l", prompt_sha256="0",
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
        )  # fmt: skip
        return ScoringCase(explanation=explanation, record=record, random_explanation="sun", seed=0)

    return make


def result_of(case, simulate=oracle):
    with pytest.raises(StopIteration) as stop:
        next(SimulationScorer(simulate=simulate, calibrate=linear)(case))
    return stop.value.value


def test_the_right_explanation_scores_1_and_another_units_does_not(make_case):
    result = result_of(make_case())
    assert {score.report_set for score in result.scores} == {"top_and_random", "random_only"}
    for score in result.scores:
        assert score.value == pytest.approx(1.0)
        assert score.baseline_random_explanation < 0.8
        assert score.coverage == 1.0
        assert score.simulator == "oracle"
    (headline,) = [
        s for s in result.scores if (s.metric, s.report_set) == ("pearson", "top_and_random")
    ]
    assert headline.baseline_token_lookup == pytest.approx(1.0)
    assert headline.baseline_mean is None
    assert (headline.n_sequences, headline.n_items) == (6, 30)


def test_simulations_are_kept_with_their_calibration(make_case):
    simulations = result_of(make_case()).simulations
    assert len(simulations) == 12
    assert {s.exemplar.sequence.split for s in simulations} == {"calibration", "test"}
    for simulation in simulations:
        assert simulation.calibrated == pytest.approx(simulation.exemplar.activations)


def test_missing_predictions_give_no_value_and_say_why(make_case):
    for score in result_of(make_case(), silent).scores:
        assert (score.value, score.coverage, score.reliable) == (None, 0.0, False)
        assert score.reason == "no prediction for any token"


def test_without_test_sequences_nothing_is_scored(make_case):
    result = result_of(make_case(splits=("train",)))
    assert result.simulations == ()
    for score in result.scores:
        assert score.value is None
        assert "no top_and_random sequences" in score.reason or "no random_only" in score.reason


def test_a_sequence_of_train_among_those_scored_is_an_error(make_case):
    with pytest.raises(RecordError, match="are in train and in"):
        result_of(make_case(shared=True))
