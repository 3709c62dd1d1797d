"""What the mock writes in answer to a chat, token by token with the alternatives it had.

It tells what is wanted as a person would, by the form of the question (`questions.question_in`):
tables with `unknown` values, numbered texts to judge, sentences to write; else it explains what is
shown, tables or marked texts.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neuroscribe.llm.mock.abilities import Abilities
from neuroscribe.llm.mock.explaining import MOST_WORDS, explain
from neuroscribe.llm.mock.judging import intruder, sentences, verdict
from neuroscribe.llm.mock.misbehaviour import Fault
from neuroscribe.llm.mock.questions import Question, marked_tables, question_in
from neuroscribe.llm.mock.reading import (
    Line,
    asks_for_simulation,
    explanation_before_last_table,
    last_table,
    tables,
)
from neuroscribe.llm.mock.simulating import distribution, likeliest
from neuroscribe.llm.mock.tokens import tokenize

_OTHERWISE = "This text holds no table of activations, so there is nothing to explain or simulate."
_SURE = -0.02
_UNSURE = -4.0


@dataclass(frozen=True)
class Written:
    """One token of an answer and the alternatives at its place, likeliest first."""

    token: str
    top: Mapping[str, float]


def write(
    messages: Sequence[str],
    schema: Mapping[str, Any] | None,
    *,
    seed: int,
    sample: int,
    abilities: Abilities,
    faults: frozenset[Fault],
) -> list[Written]:
    """The answer to a chat.

    Args:
        messages: the contents of all turns; the last one asks.
        schema: what the answer must follow; None for free text.
        seed: the mock's.
        sample: the request's own seed: another one gives another answer.
        abilities: decides how numbers are cut into tokens.
        faults: what goes wrong.
    """
    table = last_table(f"\n{messages[-1]}")
    ignores_schema = schema is not None and "ignored_schema" in faults
    if not asks_for_simulation(table):
        question = question_in(messages, schema)
        if question is not None and not ignores_schema:
            short = "wrong_length" in faults
            return _judged(question, seed, sample, abilities, one_too_few=short)
        if schema is not None and not ignores_schema:
            return _plain(json.dumps(instance_of(schema, messages[-1], seed)), abilities)
        known = tables(messages[-1]) or marked_tables(messages[-1])
        words = MOST_WORDS if sample == 0 else 1 + sample % MOST_WORDS
        return _plain(explain(known, words) if known else _OTHERWISE, abilities)
    kept = table[:-1] if "wrong_length" in faults else table
    explanation = explanation_before_last_table("\n" + "\n".join(messages))
    if schema is None:
        return _table(kept, explanation, seed + sample, abilities)
    if ignores_schema:
        return _plain(f"I would say that it fires on {explanation}.", abilities)
    levels = [likeliest(distribution(line.token, explanation, seed + sample)) for line in kept]
    return _plain(json.dumps({_array_name(schema): levels}), abilities)


def instance_of(schema: Mapping[str, Any], text: str, seed: int) -> Any:
    """A value that follows a JSON schema and depends on the text alone.

    >>> instance_of({"type": "object", "properties": {"n": {"type": "integer"}}}, "", 0)
    {'n': 0}
    """
    if "enum" in schema:
        digest = hashlib.sha256(f"{seed}\0{text}".encode("utf-8", "replace")).digest()
        return schema["enum"][digest[0] % len(schema["enum"])]
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {name: instance_of(part, text, seed) for name, part in properties.items()}
        case "array":
            n_items = schema.get("minItems", 1)
            return [instance_of(schema.get("items", {}), text, seed) for _ in range(n_items)]
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return instance_of({"enum": [False, True]}, text, seed)
        case _:
            return _OTHERWISE


def _array_name(schema: Mapping[str, Any]) -> str:
    properties: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
    arrays = [name for name, part in properties.items() if part.get("type") == "array"]
    return arrays[0] if arrays else "activations"


def _plain(text: str, abilities: Abilities) -> list[Written]:
    return [_sure(token) for token in tokenize(text, abilities)]


def _sure(piece: str) -> Written:
    return Written(piece, {piece: _SURE, (" " if piece == "\n" else "\n"): _UNSURE})


def _judged(
    question: Question, seed: int, sample: int, abilities: Abilities, *, one_too_few: bool
) -> list[Written]:
    """The answer to a judge's question, as a JSON object; digits carry what they compete with."""
    texts = question.texts[: len(question.texts) - one_too_few]
    match question.task:
        case "fits":
            explanation = question.explanation or ""
            tops = [verdict(explanation, text, seed + sample) for text in texts]
            value: Any = [int(next(iter(top))) for top in tops]
        case "intruder":
            tops = [intruder(question.explanation, question.texts, seed + sample)]
            value = int(next(iter(tops[0])))
        case "texts":
            count = question.count - one_too_few
            tops, value = [], sentences(question.explanation or "", count, seed + sample)
    waiting = iter(tops)
    return [
        Written(each.token, next(waiting)) if each.token.isdecimal() and tops else each
        for each in _plain(json.dumps({question.key: value}), abilities)
    ]


def _table(
    lines: Sequence[Line], explanation: str, seed: int, abilities: Abilities
) -> list[Written]:
    written: list[Written] = []
    for line in lines:
        written += _plain(f"{line.token}\t", abilities)
        written += _number_and_end(distribution(line.token, explanation, seed), abilities)
    return written[:-1]


def _number_and_end(alternatives: Mapping[str, float], abilities: Abilities) -> list[Written]:
    number = str(likeliest(alternatives))
    if not abilities.splits_ten:
        return [Written(number, alternatives), _sure("\n")]
    first, after_one = split_ten(alternatives)
    match number:
        case "10":
            return [Written("1", first), Written("0", after_one), _sure("\n")]
        case "1":
            return [Written("1", first), Written("\n", after_one)]
        case _:
            return [Written(number, first), _sure("\n")]


def split_ten(alternatives: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """The distributions of a tokenizer that writes "10" as "1" and "0".

    Returns:
        the first digit's distribution, where "1" holds the mass of "1" and "10"; and that of what
        follows a "1": "0", or the end of the line.
    """
    one, ten = math.exp(alternatives["1"]), math.exp(alternatives["10"])
    first = {word: value for word, value in alternatives.items() if word != "10"}
    first["1"] = round(math.log(one + ten), 4)
    then = {"0": round(math.log(ten / (one + ten)), 4), "\n": round(math.log(one / (one + ten)), 4)}
    return _falling(first), _falling(then)


def _falling(alternatives: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(alternatives.items(), key=lambda item: (-item[1], item[0])))
