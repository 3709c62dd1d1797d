"""POST /v1/decisions and /v1/systemone as the mock answers them: a probability per option.

The mock reads the input and each question as an LLM would. A question that names `token N` of the
input's numbered table, with numbers as options, is answered by `simulating.distribution` for that
token; what else can be read joins `_READERS`. A question that no reader understands is answered by
a hash of it, so that a wrong prompt correlates with nothing. The wire formats are those of the
openai SDK 3 (`resources/decisions.py`) and of `transformers serve` 5.23 (`serving/systemone.py`).
"""

import hashlib
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from neuroscribe.llm.mock.abilities import Abilities
from neuroscribe.llm.mock.misbehaviour import Fault
from neuroscribe.llm.mock.reading import explanation_before_last_table, numbered_table
from neuroscribe.llm.mock.rejection import Rejection
from neuroscribe.llm.mock.simulating import distribution
from neuroscribe.llm.mock.tokens import tokenize

MOST_QUESTIONS = {"decisions": 400, "systemone": 64}
MOST_CHOICES = {"decisions": 255, "systemone": 26}
_NAMED_TOKEN = re.compile(r"\btoken (\d+)\b")


class Asked(NamedTuple):
    """One question, whichever way it came."""

    name: str | None
    text: str
    options: tuple[str, ...]


Reader = Callable[[str, Asked, int], Mapping[str, float] | None]
"""From input, question and seed to weights of the options; None where it does not understand."""


def decisions_answer(
    body: Mapping[str, Any], *, seed: int, abilities: Abilities, faults: frozenset[Fault]
) -> dict[str, Any] | Rejection:
    """The JSON body of an answer of `/v1/decisions`, without its id."""
    if abilities.decisions not in ("both", "decisions"):
        return Rejection(404, "There is no /v1/decisions here.", code="not_found")
    questions = body.get("questions")
    asked = [_choice(question) for question in questions] if isinstance(questions, list) else []
    rejection = next(_complaints("decisions", body.get("input"), asked), None)
    if rejection is not None:
        return rejection
    told = [question for question in asked if question is not None]
    answers = [
        {"name": question.name, "type": "refusal"}
        if probabilities is None
        else {
            "name": question.name,
            **_chosen(probabilities),
            "probabilities": [
                {"value": option, "probability": share} for option, share in probabilities.items()
            ],
        }
        for question, probabilities in _answered(body["input"], told, seed, faults)
    ]
    n_input = _n_tokens(body["input"], abilities) + sum(_n_asked(q, abilities) for q in told)
    usage = {
        "input_tokens": n_input,
        "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": n_input,
    }
    return {"model": "mock", "answers": answers, "usage": usage}


def systemone_answer(
    body: Mapping[str, Any], *, seed: int, abilities: Abilities, faults: frozenset[Fault]
) -> dict[str, Any] | Rejection:
    """The JSON body of an answer of `/v1/systemone`."""
    if abilities.decisions not in ("both", "systemone"):
        return Rejection(404, "There is no /v1/systemone here.", code="not_found")
    foreign = sorted(body.keys() - {"model", "state", "questions", "assets"})
    if foreign:
        return Rejection(422, f"Extra inputs are not permitted: {', '.join(foreign)}")
    questions = body.get("questions")
    items = questions.items() if isinstance(questions, dict) else ()
    asked = [_criteria(name, question) for name, question in items]
    rejection = next(_complaints("systemone", body.get("state"), asked), None)
    if rejection is not None:
        return rejection
    told = [question for question in asked if question is not None]
    answers = {
        question.name: {"type": "refusal"}
        if probabilities is None
        else {**_chosen(probabilities), "probabilities": probabilities}
        for question, probabilities in _answered(body["state"], told, seed, faults)
    }
    # Every question is a prompt of its own.
    n_state = _n_tokens(body["state"], abilities)
    n_input = sum(n_state + _n_asked(question, abilities) for question in told)
    usage = {"input_tokens": n_input, "output_tokens": 0}
    return {"model": body.get("model"), "answers": answers, "usage": usage}


def _choice(question: object) -> Asked | None:
    if not isinstance(question, dict) or question.get("type") != "choice":
        return None
    choices = question.get("choices")
    values = [c.get("value") if isinstance(c, dict) else None for c in choices or ()]
    text, name = question.get("instructions"), question.get("name")
    if not isinstance(text, str) or not all(isinstance(value, str) for value in values):
        return None
    return Asked(name, text, tuple(map(str, values)))


def _criteria(name: str, question: object) -> Asked | None:
    if not isinstance(question, dict) or question.get("type") != "choice":
        return None
    text, criteria = question.get("instructions"), question.get("criteria")
    if not isinstance(text, str) or not isinstance(criteria, dict):
        return None
    return Asked(name, text, tuple(criteria))


def _complaints(form: str, told: object, asked: Sequence[Asked | None]) -> Iterator[Rejection]:
    status = 400 if form == "decisions" else 422
    if not isinstance(told, str):
        yield Rejection(status, "The mock reads one text.", "input")
    if not 1 <= len(asked) <= MOST_QUESTIONS[form]:
        message = f"'questions' must be 1 to {MOST_QUESTIONS[form]}."
        yield Rejection(status, message, "questions")
    for question in asked:
        if question is None:
            yield Rejection(status, "The mock answers questions of type choice.", "questions")
        elif not 2 <= len(set(question.options)) == len(question.options) <= MOST_CHOICES[form]:
            message = f"Provide 2 to {MOST_CHOICES[form]} choices, each once."
            yield Rejection(status, message, "questions")


def _answered(
    told: str, asked: Sequence[Asked], seed: int, faults: frozenset[Fault]
) -> Iterator[tuple[Asked, dict[str, float] | None]]:
    """Each question with a probability per option; None where the mock declines."""
    for index, question in enumerate(asked[:-1] if "wrong_length" in faults else asked):
        if "refusal" in faults:
            yield question, None
            continue
        shares = _shares(told, question, seed)
        if "missing_logprobs" in faults:
            shares = {}
        elif "missing_slots" in faults and index % 3 == 2:
            del shares[question.options[-1]]
        yield question, shares


def _shares(told: str, question: Asked, seed: int) -> dict[str, float]:
    readings = (reader(told, question, seed) for reader in _READERS)
    weights = next((weights for weights in readings if weights is not None), None)
    if weights is None:
        weights = _guess(told, question, seed)
    total = sum(weights.values())
    return {option: round(weights[option] / total, 6) for option in question.options}


def _level(told: str, question: Asked, seed: int) -> Mapping[str, float] | None:
    """How active the unit is at the token that the question names."""
    named = _NAMED_TOKEN.search(question.text)
    token = numbered_table(told).get(int(named[1])) if named else None
    if token is None:
        return None
    logs = distribution(token, explanation_before_last_table(f"\n{told}"), seed)
    if not logs.keys() >= set(question.options):
        return None
    return {option: math.exp(logs[option]) for option in question.options}


_READERS: tuple[Reader, ...] = (_level,)
"""What the mock understands, the first that does answers."""


def _guess(told: str, question: Asked, seed: int) -> Mapping[str, float]:
    text = f"{seed}\0{told}\0{question.text}"
    weights = {}
    for option in question.options:
        digest = hashlib.blake2b(f"{text}\0{option}".encode("utf-8", "replace")).digest()
        weights[option] = 1.0 + digest[0]
    return weights


def _chosen(probabilities: Mapping[str, float]) -> dict[str, Any]:
    best = max(probabilities, key=probabilities.__getitem__, default="")
    confidence = probabilities.get(best, 0.0)
    return {"type": "choice", "choice": best, "confidence": confidence}


def _n_tokens(text: str, abilities: Abilities) -> int:
    return len(tokenize(text, abilities))


def _n_asked(question: Asked, abilities: Abilities) -> int:
    return _n_tokens(question.text, abilities) + 2 * len(question.options)
