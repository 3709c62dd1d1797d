"""Which texts are judged, how they are asked about, and what becomes of every answer."""

from collections import Counter
from dataclasses import replace

import pytest

from neuroscribe.errors import InputError, RecordError
from neuroscribe.firing import fires
from neuroscribe.llm.protocol import Reply
from neuroscribe.scoring.detection import Detection
from tests.planted import PlantedUnit, SilentTexts, planted_units
from tests.scoring.oracle import (
    CAPABLE,
    NOON,
    PLAIN,
    answer,
    case_of,
    coin,
    finish,
    oracle,
    said,
    shown,
)
from tests.services import Texts

SILENT = SilentTexts()
WRONG = "names of colours"


@pytest.fixture
def unit() -> PlantedUnit:
    return planted_units()[0]


def detect(unit, judge=oracle, *, capabilities=CAPABLE, random_explanation=WRONG, **settings):
    scorer = Detection(negatives=SILENT, capabilities=capabilities, **settings)
    case = case_of(unit.record, unit.explanation, random_explanation=random_explanation)
    return finish(scorer(case), judge)


def by_metric(result):
    return {score.metric: score for score in result.scores}


def test_all_is_asked_in_one_round_in_batches_and_the_baseline_of_the_same_texts(unit):
    result, rounds = detect(unit)
    assert [len(requests) for requests in rounds] == [8]
    own = [shown(request) for request in rounds[0] if said(request) == unit.explanation]
    random = [shown(request) for request in rounds[0] if said(request) == WRONG]
    assert own == random
    assert [len(texts) for texts in own] == [5, 5, 5, 5]
    assert len(result.judgements) == 20


def test_the_order_is_mixed_and_depends_on_seed_and_unit_alone(unit):
    def order(seed):
        scorer = Detection(negatives=SILENT, capabilities=CAPABLE)
        _, rounds = finish(scorer(case_of(unit.record, unit.explanation, seed=seed)), oracle)
        return [text for request in rounds[0] for text in shown(request)]

    assert order(0) == order(0)
    assert order(0) != order(1)
    assert sorted(order(0)) == sorted(order(1))
    truths = [judgement.truth for judgement in detect(unit)[0].judgements]
    texts = {each.sequence.sequence_id: each for each in unit.record.select("test")}
    first = {texts[j.sequence_id].sequence.text: j.truth for j in detect(unit)[0].judgements}
    assert truths == [True] * 10 + [False] * 10
    assert len(Counter(first[text] for text in order(0)[:10])) == 2


def test_every_metric_comes_with_its_chance_and_baselines(unit):
    found = by_metric(detect(unit)[0])
    assert set(found) == {"balanced_accuracy", "precision", "recall", "f1", "auc"}
    headline = found["balanced_accuracy"]
    assert (headline.value, headline.low, headline.high, headline.chance) == (1.0, 1.0, 1.0, 0.5)
    assert (headline.n_items, headline.n_sequences, headline.coverage) == (20, 20, 1.0)
    assert (headline.llm, headline.simulator) == ("judge", None)
    assert headline.report_set == "top_and_random"
    assert headline.baseline_random_explanation < 0.8
    # A token set is what a look-up table knows best.
    assert headline.baseline_token_lookup == 1.0
    assert headline.baseline_mean == 0.5
    assert (found["recall"].baseline_mean, found["f1"].baseline_mean) == (0.0, 0.0)
    assert found["precision"].baseline_mean is None
    assert found["auc"].baseline_mean == 0.5


def test_an_interval_holds_the_value(unit):
    score = by_metric(detect(unit, coin(3))[0])["balanced_accuracy"]
    assert 0 < score.low < score.value < score.high < 1


def test_a_judge_without_log_probabilities_has_no_area_under_the_curve(unit):
    result, rounds = detect(unit, capabilities=PLAIN)
    assert {(r.schema, r.top_logprobs) for r in rounds[0]} == {(None, 0)}
    found = by_metric(result)
    assert found["balanced_accuracy"].value == 1.0
    assert (found["auc"].value, found["auc"].coverage) == (None, 0.0)
    assert "verdicts alone" in found["auc"].reason


def test_few_silent_texts_are_met_by_as_few_firing_ones(unit):
    few = Texts(lambda *arguments: SILENT(*arguments)[:3])
    scorer = Detection(negatives=few, capabilities=CAPABLE)
    result, _ = finish(scorer(case_of(unit.record, unit.explanation)), oracle)
    assert Counter(j.truth for j in result.judgements) == {True: 3, False: 3}
    unbalanced = replace(scorer, balanced=False)
    result, _ = finish(unbalanced(case_of(unit.record, unit.explanation)), oracle)
    assert Counter(j.truth for j in result.judgements) == {True: 10, False: 3}
    assert by_metric(result)["precision"].chance == pytest.approx(10 / 13)


def test_a_short_answer_is_asked_for_once_more_and_then_its_texts_are_missing(unit):
    def judge(request):
        reply = oracle(request)
        is_short = said(request) == unit.explanation and shown(request) == victim
        return answer(request, {"fits": [1, 0]}) if is_short else reply

    _, rounds = detect(unit)
    victim = shown(rounds[0][0])
    result, rounds = detect(unit, judge)
    assert [len(requests) for requests in rounds] == [8, 1]
    assert rounds[1][0].sample == 1
    lost = [judgement for judgement in result.judgements if judgement.status != "ok"]
    assert len(lost) == 5
    for judgement in lost:
        assert (judgement.status, judgement.verdict, judgement.probability) == (
            "unparsed", None, None,
        )  # fmt: skip
        assert "2 verdicts for 5 texts" in judgement.reason
    for score in result.scores:
        assert (score.value, score.coverage, score.reliable) == (1.0, 0.75, False)


def test_an_endpoint_that_gives_a_schema_or_log_probabilities_but_not_both_is_asked_again(unit):
    def judge(request):
        if request.top_logprobs:
            return Reply(
                status="failed", llm="judge", created_at=NOON, reason="refused", http_status=400
            )
        return oracle(request)

    result, rounds = detect(unit, judge)
    assert [len(requests) for requests in rounds] == [8, 8]
    found = by_metric(result)
    assert (found["balanced_accuracy"].value, found["balanced_accuracy"].coverage) == (1.0, 1.0)
    assert found["auc"].value is None


def test_an_answer_without_the_log_probabilities_that_were_wanted_is_read_all_the_same(unit):
    def judge(request):
        reason = "none were given"
        return replace(oracle(request), status="failed", generated=None, reason=reason)

    result, rounds = detect(unit, judge)
    assert [len(requests) for requests in rounds] == [8]
    assert (by_metric(result)["balanced_accuracy"].value, result.n_failed) == (1.0, 0)
    assert by_metric(result)["auc"].value is None


@pytest.mark.parametrize("status", ["failed", "refused", "skipped"])
def test_where_nobody_answers_there_is_no_value_and_the_reason_says_why(unit, status):
    def silent(_):
        return Reply(status=status, llm="judge", created_at=NOON, reason="the line is dead")

    result, rounds = detect(unit, silent)
    assert len(rounds) == 1
    # Failures of the random explanation count too: they are asked for again.
    assert result.n_failed == (40 if status == "failed" else 0)
    assert {judgement.status for judgement in result.judgements} == {status}
    for score in result.scores:
        assert (score.value, score.coverage) == (None, 0.0)
        assert score.reason.endswith("20 items: the line is dead")
        # Baselines are those of the same items, and there is none.
        assert score.baseline_mean is None


def test_without_silent_texts_nothing_is_asked(unit):
    scorer = Detection(negatives=Texts(lambda *_: []), capabilities=CAPABLE)
    result, rounds = finish(scorer(case_of(unit.record, unit.explanation)), oracle)
    assert (rounds, result.judgements) == ([], ())
    for score in result.scores:
        assert score.value is None
        assert (
            score.reason == "no negatives: the unit is silent on no random text of the test split"
        )


def test_a_unit_that_never_fires_is_not_judged(unit):
    train = [each for each in unit.record.exemplars if each.sequence.split == "train"]
    silent = [replace(each, activations=(0.0,) * len(each.sequence)) for each in train]
    others = [each for each in unit.record.exemplars if each.sequence.split != "train"]
    record = replace(unit.record, exemplars=(*silent, *others))
    result, rounds = detect(replace(unit, record=record))
    assert rounds == []
    assert {score.reason for score in result.scores} == {"the unit never fires on the train split"}


def test_a_negative_that_fires_is_an_error(unit):
    scorer = Detection(negatives=Texts(lambda *_: firing), capabilities=CAPABLE)
    firing = [e for e in unit.record.select("test", "random") if fires(unit.record, e)]
    with pytest.raises(RecordError, match=r"mlp.0/0 fires on sequence \d+, which was given as one"):
        next(scorer(case_of(unit.record, unit.explanation)))


@pytest.mark.parametrize("split", ["train", "calibration", "valid"])
def test_a_negative_of_another_split_is_an_error_even_where_the_record_lacks_it(unit, split):
    @Texts
    def negatives(record, _, positives, n):
        found = SILENT(record, split, positives, n)
        sequences = [replace(e.sequence, sequence_id=-e.sequence.sequence_id) for e in found]
        return [replace(e, sequence=s) for e, s in zip(found, sequences, strict=True)]

    scorer = Detection(negatives=negatives, capabilities=CAPABLE)
    with pytest.raises(RecordError, match=rf"are in {split} and in test"):
        next(scorer(case_of(unit.record, unit.explanation)))


def test_the_report_set_names_the_negatives(unit):
    hard = SilentTexts()
    hard.name = "hard"
    scorer = Detection(negatives=hard, capabilities=CAPABLE)
    assert scorer.report_sets == ("top_and_hard",)
    result, _ = finish(scorer(case_of(unit.record, unit.explanation)), oracle)
    assert {score.report_set for score in result.scores} == {"top_and_hard"}
    assert [j.kind for j in result.judgements] == ["top"] * 10 + ["hard"] * 10


def test_an_impossible_setting_is_an_error():
    with pytest.raises(InputError, match="texts_per_request is 0; it must be at least 1"):
        Detection(negatives=SILENT, capabilities=CAPABLE, texts_per_request=0)
