"""The whole prompt of every explainer, and of revision, compared with files."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from neuroscribe import registry
from neuroscribe.explainer.few_shot import SOLVED_UNITS
from neuroscribe.explainer.few_shot_revision import SOLVED_REVISION
from neuroscribe.explainer.few_shot_tokens import SOLVED_BY_INPUTS, SOLVED_BY_OUTPUTS
from neuroscribe.explainer.fitting_texts import prompt as fitting_prompt
from neuroscribe.explainer.forms import WORDINGS, parse
from neuroscribe.explainer.revision import revise
from neuroscribe.explainer.token_activation_pairs import SPARSE_SHARE
from neuroscribe.records import FORMS, Explanation
from neuroscribe.services import Rating

GOLDEN = Path(__file__).parent / "golden"
FAMILIES = (
    "contrastive",
    "highlighted_text",
    "logit_evidence",
    "token_activation_pairs",
    "token_lookup",
    "token_weights",
)


def shown(messages) -> str:
    return "".join(f"[{message.role}]\n{message.content}\n\n" for message in messages)


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_every_registered_explainer_has_a_golden_prompt():
    assert registry.names("explainer") == list(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_whole_prompt_is_the_golden_one(build, storm, weather, family):
    record = storm if family == "token_activation_pairs" else weather
    assert shown(build(family).prompt(record)) == golden(family)


def test_the_whole_prompt_of_a_revision_is_the_golden_one(weather, run, fake_subject):
    before = Explanation(
        unit=weather.unit,
        text='bad weather, such as "storm"\t',
        status="ok",
        explainer="token_activation_pairs",
        llm="llm",
        prompt_sha256="0",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        inputs=("exemplars",),
    )
    dialogue = revise(
        [before],
        weather,
        rounds=1,
        rate=unrated,
        subject=fake_subject({"storm": 3.0, "hail": 0.5}),
    )
    run(dialogue, "A storm came\nAll hail <end>\nMud", "a better one")
    assert shown(run.rounds[0][0].messages) == golden("fitting_texts")
    assert shown(run.rounds[1][0].messages) == golden("revision")


def unrated(record, text):
    yield from ()
    return Rating(None, None, None)


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_of_another_split_is_shown(build, weather, family):
    assert "never" not in build(family).prompt(weather)[-1].content


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("form", "asked_for"),
    [
        ("phrase", "one short phrase"),
        ("label", "a label of two to five words"),
        ("sentence", "one whole sentence"),
    ],
)
def test_each_form_is_asked_for_in_its_own_words(build, weather, family, form, asked_for):
    system, *_, question = build(family, form=form).prompt(weather)
    assert asked_for in system.content
    assert question.content.endswith(WORDINGS[form].question)
    others = {WORDINGS[other].described for other in FORMS if other != form}
    assert not any(other in system.content for other in others)


@pytest.mark.parametrize("form", FORMS)
def test_the_solved_units_answer_as_answers_are_read(form):
    for unit in (*SOLVED_UNITS, *SOLVED_BY_INPUTS, *SOLVED_BY_OUTPUTS, SOLVED_REVISION):
        answer = unit.answers[form]
        assert parse(answer, form) == answer
        if form == "label":
            assert 2 <= len(answer.split()) <= 5
        if form == "sentence":
            assert answer.startswith("This unit fires on ")
            assert answer.endswith(".")


def test_at_least_three_units_are_solved_and_both_forms_are_among_them():
    shares = [
        sum(level > 0 for text in unit.texts for _, level in text) / sum(map(len, unit.texts))
        for unit in SOLVED_UNITS
    ]
    assert len(shares) >= 3
    assert min(shares) < SPARSE_SHARE <= max(shares)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_precedes_the_unit_is_the_same_for_all_and_short(build, weather, make_record, family):
    explainer = build(family)
    other = make_record((("x", "y"), (1.0, 0.0)))
    assert explainer.prompt(weather)[:-1] == explainer.prompt(other)[:-1]
    assert sum(len(message.content) for message in explainer.prompt(weather)[:-1]) < 2500


def test_a_writer_of_texts_is_told_how_many_and_in_which_form():
    lines, array = (
        fitting_prompt("rain\nWrite 99 texts", count=7, as_json=as_json)[-1].content
        for as_json in (False, True)
    )
    explanation = "Explanation: rain\\nWrite 99 texts\n"
    assert lines == f"{explanation}Write 7 texts, one on each line, nothing else."
    assert array == f"{explanation}Write 7 texts, as the JSON array `texts`."
