"""The mock judges, writes and explains by the prompts of our own scorers and explainers."""

import asyncio

import pytest

from neuroscribe.explainer.contrastive import Contrastive
from neuroscribe.explainer.highlighted_text import HighlightedText
from neuroscribe.llm import driver
from neuroscribe.llm.mock import Misbehaviour
from neuroscribe.llm.mock.explaining import quoted_words
from neuroscribe.llm.mock.judging import intruder, probability, sentences
from neuroscribe.llm.protocol import Capabilities
from neuroscribe.scoring.detection import Detection
from neuroscribe.scoring.fuzzing import Fuzzing
from neuroscribe.scoring.generation import Generation
from neuroscribe.scoring.intruder import Intruder
from neuroscribe.scoring.surprisal import Surprisal
from tests.planted import PlantedSubject, SilentTexts, planted_units
from tests.scoring.oracle import CAPABLE, PLAIN, case_of, value_of

SILENT = SilentTexts()
WATER = planted_units()[0]
EXPLANATION = 'the tokens "river", "brook", "stream"'
SCORERS = {
    "detection": ("balanced_accuracy", Detection, {"negatives": SILENT}),
    "fuzzing": ("balanced_accuracy", Fuzzing, {}),
    "intruder": ("accuracy", Intruder, {"negatives": SILENT}),
    "surprisal": ("auc", Surprisal, {"negatives": SILENT}),
    "generation": ("firing_rate", Generation, {"subject": PlantedSubject()}),
}


@pytest.fixture
def score(mock_client):
    """The result of a scorer through the mock."""

    def run(name, *, capabilities: Capabilities = CAPABLE, text=EXPLANATION, seed=0, **mock):
        _, scorer, given = SCORERS[name]
        dialogue = scorer(**given, capabilities=capabilities)(
            case_of(WATER.record, text, random_explanation='the token "saw"', seed=seed)
        )
        return finish(dialogue, mock_client(**mock))

    return run


@pytest.fixture
def explain(mock_client):
    return lambda explainer: finish(explainer(WATER.record), mock_client())


def finish(dialogue, client):
    results = []

    async def whole():
        try:
            await driver.run(
                [(0, dialogue)], client, on_result=lambda _, result: results.append(result)
            )
        finally:
            await client.aclose()

    asyncio.run(whole())
    return results[0]


@pytest.mark.parametrize("name", SCORERS)
def test_it_tells_the_words_of_an_explanation_from_others(score, name):
    result = score(name)
    assert {judgement.status for judgement in result.judgements} == {"ok"}
    assert value_of(result, SCORERS[name][0]) >= 0.95
    (headline, *_) = result.scores
    assert headline.llm == "mock"
    assert headline.baseline_random_explanation < 0.8


@pytest.mark.parametrize("name", ["detection", "fuzzing", "intruder", "generation"])
def test_without_schema_and_log_probabilities_it_says_the_same(score, name):
    by_schema, plain = score(name), score(name, capabilities=PLAIN)
    assert [j.verdict for j in by_schema.judgements] == [j.verdict for j in plain.judgements]
    assert [j.text for j in by_schema.judgements] == [j.text for j in plain.judgements]
    assert {j.probability for j in plain.judgements} == {None}


@pytest.mark.parametrize("name", ["detection", "fuzzing"])
def test_its_probabilities_are_those_of_its_verdicts(score, name):
    result = score(name)
    for judgement in result.judgements:
        assert (judgement.probability > 0.5) == judgement.verdict
    assert len({judgement.probability for judgement in result.judgements}) >= 5
    assert value_of(result, "auc") >= 0.95


@pytest.mark.parametrize("name", ["detection", "fuzzing", "intruder", "generation"])
@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("ignored_schema", "unparsed"),
        ("wrong_length", "unparsed"),
        ("missing_logprobs", "ok"),
        ("refusal", "refused"),
        ("server_error", "failed"),
    ],
)
def test_a_fault_leaves_judgements_without_a_verdict(score, name, fault, status):
    if (name, fault) == ("intruder", "wrong_length"):
        status = "ok"
    result = score(name, misbehaviour=Misbehaviour(**{fault: 1.0}))
    assert {judgement.status for judgement in result.judgements} == {status}
    if fault == "missing_logprobs":
        assert {judgement.probability for judgement in result.judgements} == {None}
    if status != "ok":
        assert {(j.verdict, j.probability) for j in result.judgements} == {(None, None)}
        assert all(each.value is None and each.reason for each in result.scores)


def test_some_faults_leave_some_items_missing(score):
    result = score("detection", misbehaviour=Misbehaviour(refusal=0.4))
    statuses = [judgement.status for judgement in result.judgements]
    assert set(statuses) == {"ok", "refused"}
    assert result.scores[0].coverage == statuses.count("ok") / len(statuses)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("a River bank", True),
        ("riverside walks", True),
        ("a house", False),
        ("the ⟦river⟧ bank", True),
        ("the river ⟦bank⟧", False),
        ("the ⟦river⟧ and the stream", True),
        ("\\⟦river\\⟧", True),
        ("", False),
    ],
)
def test_a_text_fits_as_well_as_its_best_word(text, fits):
    assert (probability(EXPLANATION, text, 0) > 0.5) == fits


def test_white_space_and_punctuation_that_an_explanation_names_are_found():
    assert probability('the token "\\n"', "one\\ntwo", 0) > 0.9
    assert probability('the token "\\n"', "one two", 0) < 0.1
    assert probability('the tokens ")", "):"', "def f(x):\\n", 0) > 0.9
    assert probability('the token "__"', "__init__", 0) > 0.9


def test_without_an_explanation_the_intruder_is_what_shares_least():
    texts = ["the red fox ran", "the red cat ran", "stocks fell again", "a red fox ran", "red ran"]
    assert next(iter(intruder(None, texts, 0))) == "3"


def test_what_it_writes_is_english_about_the_words_and_never_twice_the_same():
    written = sentences(EXPLANATION, 40, seed=0)
    assert len(set(written)) == 40
    assert all(any(word in text for word in ("river", "brook", "stream")) for text in written)
    assert all(text.isascii() and text.endswith(".") for text in written)
    assert set(sentences(EXPLANATION, 5, seed=1)) != set(sentences(EXPLANATION, 5, seed=0))
    assert "birds" in sentences("small birds", 2, seed=0)[1]


def test_it_explains_marked_texts_by_what_is_marked(explain):
    explanation = explain(HighlightedText())
    assert explanation.text.startswith("the tokens ")
    assert sorted(quoted_words(explanation.text)) == ["brook", "river", "stream"]


def test_it_explains_a_contrast_by_the_marks_alone(explain):
    explanation = explain(Contrastive(negatives=SILENT))
    assert sorted(quoted_words(explanation.text)) == ["brook", "river", "stream"]
