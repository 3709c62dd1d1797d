from hypothesis import given, strategies as st

from neuroscribe.llm.local.prefixes import SHORTEST_PREFIX, group_by_prefix
from neuroscribe.llm.local.rows import Row, Target

SHARED = tuple(range(50))
INPUT = tuple(range(100, 150))


def row(*ids: int) -> Row:
    return Row(trunk=ids, targets=(Target(after=len(ids) - 1, token=0),))


def test_rows_that_begin_alike_share_their_beginning():
    assert group_by_prefix([row(*SHARED, 7, 8), row(*SHARED, 9)]) == [(SHARED, (0, 1))]


def test_the_token_after_which_something_is_wanted_is_not_part_of_the_prefix():
    assert group_by_prefix([row(*SHARED), row(*SHARED)]) == [(SHARED[:-1], (0, 1))]


def test_a_short_common_beginning_is_not_worth_a_pass():
    short = SHARED[: SHORTEST_PREFIX - 1]
    assert group_by_prefix([row(*short, 7), row(*short, 8)]) == [((), (0, 1))]


def test_questions_about_one_input_share_it_beyond_the_instructions():
    rows = [row(*SHARED, *INPUT, 1), row(*SHARED, 7), row(*SHARED, *INPUT, 2)]
    assert group_by_prefix(rows) == [(SHARED, (1,)), (SHARED + INPUT, (0, 2))]


def test_a_row_alone_shares_with_rows_before_it():
    assert group_by_prefix([row(*SHARED, 1)], recent=[(*SHARED, 2, 3)]) == [(SHARED, (0,))]
    assert group_by_prefix([row(*SHARED, 1)]) == [((), (0,))]


ids = st.lists(st.integers(0, 1), min_size=1, max_size=80).map(tuple)


@given(st.lists(ids, min_size=1, max_size=12), st.lists(ids, max_size=4))
def test_every_row_is_in_one_group_whose_prefix_it_begins_with(trunks, recent):
    rows = [row(*trunk) for trunk in trunks]
    groups = group_by_prefix(rows, recent)
    assert sorted(place for group in groups for place in group.places) == list(range(len(rows)))
    for group in groups:
        for place in group.places:
            assert rows[place].trunk[: len(group.prefix)] == group.prefix
            assert len(group.prefix) <= rows[place].first_needed
