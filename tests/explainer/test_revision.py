"""Revising an explanation by what the unit does on texts that were written to fit it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from neuroscribe.errors import InputError, SubjectError
from neuroscribe.explainer.candidates import best_of
from neuroscribe.explainer.revision import revise
from neuroscribe.explainer.token_activation_pairs import TokenActivationPairs
from neuroscribe.llm import driver
from neuroscribe.llm.clients.mock import MockClient
from neuroscribe.llm.mock import MockLLM
from neuroscribe.llm.protocol import Capabilities
from neuroscribe.services import Rating

RAIN = {"rain": 3.0, "wind": 1.6}

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def first(build, weather, run):
    """The explanation to begin with, and the rounds of requests forgotten."""
    explanation = run(build("token_activation_pairs")(weather), "bad weather")
    run.rounds.clear()
    return replace(explanation, exemplars="mix")


@pytest.fixture
def rate():
    """Rates by a table, without asking anybody; counts what it rates."""

    class Rater:
        def __init__(self) -> None:
            self.scores = {"bad weather": 0.3, "rain": 0.6, "heavy rain": 0.8, "snow": 0.1}
            self.rated = []

        def __call__(self, record, text):
            self.rated.append(text)
            yield from ()
            return Rating(self.scores[text.lower()], "rater", NOON)

    return Rater()


@pytest.fixture
def revised(first, weather, run, rate, fake_subject):
    """The explanations after revising with a scripted LLM."""

    def ask(*answers, rounds=1, subject=None, explanations=None, shown=None, **settings):
        dialogue = revise(
            explanations or [first],
            weather,
            shown,
            rounds=rounds,
            rate=rate,
            subject=subject or fake_subject(RAIN),
            **settings,
        )
        return run(dialogue, *answers)

    return ask


def outcome(explanations):
    return [(each.text, each.selection_score, each.selected) for each in explanations]


def test_a_better_explanation_is_selected_and_names_its_parent(revised, first):
    parent, child = revised("It rains\nrain fell", "rain")
    assert outcome([parent, child]) == [("bad weather", 0.3, False), ("rain", 0.6, True)]
    assert child.parent_id == first.explanation_id == parent.explanation_id
    assert (child.candidate, child.status, child.explainer) == (1, "ok", "token_activation_pairs")
    assert child.inputs == ("exemplars", "generated_texts")
    assert child.exemplars == "mix"


def test_the_subject_is_run_on_the_texts_and_disagreements_go_back(revised, run, fake_subject):
    subject = fake_subject(RAIN)
    revised("hail and snow\nmore rain fell", "rain", subject=subject)
    ((unit, texts),) = subject.seen
    assert (str(unit), texts) == ("mlp.0/1-", ["hail and snow", "more rain fell"])
    asked = run.rounds[1][0].messages[-1].content
    assert asked.startswith("Explanation so far: bad weather\n\nTexts on which the unit is at its")
    silent, firing = asked.split("silent all the same:\n")[1].split("on which the unit fires:\n")
    assert " hail\t0\n and\t0\n snow\t0\n" in silent
    assert " more\t0\n rain\t10\n fell\t0\n" in firing
    assert "The unit fires on 1 of the 2 texts that fit." in firing


def test_the_original_wins_where_the_revision_is_worse(revised):
    found = revised("It rains", "snow")
    assert outcome(found) == [("bad weather", 0.3, True), ("snow", 0.1, False)]


def test_every_round_revises_the_one_before(revised, run, rate):
    found = revised("rain", "rain", "heavy rain", "heavy rain", rounds=2)
    assert [each.text for each in found] == ["bad weather", "rain", "heavy rain"]
    assert [each.candidate for each in found] == [0, 1, 2]
    assert found[2].parent_id == found[1].explanation_id
    assert [each.selected for each in found] == [False, False, True]
    assert "Explanation: rain\n" in run.rounds[2][0].messages[-1].content
    assert rate.rated == ["bad weather", "rain", "heavy rain"]


def test_a_score_that_is_known_is_not_asked_again(revised, first, rate):
    known = replace(first, selection_score=0.9, rated_by="rater", rated_at=NOON)
    found = revised("rain", "rain", explanations=[known])
    assert rate.rated == ["rain"]
    assert [each.selected for each in found] == [True, False]


def test_the_selected_candidate_is_revised_and_the_others_are_kept(revised, first):
    other = replace(first, text="fog", selected=False, selection_score=0.2)
    chosen = replace(first, candidate=1, selection_score=0.3)
    found = revised("rain", "rain", explanations=[other, chosen])
    assert outcome(found) == [("fog", 0.2, False), ("bad weather", 0.3, False), ("rain", 0.6, True)]
    assert (found[2].candidate, found[2].parent_id) == (2, chosen.explanation_id)


@pytest.mark.parametrize("answer", ["", "\n \n"])
def test_without_a_usable_text_the_explanation_stays(revised, first, run, rate, answer):
    assert revised(answer) == [first]
    assert (len(run.rounds), rate.rated) == (1, [])


def test_where_the_subject_cannot_be_run_the_explanation_stays(revised, first, fake_subject):
    broken = fake_subject(RAIN, error=SubjectError("no such site"))
    assert revised("rain", subject=broken) == [first]


def test_texts_without_tokens_count_for_nothing(revised, first, fake_subject):
    class Deaf(type(fake_subject(RAIN))):
        def activations(self, unit, texts):
            return [
                each._replace(tokens=(), activations=())
                for each in super().activations(unit, texts)
            ]

    assert revised("rain", subject=Deaf(RAIN)) == [first]


@pytest.mark.parametrize(("answer", "status"), [("", "unparsed"), (None, "refused")])
def test_an_answer_without_explanation_is_kept_and_ends_it(revised, reply, answer, status):
    refusal = reply("", "refused", "declined")
    found = revised("rain", refusal if answer is None else answer, rounds=3)
    assert outcome(found) == [("bad weather", 0.3, True), (None, None, False)]
    assert (found[1].status, found[1].parent_id) == (status, found[0].explanation_id)


def test_what_has_no_text_is_not_revised(revised, first, run):
    failed = replace(first, text=None, status="failed", reason="down")
    assert revised(explanations=[failed]) == [failed]
    assert run.rounds == []


def test_the_form_of_the_parent_is_kept(revised, first, run):
    found = revised("rain", "Rain.", explanations=[replace(first, form="label", text="rain")])
    assert (found[1].form, found[1].text) == ("label", "Rain")
    assert "a label of two to five words" in run.rounds[1][0].messages[0].content


def test_without_exemplars_none_are_shown(revised, first, run):
    of_weights = replace(first, inputs=("input_weights",), exemplars="none")
    found = revised("rain", "rain", explanations=[of_weights], shown=())
    assert "at its strongest:" not in run.rounds[1][0].messages[-1].content
    assert (found[1].inputs, found[1].exemplars) == (("input_weights", "generated_texts"), "none")
    found = revised("rain", "rain", explanations=[of_weights])
    assert found[1].inputs == ("input_weights", "exemplars", "generated_texts")
    assert found[1].exemplars == "top"


@pytest.mark.parametrize("settings", [{"rounds": 0}, {"n_texts": 0}])
def test_impossible_numbers_are_refused(revised, settings):
    with pytest.raises(InputError):
        revised(**settings)


def converse(dialogue, mock):
    """The result of a dialogue with the mock, spoken through its client."""
    results = []
    client = MockClient.around(mock)

    async def whole():
        try:
            await driver.run(
                [(0, dialogue)], client, on_result=lambda _, result: results.append(result)
            )
        finally:
            await client.aclose()

    asyncio.run(whole())
    return results[0]


@pytest.mark.parametrize(("json_schema", "n_texts"), [(False, 1), (True, 10)])
def test_the_whole_loop_runs_through_the_mock(weather, fake_subject, json_schema, n_texts):
    subject = fake_subject({"storm": 3.0})

    def rate(record, text):
        yield from ()
        return Rating(float(len(text)), "rater", NOON)

    def whole():
        candidates = yield from best_of(TokenActivationPairs(), weather, n=2, rate=rate)
        return (
            yield from revise(
                candidates,
                weather,
                rounds=2,
                rate=rate,
                subject=subject,
                capabilities=Capabilities(
                    prompt_logprobs=False, generated_logprobs=False, json_schema=json_schema
                ),
            )
        )

    found = converse(whole(), MockLLM(0))
    assert [each.status for each in found] == ["ok"] * 4
    assert [each.candidate for each in found] == [0, 1, 2, 3]
    assert sum(each.selected for each in found) == 1
    assert '"storm"' in found[0].text
    assert found[2].inputs == ("exemplars", "generated_texts")
    assert found[3].parent_id == found[2].explanation_id
    # With a schema the mock writes about the words that the explanation names.
    assert [len(texts) for _, texts in subject.seen] == [n_texts] * 2
    assert any("storm" in text for _, texts in subject.seen for text in texts) == json_schema


@pytest.mark.parametrize(
    ("family", "named"),
    [
        ("contrastive", "storm"),
        ("highlighted_text", "storm"),
        ("token_activation_pairs", "storm"),
        ("token_lookup", "storm"),
        ("token_weights", "storm"),
        ("logit_evidence", "cloud"),
    ],
)
def test_the_mock_names_the_strongest_token_whatever_shows_it(build, weather, family, named):
    found = converse(build(family)(weather), MockLLM(0))
    assert (found.status, found.llm) == ("ok", "mock")
    assert f'"{named}"' in found.text
    assert '"sun"' not in found.text
