"""Judges for tests: an oracle that knows `planted.RULES`, and a coin.

They read the requests as an LLM would (the last `Explanation: ` line, the numbered texts, the
marks) and answer in the form that is asked for, with log-probabilities where they are wanted.
"""

import json
import math
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from neuroscribe.llm.protocol import (
    Capabilities,
    ChatRequest,
    ContinuationRequest,
    Dialogue,
    GeneratedToken,
    Reply,
    Request,
)
from neuroscribe.records import Explanation, UnitRecord
from neuroscribe.scoring import ScoringCase
from neuroscribe.texts import CLOSE, OPEN, read_numbered
from tests.planted import RULES, claims, tokenise, written_for

Judge = Callable[[Request], Reply]

NOON = datetime(2026, 1, 1, tzinfo=UTC)
CAPABLE = Capabilities(prompt_logprobs=True, generated_logprobs=True, json_schema=True)
PLAIN = Capabilities(prompt_logprobs=False, generated_logprobs=False, json_schema=False)


def oracle(request: Request) -> Reply:
    """Says what is true of the explanation that it is given."""
    if isinstance(request, ContinuationRequest):
        return ok(loss=_loss(request))
    match key_of(request):
        case "fits":
            return answer(request, {"fits": [int(fits(said(request), t)) for t in shown(request)]})
        case "intruder":
            belongs = [fits(said(request), text) for text in shown(request)]
            return answer(
                request, {"intruder": belongs.index(False) + 1 if not all(belongs) else 1}
            )
        case "texts":
            return answer(request, {"texts": written_for(said(request), count_of(request))})


def coin(seed: int) -> Judge:
    """Says anything, whatever it is asked."""
    source = random.Random(seed)

    def toss(request: Request) -> Reply:
        if isinstance(request, ContinuationRequest):
            return ok(loss=source.random())
        match key_of(request):
            case "fits":
                return answer(request, {"fits": [source.randint(0, 1) for _ in shown(request)]})
            case "intruder":
                return answer(request, {"intruder": source.randint(1, len(shown(request)))})

    return toss


def finish(dialogue: Dialogue, judge: Judge):
    """The result of a dialogue, and the rounds that it took."""
    rounds: list[list[Request]] = []
    replies = None
    while True:
        try:
            requests = dialogue.send(replies)
        except StopIteration as stop:
            return stop.value, rounds
        rounds.append(list(requests))
        replies = [judge(request) for request in requests]


def case_of(
    record: UnitRecord, text: str, *, random_explanation: str | None = None, seed: int = 0
) -> ScoringCase:
    explanation = Explanation(
        unit=record.unit, text=text, status="ok", explainer="e", llm="l", prompt_sha256="0",
        created_at=NOON,
    )  # fmt: skip
    return ScoringCase(
        explanation=explanation,
        record=record,
        random_explanation=random_explanation,
        seed=seed,
    )


def value_of(result, metric: str) -> float:
    """The value of one metric, which must be there."""
    (score,) = [score for score in result.scores if score.metric == metric]
    if score.value is None:
        pytest.fail(f"no {metric}: {score.reason}")
    return score.value


def ok(**said) -> Reply:
    return Reply(status="ok", llm="judge", created_at=NOON, **said)


def answer(request: ChatRequest, value: dict[str, object]) -> Reply:
    """A reply in JSON, digits as tokens of their own; what is written has nine tenths."""
    text = json.dumps(value, ensure_ascii=False)
    if not request.top_logprobs:
        return ok(text=text)
    return ok(
        text=text,
        generated=tuple(
            GeneratedToken(text=piece, top=_top(piece)) for piece in re.findall(r"\d|\D+", text)
        ),
    )


def key_of(request: ChatRequest) -> str:
    return re.findall(r"`(fits|intruder|texts)`", request.messages[0].content)[-1]


def said(request: ChatRequest) -> str:
    return re.findall(r"^Explanation: (.*)$", request.messages[-1].content, re.MULTILINE)[-1]


def shown(request: ChatRequest) -> list[str]:
    return read_numbered(request.messages[-1].content)


def count_of(request: ChatRequest) -> int:
    asked = request.messages[-1].content
    return int(re.findall(r"^Number of texts: (\d+)$", asked, re.MULTILINE)[-1])


def fits(explanation: str, text: str) -> bool:
    """Whether a text holds what an explanation claims; of a marked one, whether its marks do."""
    bare = text.replace(OPEN, "").replace(CLOSE, "")
    claimed = claims(explanation, tokenise(bare))
    if bare == text:
        return any(claimed)
    return all(claimed[place] for place in marks(text))


def marks(text: str) -> list[int]:
    """Positions of the marked tokens of a text."""
    inside, within = False, []
    for character in text:
        if character in (OPEN, CLOSE):
            inside = character == OPEN
        else:
            within.append(inside)
    found, start = [], 0
    for place, token in enumerate(tokenise(text.replace(OPEN, "").replace(CLOSE, ""))):
        end = start + len(token)
        if within[end - 1]:
            found.append(place)
        start = end
    return found


def _loss(request: ContinuationRequest) -> float:
    loss = 2.0 * len(request.continuation)
    found = re.search(r"^Explanation: (.*)$", request.context, re.MULTILINE)
    if found and found[1] in RULES and fits(found[1], request.continuation):
        loss -= 5.0
    return loss


def _top(piece: str) -> dict[str, float]:
    if not piece.isdigit():
        return {piece: 0.0}
    others = [digit for digit in "012345" if digit != piece]
    return {piece: math.log(0.9), **{digit: math.log(0.1 / len(others)) for digit in others}}
