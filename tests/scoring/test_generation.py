"""Texts that an LLM writes, and what the subject does on them."""

from dataclasses import replace

import pytest

from neuroscribe.scoring.generation import Generation
from tests.planted import PlantedSubject, planted_units
from tests.scoring.oracle import CAPABLE, PLAIN, answer, case_of, finish, ok, oracle

UNIT = planted_units()[1]
WRONG = "words for running water"


def generate(judge=oracle, *, capabilities=CAPABLE, unit=UNIT, **settings):
    scorer = Generation(subject=PlantedSubject(), capabilities=capabilities, **settings)
    case = case_of(unit.record, unit.explanation, random_explanation=WRONG)
    return finish(scorer(case), judge)


def test_the_share_of_texts_that_fire_stands_beside_that_of_random_ones():
    result, ((*requests,),) = generate()
    assert len(requests) == 2
    (score,) = result.scores
    assert (score.metric, score.report_set, score.value) == ("firing_rate", "generated", 1.0)
    assert (score.n_items, score.n_sequences, score.coverage) == (10, 10, 1.0)
    random = UNIT.record.select("test", "random")
    firing = [each for each in random if each.peak_activation > 0.3 * UNIT.record.max_activation]
    assert score.chance == pytest.approx(len(firing) / len(random))
    assert score.baseline_random_explanation < 1.0
    assert (score.baseline_token_lookup, score.baseline_mean) == (None, None)


def test_every_text_is_kept_with_what_the_subject_did():
    texts = ["it cost $5", "it cost 5 $", "nothing at all", "€7 and $ 8"]
    result, _ = generate(lambda request: answer(request, {"texts": texts}), n_texts=4)
    rows = result.judgements
    assert [row.text for row in rows] == texts
    assert [row.truth for row in rows] == [True, False, False, True]
    assert {(row.verdict, row.kind, row.sequence_id) for row in rows} == {(True, "generated", None)}
    assert result.scores[0].value == 0.5
    assert 0.0 <= result.scores[0].low < 0.5 < result.scores[0].high <= 1.0


def test_lines_do_where_no_schema_is_followed():
    lines = "1. it cost $5\n\n2) a\n- b $6\n"
    result, _ = generate(lambda _: ok(text=lines), capabilities=PLAIN, n_texts=3)
    assert [row.text for row in result.judgements] == ["it cost $5", "a", "b $6"]


def test_too_few_texts_are_asked_for_once_more_and_then_missing():
    result, rounds = generate(lambda request: answer(request, {"texts": ["$5", " "]}), n_texts=2)
    assert [[request.sample for request in requests] for requests in rounds] == [[0, 0], [1, 1]]
    for row in result.judgements:
        assert (row.status, row.truth, row.verdict, row.text) == ("unparsed", None, None, None)
    (score,) = result.scores
    assert (score.value, score.coverage) == (None, 0.0)
    assert "1 of 2 texts" in score.reason


def test_more_texts_than_asked_for_are_cut():
    result, _ = generate(lambda request: answer(request, {"texts": ["$5"] * 9}), n_texts=2)
    assert len(result.judgements) == 2


def test_for_a_unit_that_never_fires_nothing_is_written():
    others = [each for each in UNIT.record.exemplars if each.sequence.split != "train"]
    unit = replace(UNIT, record=replace(UNIT.record, exemplars=tuple(others)))
    result, rounds = generate(unit=unit)
    assert (rounds, result.judgements) == ([], ())
    assert result.scores[0].reason == "the unit never fires on the train split"
