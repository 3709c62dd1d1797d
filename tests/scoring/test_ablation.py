from datetime import UTC, datetime

import pytest

from neuroscribe.records import (
    Exemplar,
    Explanation,
    Prediction,
    TokenLookup,
    UnitId,
    UnitRecord,
)
from neuroscribe.scoring import ScoringCase
from neuroscribe.scoring.ablation import AblationScorer
from neuroscribe.services import Divergences
from neuroscribe.simulator.calibration import linear

UNIT = UnitId("mlp.0", 1)
MEAN = 0.5
TRUTH = {"rain": 2.0, "dry": 0.0, "sun": 0.0}
TEXTS = [("dry", "rain", "sun"), ("sun", "dry", "dry"), ("rain", "rain", "dry"), ("dry", "sun")]


class Subject:
    """Its predictions move by the squared distance of a replacement from the truth."""

    name = "fake"

    def __init__(self, cannot_predict=None):
        self.cannot_predict = cannot_predict
        self.asked = []

    def activations(self, unit, texts):
        raise AssertionError("ablation runs on recorded sequences alone")

    def divergences(self, unit, sequence, replacements):
        assert unit == UNIT
        self.asked.append((sequence, [list(values) for values in replacements]))
        truth = [TRUTH[token] for token in sequence.tokens]
        return Divergences(
            n_tokens=len(truth),
            totals=tuple(
                sum((a - b) ** 2 for a, b in zip(values, truth, strict=True))
                for values in replacements
            ),
        )


@pytest.fixture
def case(make_sequence, make_statistics) -> ScoringCase:
    exemplars = []
    for place, split in enumerate(("train", "calibration", "test")):
        for i, words in enumerate(TEXTS):
            exemplars.append(
                Exemplar(
                    sequence=make_sequence(*words, sequence_id=10 * place + i, split=split),
                    activations=tuple(TRUTH[word] for word in words),
                    kind="top" if i % 2 == 0 else "random",
                    rank=i // 2,
                )
            )
    record = UnitRecord(
        unit=UNIT,
        statistics=make_statistics(
            mean=MEAN, lookup=TokenLookup(token_ids=(0,), means=(1.0,), counts=(4,))
        ),
        exemplars=tuple(exemplars),
    )
    explanation = Explanation(
        unit=UNIT, text="rain", status="ok", explainer="e", llm="l", prompt_sha256="0",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    return ScoringCase(explanation=explanation, record=record, random_explanation="sun")


def simulate(missing=()):
    """Gives 10 to the word that is the explanation; nothing for texts of some lengths."""

    def predict(explanation, tokens, **_):
        yield from ()
        gone = len(tokens) in missing
        return Prediction(
            status="failed" if gone else "ok",
            expected=tuple(None if gone else 10.0 * (token == explanation) for token in tokens),
            simulator="oracle",
            llm="oracle",
            reason="off" if gone else None,
        )

    return predict


def result_of(case, *, subject, missing=()):
    scorer = AblationScorer(simulate=simulate(missing), calibrate=linear, subject=subject)
    with pytest.raises(StopIteration) as stop:
        next(scorer(case))
    return stop.value.value


def test_a_perfect_simulation_scores_1_and_the_mean_0(case):
    (score,) = result_of(case, subject=Subject()).scores
    assert (score.metric, score.scorer, score.report_set) == (
        "ablation", "ablation", "top_and_random",
    )  # fmt: skip
    assert score.value == pytest.approx(1.0)
    assert (score.low, score.high) == (pytest.approx(1.0), pytest.approx(1.0))
    assert (score.chance, score.baseline_mean) == (0.0, 0.0)
    assert score.baseline_random_explanation < 0.8
    assert (score.n_sequences, score.n_items, score.coverage) == (4, 11, 1.0)


def test_the_look_up_table_is_put_in_too(case):
    (score,) = result_of(case, subject=Subject()).scores
    # Token 0 of each text is predicted 1.0 and the others the mean.
    by_lookup = sum(
        sum((TRUTH[w] - (1.0 if place == 0 else MEAN)) ** 2 for place, w in enumerate(words))
        for words in TEXTS
    )
    by_mean = sum(sum((TRUTH[w] - MEAN) ** 2 for w in words) for words in TEXTS)
    assert score.baseline_token_lookup == pytest.approx(1 - by_lookup / by_mean)


def test_the_score_is_a_ratio_of_sums_and_not_a_mean_of_ratios(case):
    subject = Subject()
    (score,) = result_of(case, subject=subject, missing={2}).scores
    assert score.baseline_random_explanation == pytest.approx(
        1 - _distance(subject, 2) / _distance(subject, 0)
    )
    assert len(subject.asked) == 3
    own = [replacements[1] for _, replacements in subject.asked]
    assert own[0] == pytest.approx([0.0, 2.0, 0.0])
    assert all(replacements[0] == [MEAN] * len(s) for s, replacements in subject.asked)


def _distance(subject, place):
    """Summed over the sequences of three tokens, which have whole predictions."""
    return sum(
        (value - TRUTH[token]) ** 2
        for sequence, replacements in subject.asked
        if len(sequence) == 3
        for value, token in zip(replacements[place], sequence.tokens, strict=True)
    )


def test_a_sequence_without_a_whole_prediction_takes_no_part(case):
    (score,) = result_of(case, subject=Subject(), missing={2}).scores
    assert score.value == pytest.approx(1.0)
    assert score.coverage == pytest.approx(9 / 11)
    assert not score.reliable


def test_without_any_prediction_there_is_a_reason_and_no_value(case):
    result = result_of(case, subject=Subject(), missing={2, 3})
    (score,) = result.scores
    assert (score.value, score.low, score.coverage) == (None, None, 0.0)
    assert "no calibration" in score.reason
    assert {simulation.prediction.status for simulation in result.simulations} == {"failed"}


def test_a_subject_that_predicts_nothing_is_said_so_and_nothing_is_asked(case):
    subject = Subject("minilm predicts no next tokens")
    result = result_of(case, subject=subject)
    assert result.scores[0].reason == "minilm predicts no next tokens"
    assert (result.scores[0].value, result.simulations, subject.asked) == (None, (), [])
