"""Finding out what an endpoint can do, by asking it once.

No table of hosts and models stays right for long, and several answer 200 while ignoring what was
asked, so each ability is tried with a small request and its answer is checked. "No such thing"
(400, 404, 501) is an answer here. What was found is journalled under the endpoint's name, so that
a second run sends nothing; after a passing trouble (429, 5xx, a time-out) the ability counts as
lacking for this run only.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from neuroscribe.llm.answer_schema import object_with
from neuroscribe.llm.outcome import Outcome
from neuroscribe.llm.protocol import (
    Capabilities,
    ChatRequest,
    DecideRequest,
    Message,
    PromptLogprobsRequest,
    Question,
    Reply,
    TopLogprobs,
)
from neuroscribe.notation import MAX_LEVEL, UNKNOWN, activation_table, slots_of

ENTRY: dict[str, Any] = {"kind": "capabilities", "version": 2}
"""What the journal's key is made of, beside the endpoint."""
CONCLUSIVE = frozenset({400, 404, 405, 422, 501})
"""HTTP statuses that say that an endpoint cannot do something."""

_NUMBERS = frozenset(map(str, range(MAX_LEVEL + 1)))
_TOKENS = ("The", " cat", " sat")
_KNOWN = activation_table(("A", " cat"), (0, 10))
_ASKED = activation_table(_TOKENS, [UNKNOWN] * len(_TOKENS))
_EXPLANATION = 'Explanation: the word "cat"\n'
_TASK = (
    f"Each line holds a token, a tab and how active a unit is there, from 0 to {MAX_LEVEL}. Write "
    f"the last table with a number in place of every {UNKNOWN}, and nothing else.\n\n"
)
_PROMPT = f"{_EXPLANATION}{_KNOWN}\n{_EXPLANATION}{_ASKED}"
_TEN = _PROMPT.index("\t10\n") + 1
_SCHEMA = object_with(
    "activations",
    {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": MAX_LEVEL}},
)

PROMPT_PROBE = PromptLogprobsRequest(
    prompt=_PROMPT,
    # The second character of "10" begins a token only where the tokenizer cuts it in two.
    slots=(_TEN + 1, *slots_of(_PROMPT, _ASKED)),
)
GENERATED_PROBE = ChatRequest(
    messages=(Message(role="user", content=_TASK + _PROMPT),), max_tokens=48, top_logprobs=20
)
SCHEMA_PROBE = ChatRequest(
    messages=(Message(role="user", content=_TASK + _PROMPT),), max_tokens=96, schema=_SCHEMA
)
DECISION_PROBE = DecideRequest(
    input=f"{_EXPLANATION}{activation_table(('1', '2', '3'), _TOKENS)}",
    questions=tuple(
        Question(
            text=f"How active is the unit at token {number}, from 0 to {MAX_LEVEL}?",
            options=tuple(map(str, range(MAX_LEVEL + 1))),
        )
        for number in (1, 2, 3)
    ),
)

PROBES: tuple[PromptLogprobsRequest, ChatRequest, ChatRequest, DecideRequest] = (
    PROMPT_PROBE,
    GENERATED_PROBE,
    SCHEMA_PROBE,
    DECISION_PROBE,
)


def judge(replies: Sequence[Reply]) -> Capabilities:
    """What the replies to `PROBES` show."""
    prompt, generated, schema, decision = replies
    ten, *placeholders = prompt.slots or (None, None)
    return Capabilities(
        prompt_logprobs=all(map(_holds_numbers, placeholders)),
        splits_ten=ten is not None,
        generated_logprobs=any(_holds_numbers(token.top) for token in generated.generated or ()),
        json_schema=schema.status == "ok" and _follows_schema(schema.text),
        decisions=None not in (decision.decisions or (None,)),
    )


def is_conclusive(outcome: Outcome) -> bool:
    """Whether the same probe would show the same tomorrow."""
    # What was counted was answered: the endpoint left out what was asked for, and will again.
    answered = outcome.status != "failed" or outcome.input_tokens > 0
    return answered or outcome.http_status in CONCLUSIVE


def to_entry(capabilities: Capabilities) -> dict[str, Any]:
    """As the journal stores it."""
    return asdict(capabilities)


def from_entry(entry: Mapping[str, Any]) -> Capabilities:
    """As the journal stored it."""
    return Capabilities(**entry)


def _holds_numbers(top: TopLogprobs | None) -> bool:
    return top is not None and any(word.strip() in _NUMBERS for word in top)


def _follows_schema(text: str) -> bool:
    answer = json.loads(text)
    values = answer.get("activations") if isinstance(answer, dict) else None
    return isinstance(values, list) and all(type(value) is int for value in values)
