"""What kind of text an explanation is, how it is asked for, and how it is read from an answer.

A phrase is what simulators and judges are given by default; a label of a few words suits tables and
plots; a sentence stands on its own on a page. The wording of each form is stated here once, so all
explainers ask alike and their explanations compare. Answers are read leniently (a repeated stem, a
pair of quotes, a missing full stop) and refused where they are no explanation: none, or an essay.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from neuroscribe.records import Form

_STEM = re.compile(
    r"\A(?:(?:in one phrase|as a label|label)\b[^:,]{0,40}[:,]\s*)?"
    r"(?:this|the) (?:unit|neuron) fires on\b[\s:]*",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"\A(?:phrase|label|sentence|answer)\s*:\s+", re.IGNORECASE)
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "`": "`"}
_ENDS_OF_SENTENCES = (".", "!", "?", '."', ".'", ".”", ".)")


@dataclass(frozen=True, kw_only=True)
class Wording:
    """How prompts speak of a form."""

    noun: str
    """The form in one word."""
    described: str
    """What is wanted, after "say in"."""
    question: str
    """The last line of a prompt."""
    longest: int
    """Characters; a longer first line is an essay, not an explanation."""


WORDINGS: Mapping[Form, Wording] = {
    "phrase": Wording(
        noun="phrase",
        described="one short phrase",
        question="In one phrase: this unit fires on",
        longest=600,
    ),
    "label": Wording(
        noun="label",
        described="a label of two to five words",
        question="As a label of two to five words: this unit fires on",
        longest=100,
    ),
    "sentence": Wording(
        noun="sentence",
        described="one whole sentence",
        question='In one whole sentence that begins with "This unit fires on":',
        longest=600,
    ),
}


def parse(answer: str, form: Form = "phrase") -> str | None:
    """The explanation in an LLM's answer; None where there is none or it is absurdly long.

    The first line with text counts. Of phrases and labels the stem and quotes around the whole are
    taken off, of labels the full stop too; a sentence of which only the end was given is completed.

    >>> parse('This unit fires on "names of colours"')
    'names of colours'
    >>> parse('"raw", "rawdata"')
    '"raw", "rawdata"'
    >>> parse("names of colours", "sentence")
    'This unit fires on names of colours.'
    """
    line = next(filter(None, map(str.strip, answer.splitlines())), "")
    text = _STEM.sub("", unquote(_PREFIX.sub("", line)))
    match form:
        case "phrase":
            text = unquote(text)
        case "label":
            text = unquote(text).removesuffix(".")
        case "sentence":
            text = _sentence(unquote(line), text)
    return text if text and len(text) <= WORDINGS[form].longest else None


def unquote(text: str) -> str:
    """Take off one pair of quotes that encloses the whole text and occurs nowhere inside it."""
    closing = _QUOTES.get(text[:1])
    inside = text[1:-1]
    if closing and len(text) > 1 and text.endswith(closing) and closing not in inside:
        return inside.strip()
    return text


def _sentence(whole: str, without_stem: str) -> str:
    """A whole sentence as it came; one that goes on from the stem, or is the stem and more."""
    if not without_stem:
        return ""
    goes_on = without_stem[:1].islower() or without_stem[:1] in _QUOTES
    text = f"This unit fires on {without_stem}" if goes_on else _PREFIX.sub("", whole)
    return text if text.endswith(_ENDS_OF_SENTENCES) else f"{text}."
