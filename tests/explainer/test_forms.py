"""How answers are read, form by form."""

import pytest

from neuroscribe.explainer.forms import WORDINGS, parse


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("words for rain", "words for rain"),
        ("\n  This unit fires on: words for rain\nBecause ...", "words for rain"),
        ("The neuron fires on words for rain", "words for rain"),
        ("In one phrase: this unit fires on words for rain", "words for rain"),
        ("Phrase: words for rain", "words for rain"),
        ("“words for rain”", "words for rain"),
        ('"raw", "rawdata"', '"raw", "rawdata"'),
    ],
)
def test_a_phrase_is_freed_of_stem_and_quotes(answer, expected):
    assert parse(answer) == expected


@pytest.mark.parametrize("answer", ["Rain words.", '"Rain words."', "Label: Rain words"])
def test_a_label_has_no_full_stop(answer):
    assert parse(answer, "label") == "Rain words"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("This unit fires on words for rain.", "This unit fires on words for rain."),
        ("The unit fires on words for rain", "This unit fires on words for rain."),
        ("words for rain", "This unit fires on words for rain."),
        ('"rain" and "snow".', 'This unit fires on "rain" and "snow".'),
        ("It fires on rain!", "It fires on rain!"),
        ('"This unit fires on rain."', "This unit fires on rain."),
        ("This unit fires on Monday", "This unit fires on Monday."),
    ],
)
def test_a_sentence_is_made_whole(answer, expected):
    assert parse(answer, "sentence") == expected


@pytest.mark.parametrize("form", WORDINGS)
@pytest.mark.parametrize("answer", ["", " \n ", "This unit fires on", '""'])
def test_no_explanation_is_none_in_any_form(form, answer):
    assert parse(answer, form) is None


@pytest.mark.parametrize("form", WORDINGS)
def test_an_essay_is_no_explanation(form):
    assert parse("x" * 700, form) is None


def test_a_phrase_may_be_longer_than_a_label():
    text = "x" * 101
    assert parse(text, "phrase") == text
    assert parse(text, "label") is None
