"""Which sequences a score rests on, and what is said where part of them failed."""

from datetime import UTC, datetime

import pytest

from neuroscribe.errors import RecordError
from neuroscribe.records import (
    Exemplar,
    Explanation,
    Prediction,
    UnitId,
    UnitRecord,
)
from neuroscribe.scoring import ScoringCase
from neuroscribe.scoring.simulation import SimulationScorer
from neuroscribe.simulator.calibration import linear

TOKENS = ("rain", "sun", "rain", "wind")
TRUTH = (2.0, 0.0, 1.0, 0.5)


@pytest.fixture
def make_case(make_sequence, make_statistics):
    def make(*exemplars: tuple[str, str, int]) -> ScoringCase:
        """Each exemplar is its split, its kind and the id of its sequence."""
        unit = UnitId("mlp.0", 1)
        statistics = make_statistics()
        record = UnitRecord(
            unit=unit,
            statistics=statistics,
            exemplars=tuple(
                Exemplar(
                    sequence=make_sequence(*TOKENS, sequence_id=number, split=split),
                    activations=TRUTH,
                    kind=kind,
                    rank=rank,
                )
                for rank, (split, kind, number) in enumerate(exemplars)
            ),
        )
        explanation = Explanation(
            unit=unit, text="rain", status="ok", explainer="e", llm="l", prompt_sha256="0",
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
        )  # fmt: skip
        return ScoringCase(explanation=explanation, record=record, random_explanation=None)

    return make


def result_of(case, *, failing: int = 0, n_test: int = 10):
    """Score with a simulator whose first `failing` predictions fail."""
    asked = []

    def simulate(_, tokens, **__):
        yield from ()
        asked.append(tokens)
        ok = len(asked) > failing
        return Prediction(
            status="ok" if ok else "failed",
            expected=TRUTH if ok else (None,) * len(tokens),
            simulator="s",
            llm="l",
        )

    with pytest.raises(StopIteration) as stop:
        next(SimulationScorer(simulate=simulate, calibrate=linear, n_test=n_test)(case))
    return stop.value.value, len(asked)


def scored(result) -> dict[str, int]:
    return {s.report_set: s.n_sequences for s in result.scores if s.metric == "pearson"}


CALIBRATION = [("calibration", "top", 90), ("calibration", "random", 91)]


def test_top_and_random_are_taken_one_to_one(make_case):
    test = [("test", "top", i) for i in range(6)] + [("test", "random", 10 + i) for i in range(2)]
    result, n_asked = result_of(make_case(*CALIBRATION, *test))
    assert scored(result) == {"top_and_random": 4, "random_only": 2}
    assert n_asked == 6


def test_random_only_keeps_all_its_sequences_where_there_are_few_top_ones(make_case):
    test = [("test", "top", 0)] + [("test", "random", 10 + i) for i in range(5)]
    result, _ = result_of(make_case(*CALIBRATION, *test))
    assert scored(result) == {"top_and_random": 2, "random_only": 5}


def test_a_sequence_that_is_top_and_random_is_used_once(make_case):
    test = [("test", "top", 1), ("test", "top", 2), ("test", "random", 2), ("test", "random", 3)]
    result, n_asked = result_of(make_case(*CALIBRATION, *test))
    assert scored(result) == {"top_and_random": 3, "random_only": 2}
    assert n_asked == 5


def test_a_random_sequence_beyond_the_number_wanted_does_not_enter_by_being_a_top_one(make_case):
    test = [("test", "top", 1), ("test", "random", 2), ("test", "random", 1)]
    result, _ = result_of(make_case(*CALIBRATION, *test), n_test=1)
    assert scored(result) == {"top_and_random": 2, "random_only": 1}


def test_without_random_sequences_nothing_is_asked_or_scored(make_case):
    result, n_asked = result_of(make_case(*CALIBRATION, ("test", "top", 1)))
    assert n_asked == 0
    assert all(s.value is None and "test split" in s.reason for s in result.scores)


def test_where_calibration_failed_the_correlation_stands_and_the_rest_says_why(make_case):
    test = [("test", "top", 1), ("test", "random", 2)]
    result, _ = result_of(make_case(*CALIBRATION, *test), failing=2)
    for score in result.scores:
        assert score.coverage == 1.0
        if score.metric == "pearson":
            assert score.value == pytest.approx(1.0)
        else:
            assert (score.value, score.low, score.high) == (None, None, None)
            assert "no calibration" in score.reason


@pytest.mark.parametrize("split", ["train", "valid", "calibration"])
def test_a_test_sequence_that_is_in_another_split_too_is_an_error(make_case, split):
    test = [("test", "top", 1), ("test", "random", 2)]
    with pytest.raises(RecordError, match=rf"sequences \[2\] .* are in {split} and in test"):
        result_of(make_case(*CALIBRATION, *test, (split, "top", 2)))
