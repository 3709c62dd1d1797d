"""Several explanations of one unit, of which the one that does best on `valid` is selected."""

from datetime import UTC, datetime

import pytest

from neuroscribe.errors import InputError
from neuroscribe.explainer.candidates import best_of
from neuroscribe.llm.protocol import ChatRequest, Message
from neuroscribe.services import Rating

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Rater:
    """Rates by asking one question each, so that ratings can be seen in the rounds."""

    def __init__(self, **scores) -> None:
        self.scores = scores
        self.rated = []

    def __call__(self, record, text):
        self.rated.append(text)
        yield [ChatRequest(messages=(Message(role="user", content=text),), max_tokens=1)]
        return Rating(self.scores[text], "rater", NOON)


def test_a_rating_of_which_an_answer_failed_is_none(choose):
    found = choose("rain", "snow", rate=Failing())
    assert outcome(found) == [("rain", None, True), ("snow", None, False)]
    assert {(each.rated_by, each.rated_at) for each in found} == {(None, None)}


class Failing:
    def __call__(self, record, text):
        yield from ()
        return Rating(None, None, None)


@pytest.fixture
def choose(build, weather, run):
    """The candidates with these answers, rated so."""

    def ask(*answers, rate=None, record=weather, n=None):
        n = len(answers) if n is None else n
        explainer = build("token_activation_pairs")
        dialogue = best_of(explainer, record, n=n, rate=rate)
        return run(dialogue, *answers, *["rating"] * 9)

    return ask


def outcome(explanations):
    return [(each.text, each.selection_score, each.selected) for each in explanations]


def test_the_best_on_valid_is_selected_and_the_others_are_kept(choose, run):
    rate = Rater(rain=0.2, snow=0.7, fog=0.5)
    found = choose("rain", "snow", "fog", rate=rate)
    assert outcome(found) == [("rain", 0.2, False), ("snow", 0.7, True), ("fog", 0.5, False)]
    assert [each.candidate for each in found] == [0, 1, 2]


def test_all_are_asked_in_one_round_and_rated_in_a_second(choose, run):
    choose("rain", "snow", "fog", rate=Rater(rain=0.2, snow=0.7, fog=0.5))
    assert [len(requests) for requests in run.rounds] == [3, 3]
    assert [request.sample for request in run.rounds[0]] == [0, 1, 2]


def test_equal_texts_are_rated_once_and_the_first_of_equals_is_selected(choose):
    rate = Rater(rain=0.4, snow=0.4)
    found = choose("rain", "snow", "rain", rate=rate)
    assert rate.rated == ["rain", "snow"]
    assert outcome(found) == [("rain", 0.4, True), ("snow", 0.4, False), ("rain", 0.4, False)]


def test_a_bad_score_is_better_than_none(choose):
    found = choose("rain", "snow", rate=Rater(rain=None, snow=-0.3))
    assert outcome(found) == [("rain", None, False), ("snow", -0.3, True)]


def test_without_any_rating_the_first_with_a_text_is_selected(choose):
    found = choose("", "snow", "fog", rate=Rater(snow=None, fog=None))
    assert outcome(found) == [(None, None, False), ("snow", None, True), ("fog", None, False)]
    assert found[0].status == "unparsed"


def test_where_no_candidate_has_a_text_nothing_is_rated(choose, run):
    found = choose("", "", rate=Rater())
    assert outcome(found) == [(None, None, True), (None, None, False)]
    assert len(run.rounds) == 1


def test_of_one_candidate_no_rating_is_asked(choose, run):
    rate = Rater()
    assert outcome(choose("rain", rate=rate)) == [("rain", None, True)]
    assert rate.rated == []
    assert outcome(choose("rain", rate=None)) == [("rain", None, True)]


def test_a_unit_with_nothing_to_show_is_skipped_once(choose, make_record, run):
    silent = make_record((("a",), (0.0,)))
    (found,) = choose(rate=Rater(), record=silent, n=4)
    assert (found.status, found.selected) == ("skipped", True)
    assert run.rounds == []


def test_impossible_numbers_of_candidates_are_refused(choose):
    with pytest.raises(InputError, match="0 candidates"):
        choose(rate=Rater(), n=0)
    with pytest.raises(InputError, match="nothing was given to choose among 2"):
        choose("a", "b", rate=None)
