"""Texts that an LLM writes to fit an explanation."""

import pytest

from neuroscribe.explainer.fitting_texts import LONGEST_TEXT, fitting_texts
from neuroscribe.llm.protocol import Capabilities

FOLLOWS_SCHEMA = Capabilities(prompt_logprobs=False, generated_logprobs=False, json_schema=True)
WITHOUT_SCHEMA = Capabilities(prompt_logprobs=False, generated_logprobs=False, json_schema=False)


@pytest.mark.parametrize("capabilities", [None, WITHOUT_SCHEMA])
def test_texts_come_one_per_line_without_what_stands_around_them(run, capabilities):
    answer = '1. It rained.\n- "Snow fell."\n\n* Fog, at\tlast\n(4) 1999 was wet\n2020 too'
    found = run(fitting_texts("rain", count=9, capabilities=capabilities), answer)
    assert found == ["It rained.", "Snow fell.", "Fog, at\tlast", "1999 was wet", "2020 too"]
    assert run.rounds[0][0].schema is None


def test_where_a_schema_is_followed_texts_come_as_an_array(run):
    answer = '{"texts": ["It rained.\\nAgain.", " Snow fell. ", 7]}'
    found = run(fitting_texts("rain", count=3, capabilities=FOLLOWS_SCHEMA), answer)
    assert found == ["It rained.\nAgain.", "Snow fell."]
    array = run.rounds[0][0].schema["properties"]["texts"]
    assert (array["minItems"], array["maxItems"]) == (3, 3)


def test_no_more_texts_are_taken_than_were_asked_for_and_none_twice(run):
    assert run(fitting_texts("rain", count=2), "a\na\nb\nc") == ["a", "b"]


@pytest.mark.parametrize("answer", ["", " \n\t", "x" * (LONGEST_TEXT + 1)])
def test_what_is_no_short_text_is_dropped(run, answer):
    assert run(fitting_texts("rain", count=2), answer) == []


@pytest.mark.parametrize(
    "answer", ["not JSON", "[]", '{"texts": "a"}', '{"other": ["a"]}', "[" * 9999]
)
def test_an_answer_of_another_form_gives_no_texts(run, answer):
    assert run(fitting_texts("rain", count=2, capabilities=FOLLOWS_SCHEMA), answer) == []


def test_a_failed_request_gives_no_texts(run, reply):
    assert run(fitting_texts("rain", count=2), reply("a", "failed", "down")) == []
