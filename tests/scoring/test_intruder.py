"""Groups of texts, one of which does not belong."""

from collections import Counter

import pytest

from neuroscribe.llm.protocol import Reply
from neuroscribe.scoring.intruder import Intruder
from tests.planted import SilentTexts, planted_units
from tests.scoring.oracle import CAPABLE, NOON, PLAIN, answer, case_of, finish, oracle, shown

SILENT = SilentTexts()
UNIT = planted_units()[0]


def find(judge=oracle, *, capabilities=CAPABLE, negatives=SILENT, seed=0, **settings):
    scorer = Intruder(negatives=negatives, capabilities=capabilities, **settings)
    case = case_of(UNIT.record, UNIT.explanation, random_explanation="any animal", seed=seed)
    return finish(scorer(case), judge)


def test_each_group_is_one_request_and_all_go_out_in_one_round():
    result, ((*requests,),) = find()
    assert len(requests) == 20
    assert {len(set(shown(request))) for request in requests} == {5}
    (score,) = result.scores
    assert (score.metric, score.value, score.report_set) == ("accuracy", 1.0, "top_and_random")
    assert (score.n_items, score.n_sequences, score.coverage) == (10, 10, 1.0)
    assert (score.chance, score.baseline_mean) == (0.2, 0.2)
    assert score.baseline_token_lookup == 1.0
    assert score.baseline_random_explanation < 0.8


def test_every_text_of_a_group_has_a_row_and_the_intruder_is_the_one_that_does_not_fit():
    result, _ = find()
    rows = result.judgements
    assert [row.item for row in rows] == list(range(50))
    for start in range(0, 50, 5):
        group = rows[start : start + 5]
        assert Counter(row.truth for row in group) == {True: 4, False: 1}
        assert [row.verdict for row in group] == [row.truth for row in group]
        assert {row.kind for row in group if row.truth} == {"top"}
        # Nine tenths are on the intruder.
        assert sum(1 - row.probability for row in group) == pytest.approx(1.0)
        assert [row.probability < 0.5 for row in group] == [not row.truth for row in group]


def test_the_intruder_stands_anywhere_and_is_another_each_time():
    places, intruders = [], []
    for seed in range(5):
        for row in find(seed=seed)[0].judgements:
            if not row.truth:
                places.append(row.item % 5)
                intruders.append(row.sequence_id)
    assert set(places) == {0, 1, 2, 3, 4}
    assert max(Counter(places).values()) < len(places) / 2
    assert len(set(intruders)) >= 10


def test_without_the_explanation_it_is_the_classic_test_and_has_no_such_baseline():
    def last(request):
        return answer(request, {"intruder": 5})

    result, ((*requests,),) = find(last, with_explanation=False)
    assert len(requests) == 10
    assert not any("Explanation:" in r.messages[-1].content for r in requests)
    assert result.scores[0].baseline_random_explanation is None


@pytest.mark.parametrize("number", [0, 6, "3", True, None])
def test_a_number_that_names_no_text_is_no_answer(number):
    result, rounds = find(lambda request: answer(request, {"intruder": number}))
    assert [len(requests) for requests in rounds] == [20, 20]
    assert {row.status for row in result.judgements} == {"unparsed"}
    assert result.scores[0].value is None
    assert "no number from 1 to 5" in result.scores[0].reason


def test_groups_that_fail_are_missing():
    def failing(request):
        if shown(request) == victim:
            return Reply(status="failed", llm="judge", created_at=NOON, reason="503")
        return oracle(request)

    _, ((first, *_),) = find()
    victim = shown(first)
    (score,) = find(failing)[0].scores
    assert (score.value, score.coverage) == (1.0, 0.9)


def test_without_log_probabilities_there_are_verdicts_alone():
    result, _ = find(capabilities=PLAIN)
    assert result.scores[0].value == 1.0
    assert {row.probability for row in result.judgements} == {None}


def test_fewer_than_four_firing_texts_make_no_group():
    result, rounds = find(n_firing=3)
    assert rounds == []
    assert result.scores[0].reason == "3 firing texts in the test split; 4 are needed"
