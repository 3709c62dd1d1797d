"""Typed questions as JSON bodies, and the answers as outcomes, in the two forms that servers speak.

`/decisions` (OpenAI: up to 400 questions about one input, answers in order) and `/systemone` (the
System One family, `transformers serve` >= 5.23: up to 64, keyed by name). Both give a probability
per option; some hosts give log-probabilities in its place, which the sign tells. They are scaled to
the sum 1. A question is answered only where every option of it has a number: what an option that
was left out would have had nobody knows, so the whole question is None then.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

from neuroscribe.llm.outcome import PROBABILITY_DIGITS, Counted, Outcome, failed
from neuroscribe.llm.protocol import DecideRequest, Question
from neuroscribe.llm.wire.body import encodable, shortened, usage

Form = Literal["decisions", "systemone"]
FORMS: tuple[Form, ...] = get_args(Form)
"""In the order in which they are tried."""
MOST_QUESTIONS: Mapping[Form, int] = {"decisions": 400, "systemone": 64}
NOT_THERE = frozenset({404, 405, 501})
"""HTTP statuses of an endpoint that does not speak a form."""

_SURE_ENOUGH = 1e-6
"""By so much a probability may pass 1."""


def parts(request: DecideRequest, form: Form) -> list[DecideRequest]:
    """The request in pieces that an endpoint takes at once."""
    size = MOST_QUESTIONS[form]
    return [
        replace(request, questions=request.questions[start : start + size])
        for start in range(0, len(request.questions), size)
    ]


def merged(outcomes: Sequence[Outcome]) -> Outcome:
    """One outcome of those of all parts: the first that is not `ok` decides; tokens add up."""
    counted = Counted(
        input_tokens=sum(outcome.input_tokens for outcome in outcomes),
        output_tokens=sum(outcome.output_tokens for outcome in outcomes),
    )
    for outcome in outcomes:
        if outcome.status != "ok":
            return replace(outcome, decisions=None, **counted)
    answered = (decision for outcome in outcomes for decision in outcome.decisions or ())
    reasons = [outcome.reason for outcome in outcomes if outcome.reason]
    return Outcome(
        status="ok",
        decisions=tuple(answered),
        reason="; ".join(reasons) or None,
        **counted,
    )


def decide_body(request: DecideRequest, model: str, form: Form) -> dict[str, Any]:
    """The JSON body of one part."""
    if form == "decisions":
        questions: Any = [
            {
                "type": "choice",
                "name": _name(index),
                "instructions": encodable(question.text),
                "choices": [{"value": encodable(option)} for option in question.options],
            }
            for index, question in enumerate(request.questions)
        ]
        return {"model": model, "input": encodable(request.input), "questions": questions}
    questions = {
        _name(index): {
            "type": "choice",
            "instructions": encodable(question.text),
            "criteria": {encodable(option): None for option in question.options},
        }
        for index, question in enumerate(request.questions)
    }
    return {"model": model, "state": encodable(request.input), "questions": questions}


def read_decide(body: Mapping[str, Any], request: DecideRequest, form: Form) -> Outcome:
    """What an answer to one part says.

    `ok` where at least one question is answered; a reason then counts the others. `refused` where
    the model declined all of them, else `failed`.
    """
    counted = usage(body)
    answers = _answers(body, request, form)
    if isinstance(answers, str):
        return failed(answers, **counted)
    decisions = tuple(
        _distribution(answer, question)
        for answer, question in zip(answers, request.questions, strict=True)
    )
    n_missing, n_asked = decisions.count(None), len(decisions)
    if not n_missing:
        return Outcome(status="ok", decisions=decisions, **counted)
    n_refused = sum(_is_refusal(answer) for answer in answers)
    if n_refused == n_asked:
        reason = f"the model refused: it declined to answer any of {n_asked} questions"
        return Outcome(status="refused", reason=reason, **counted)
    reason = f"{n_missing} of {n_asked} questions have no probability for every option"
    if n_refused:
        reason += f"; the model declined to answer {n_refused}"
    if n_missing == n_asked:
        return failed(reason, **counted)
    return Outcome(status="ok", decisions=decisions, reason=reason, **counted)


def _name(index: int) -> str:
    return f"q{index}"


def _answers(body: Mapping[str, Any], request: DecideRequest, form: Form) -> list[Any] | str:
    """One answer per question in order, or why there are none."""
    answers, n_asked = body.get("answers"), len(request.questions)
    if not isinstance(answers, list if form == "decisions" else dict):
        return f"the answer holds no answers: {shortened(str(body))}"
    if len(answers) != n_asked:
        return f"{len(answers)} answers for {n_asked} questions; these must be as many"
    names = [_name(index) for index in range(n_asked)]
    if isinstance(answers, dict):
        if set(answers) != set(names):
            return f"the answers are to other questions: {shortened(', '.join(answers))}"
        return [answers[name] for name in names]
    for answer, name in zip(answers, names, strict=True):
        given = answer.get("name") if isinstance(answer, dict) else None
        if given not in (None, name):
            return f"the answers are in another order: {given!r} stands where {name!r} belongs"
    return list(answers)


def _distribution(answer: object, question: Question) -> Mapping[str, float] | None:
    given = answer.get("probabilities") if isinstance(answer, dict) else None
    if isinstance(given, list):
        given = {
            item.get("value"): item.get("probability") for item in given if isinstance(item, dict)
        }
    if not isinstance(given, dict):
        return None
    values = [given.get(encodable(option)) for option in question.options]
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if len(numbers) != len(values) or not all(map(math.isfinite, numbers)):
        return None
    if any(number < 0 for number in numbers):
        if any(number > 0 for number in numbers):
            return None
        numbers = [math.exp(number) for number in numbers]
    total = math.fsum(numbers)
    if not total > 0 or max(numbers) > 1 + _SURE_ENOUGH:
        return None
    return {
        option: round(number / total, PROBABILITY_DIGITS)
        for option, number in zip(question.options, numbers, strict=True)
    }


def _is_refusal(answer: object) -> bool:
    return isinstance(answer, dict) and answer.get("type") == "refusal"
