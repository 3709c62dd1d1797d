"""From a request to rows, and from their log-probabilities to its outcome.

One function per kind of request that is scored; chats are written (`writing`). What cannot be asked
is an outcome with a reason, never an exception: one bad request must not end a run.
"""

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from neuroscribe.llm.local.layout import NoLayoutError, question_prompt
from neuroscribe.llm.local.opening import LocalModel
from neuroscribe.llm.local.rows import (
    Ids,
    Row,
    Slot,
    Target,
    read_slots,
    row_of_slots,
)
from neuroscribe.llm.outcome import (
    LOGPROB_DIGITS,
    PROBABILITY_DIGITS,
    Outcome,
    failed,
    rounded,
)
from neuroscribe.llm.protocol import (
    ContinuationRequest,
    DecideRequest,
    DirectRequest,
    PromptLogprobsRequest,
    Question,
)
from neuroscribe.notation import MAX_LEVEL

ScoredRequest = PromptLogprobsRequest | ContinuationRequest | DecideRequest | DirectRequest

_LEVELS = tuple(map(str, range(MAX_LEVEL + 1)))
_NO_NUMBER = "the model gave no number: the memory did not suffice, or its arithmetic overflowed"


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a request costs and how it is read."""

    rows: tuple[Row, ...]
    read: Callable[[Sequence[Sequence[float]]], Outcome]
    """From the log-probabilities of each row's targets."""


def work_of(request: ScoredRequest, model: LocalModel) -> Work | Outcome:
    """The rows of a request, or why it cannot be answered."""
    match request:
        case PromptLogprobsRequest():
            return _slots(request, model)
        case ContinuationRequest():
            return _continuation(request, model)
        case DecideRequest():
            return _decide(request, model)
        case DirectRequest():
            return _direct(request, model)


def too_long(n_tokens: int, model: LocalModel) -> str | None:
    """Why a text of so many tokens cannot be read; None where it can."""
    if model.max_positions is None or n_tokens <= model.max_positions:
        return None
    return f"the prompt has {n_tokens:,} tokens and {model.name} reads {model.max_positions:,}"


def _slots(request: PromptLogprobsRequest, model: LocalModel) -> Work | Outcome:
    (encoded,) = model.encoder.encode([request.prompt])
    problem = too_long(len(encoded.ids), model)
    if problem is not None:
        return failed(problem)
    found = [
        model.encoder.slot(request.prompt, encoded, offset, _LEVELS) for offset in request.slots
    ]
    slots = [slot for slot in found if slot is not None]
    if not slots:
        return failed(f"none of {len(found)} slots begins where the tokenizer begins a number")
    # The last token of an answer is predicted, not read.
    problem = too_long(max(slot.cut + _longest(slot) - 1 for slot in slots), model)
    if problem is not None:
        return failed(problem)
    row = row_of_slots(encoded.ids, slots)

    def read(logprobs: Sequence[Sequence[float]]) -> Outcome:
        if not _are_numbers(logprobs):
            return failed(_NO_NUMBER)
        answers = iter(read_slots(row, slots, logprobs[0]))
        tops = [
            None if slot is None else _likeliest(next(answers), request.top_logprobs)
            for slot in found
        ]
        missing = tops.count(None)
        return Outcome(
            status="ok",
            slots=tuple(tops),
            reason=f"{missing} of {len(tops)} slots are missing" if missing else None,
            input_tokens=len(encoded.ids),
        )

    return Work(rows=(row,), read=read)


def _continuation(request: ContinuationRequest, model: LocalModel) -> Work | Outcome:
    # Both are tokenized as one text. A token that reaches over the boundary is the continuation's.
    (encoded,) = model.encoder.encode([request.context + request.continuation])
    first = sum(end <= len(request.context) for end in encoded.ends)
    ids = encoded.ids
    if first == len(ids):
        return failed("the continuation has no token")
    if first == 0:
        if model.start_id is None:
            return failed(
                f"nothing stands before the continuation, and the tokenizer of {model.name} has no "
                "token for the start of a text; give a context"
            )
        ids, first = (model.start_id, *ids), 1
    problem = too_long(len(ids), model)
    if problem is not None:
        return failed(problem)
    targets = tuple(Target(after=place - 1, token=ids[place]) for place in range(first, len(ids)))

    def read(logprobs: Sequence[Sequence[float]]) -> Outcome:
        if not _are_numbers(logprobs):
            return failed(_NO_NUMBER)
        loss = round(-sum(logprobs[0]), LOGPROB_DIGITS)
        return Outcome(status="ok", loss=loss, input_tokens=len(ids))

    return Work(rows=(Row(trunk=ids, targets=targets),), read=read)


def _decide(request: DecideRequest, model: LocalModel) -> Work | Outcome:
    asked: list[tuple[Ids, Slot] | None] = []
    problem: str | None = "no question was asked"
    for question in request.questions:
        prepared = _question(request.input, question, model)
        if isinstance(prepared, str):
            problem = prepared
        asked.append(None if isinstance(prepared, str) else prepared)
    prepared_ones = [each for each in asked if each is not None]
    if not prepared_ones:
        return failed(str(problem))
    rows = tuple(row_of_slots(ids, [slot]) for ids, slot in prepared_ones)

    def read(logprobs: Sequence[Sequence[float]]) -> Outcome:
        if not _are_numbers(logprobs):
            return failed(_NO_NUMBER)
        answers = iter(
            read_slots(row, [slot], values)[0]
            for row, (_, slot), values in zip(rows, prepared_ones, logprobs, strict=True)
        )
        return Outcome(
            status="ok",
            decisions=tuple(
                None if each is None else _probabilities(next(answers), question.options)
                for each, question in zip(asked, request.questions, strict=True)
            ),
            reason=problem if None in asked else None,
            input_tokens=sum(len(ids) for ids, _ in prepared_ones),
        )

    return Work(rows=rows, read=read)


def _question(about: str, question: Question, model: LocalModel) -> tuple[Ids, Slot] | str:
    """The tokens of a question and the slot of its answer, or why there are none."""
    if not question.options or not all(question.options):
        return f"the question {question.text!r} has no options, or an empty one"
    if len(set(question.options)) < len(question.options):
        return f"the question {question.text!r} has an option twice"
    try:
        prompt = question_prompt(about, question, model.encoder.tokenizer)
    except NoLayoutError as error:
        return str(error)
    (encoded,) = model.encoder.encode([prompt.text], with_prefix=not prompt.has_specials)
    written = [prompt.lead + option for option in question.options]
    slot = model.encoder.slot(prompt.text, encoded, len(prompt.text), written)
    if slot is None:
        return f"the tokenizer of {model.name} joins the question with its answer"
    problem = too_long(max(len(encoded.ids), slot.cut + _longest(slot) - 1), model)
    return problem or (encoded.ids, slot)


def _direct(request: DirectRequest, model: LocalModel) -> Work | Outcome:
    form = model.direct
    if form is None:
        return failed(f"{model.name} is no direct simulator: its folder carries no marker")
    if not request.token_ids:
        return failed("there are no tokens to simulate")
    if not all(0 <= token < model.vocabulary_size for token in request.token_ids):
        return failed(
            f"{model.name} knows tokens 0 to {model.vocabulary_size - 1}; the subject's "
            f"{max(request.token_ids)} is none of them"
        )
    (encoded,) = model.encoder.encode([form.prompt(request.explanation)])
    ids = encoded.ids + request.token_ids
    problem = too_long(len(ids), model)
    if problem is not None:
        return failed(problem)
    places = range(len(encoded.ids), len(ids))
    targets = tuple(Target(after=place, token=level) for place in places for level in form.levels)

    def read(logprobs: Sequence[Sequence[float]]) -> Outcome:
        if not _are_numbers(logprobs):
            return failed(_NO_NUMBER)
        n_levels = len(form.levels)
        slots = [
            _among_themselves(logprobs[0][start : start + n_levels])
            for start in range(0, len(targets), n_levels)
        ]
        return Outcome(status="ok", slots=tuple(slots), input_tokens=len(ids))

    return Work(rows=(Row(trunk=ids, targets=targets),), read=read)


def _longest(slot: Slot) -> int:
    return max(map(len, slot.answers.values()))


def _are_numbers(logprobs: Sequence[Sequence[float]]) -> bool:
    return not any(math.isnan(value) for values in logprobs for value in values)


def _likeliest(answers: Mapping[str, float], most: int) -> dict[str, float]:
    return rounded(dict(heapq.nlargest(most, answers.items(), key=lambda answer: answer[1])))


def _probabilities(answers: Mapping[str, float], options: Sequence[str]) -> dict[str, float]:
    logprobs = list(answers.values())
    normaliser = _log_sum(logprobs)
    return {
        option: round(math.exp(logprob - normaliser), PROBABILITY_DIGITS)
        for option, logprob in zip(options, logprobs, strict=True)
    }


def _among_themselves(logprobs: Sequence[float]) -> dict[str, float]:
    normaliser = _log_sum(logprobs)
    return rounded(
        {level: logprob - normaliser for level, logprob in zip(_LEVELS, logprobs, strict=True)}
    )


def _log_sum(logprobs: Sequence[float]) -> float:
    largest = max(logprobs)
    return largest + math.log(sum(math.exp(logprob - largest) for logprob in logprobs))
