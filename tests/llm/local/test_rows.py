import math

import pytest

from neuroscribe.llm.local.rows import Row, Slot, Target, read_slots, row_of_slots

SPLIT = Slot(cut=2, answers={"1": (31,), "10": (31, 30), "2": (32,)})


def test_answers_of_one_token_need_no_branch():
    row = row_of_slots((5, 6, 7), [Slot(cut=2, answers={"1": (31,), "10": (40,)})])
    assert row.branches == ()
    assert row.targets == (Target(after=1, token=31), Target(after=1, token=40))


def test_an_answer_of_two_tokens_adds_its_first_one_behind_the_trunk():
    row = row_of_slots((5, 6, 7), [SPLIT])
    assert (row.trunk, row.branches, row.parents) == ((5, 6, 7), (31,), (1,))
    assert row.targets == (
        Target(after=1, token=31),
        Target(after=3, token=30),
        Target(after=1, token=32),
    )
    assert row.path(3) == (5, 6, 31)


def test_one_and_ten_are_told_apart_by_the_chain_rule():
    row = row_of_slots((5, 6, 7), [SPLIT])
    logprobs = [math.log(0.5), math.log(0.25), math.log(0.1)]
    (answers,) = read_slots(row, [SPLIT], logprobs)
    assert math.exp(answers["10"]) == pytest.approx(0.5 * 0.25)
    assert math.exp(answers["1"]) == pytest.approx(0.5 * 0.75)
    assert math.exp(answers["2"]) == pytest.approx(0.1)


def test_only_the_nearest_longer_answers_are_taken_away():
    slot = Slot(cut=1, answers={"1": (1,), "10": (1, 0), "100": (1, 0, 0)})
    row = row_of_slots((9,), [slot])
    (answers,) = read_slots(row, [slot], [math.log(0.8), math.log(0.5), math.log(0.5)])
    assert {answer: round(math.exp(p), 6) for answer, p in answers.items()} == {
        "1": 0.4,
        "10": 0.2,
        "100": 0.2,
    }


def test_a_beginning_that_always_goes_on_is_impossible_as_an_answer():
    row = row_of_slots((5, 6), [SPLIT])
    (answers,) = read_slots(row, [SPLIT], [math.log(0.5), 0.0, math.log(0.1)])
    assert answers["1"] == -math.inf


def test_tokens_that_all_answers_share_are_given():
    slot = Slot(cut=1, answers={"1": (8, 31), "2": (8, 32)}, given=1)
    row = row_of_slots((5, 6), [slot])
    assert (row.branches, row.parents) == ((8,), (0,))
    assert row.targets == (Target(after=2, token=31), Target(after=2, token=32))
    assert read_slots(row, [slot], [-1.0, -2.0]) == [{"1": -1.0, "2": -2.0}]


def test_what_stands_before_the_first_wanted_place_can_be_shared():
    assert Row(trunk=(1, 2, 3, 4), targets=(Target(after=2, token=0),)).first_needed == 2
