"""Which tokens are marked."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from neuroscribe.firing import firing_positions
from neuroscribe.scoring.fuzzing import Fuzzing, other_positions
from tests.planted import planted_units
from tests.scoring.oracle import CAPABLE, case_of, finish, marks, oracle, shown

UNITS = planted_units()


def fuzz(unit, **settings):
    scorer = Fuzzing(capabilities=CAPABLE, **settings)
    return finish(scorer(case_of(unit.record, unit.explanation)), oracle)


def exemplars_of(unit):
    return {each.sequence.sequence_id: each for each in unit.record.select("test", "top")}


def firing(unit, exemplar):
    return firing_positions(exemplar.activations, unit.record.max_activation)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.explanation)
def test_right_marks_are_the_firing_tokens_and_wrong_ones_as_many_others(unit):
    result, _ = fuzz(unit)
    exemplars = exemplars_of(unit)
    assert {judgement.truth for judgement in result.judgements} == {True, False}
    for judgement in result.judgements:
        true = firing(unit, exemplars[judgement.sequence_id])
        if judgement.truth:
            assert list(judgement.marked) == true
        else:
            assert len(judgement.marked) == len(set(judgement.marked)) == len(true)
            assert not set(judgement.marked) & set(true)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.explanation)
def test_wrong_marks_differ_from_example_to_example(unit):
    wrong = [j.marked for j in fuzz(unit)[0].judgements if not j.truth]
    assert len(wrong) >= 5
    assert len(set(wrong)) > len(wrong) / 2
    # No place is a habit: none is marked in more than half of the examples.
    places = [place for marked in wrong for place in marked]
    assert max(map(places.count, places)) <= len(wrong) / 2
    assert len(set(places)) > len(wrong) / 2


@given(st.integers(0, 2**32), st.sampled_from(UNITS))
def test_wrong_marks_depend_on_the_seed_and_never_touch_what_fires(seed, unit):
    for exemplar in unit.record.select("test", "top")[:3]:
        true = firing(unit, exemplar)
        drawn = other_positions(unit.record, exemplar, seed=seed)
        assert drawn == other_positions(unit.record, exemplar, seed=seed)
        assert len(drawn) == len(true)
        assert not set(drawn) & set(true)


def test_every_text_is_shown_once_and_as_it_is_marked():
    result, ((*requests,),) = fuzz(UNITS[0])
    seen = [text for request in requests for text in shown(request)]
    bare = [text.replace("⟦", "").replace("⟧", "") for text in seen]
    assert len(set(bare)) == len(bare) == len(result.judgements) == 20
    assert sorted(map(marks, seen)) == sorted(list(j.marked) for j in result.judgements)


def test_a_text_that_fires_all_over_has_no_room_for_wrong_marks():
    (unit, *_) = UNITS
    loud = [
        replace(each, activations=(1.9,) * len(each.sequence))
        if each.sequence.split == "test" and each.kind == "top" and each.rank
        else each
        for each in unit.record.exemplars
    ]
    result, rounds = fuzz(replace(unit, record=replace(unit.record, exemplars=tuple(loud))))
    assert rounds == []
    for score in result.scores:
        assert score.value is None
        assert score.reason == (
            "1 of the 20 firing texts have room for wrong marks; at least 2 are needed"
        )


def test_the_look_up_table_is_asked_about_the_marked_tokens():
    water, digit, _ = UNITS
    by_unit = [fuzz(unit)[0].scores[0] for unit in (water, digit)]
    assert all(score.metric == "balanced_accuracy" for score in by_unit)
    assert by_unit[0].baseline_token_lookup == 1.0
    assert by_unit[0].report_set == "top_marked"
