"""Explain a unit from tables of tokens and activations.

The LLM sees the unit's strongest `train` exemplars as `token<TAB>integer` lines on the 0..10 scale,
after three solved units, and continues the sentence "this unit fires on". Where fewer than a fifth
of the values are above 0 those pairs are repeated on their own: in long tables of zeros they are
easily overlooked. The tables cost more tokens than marked text would, but they show how strongly
every token fires and survive tokens that would break any mark-up. For the negative side of a unit
nothing changes: its record already holds the activations with their sign flipped.

Source: Bills et al., 2023 (form of the tables, the repetition below 20%, the fixed stem).
"""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

from neuroscribe.errors import InputError
from neuroscribe.explainer.few_shot import SOLVED_UNITS
from neuroscribe.llm.protocol import ChatRequest, Dialogue, Message, Reply
from neuroscribe.notation import activation_table, discretise
from neuroscribe.records import Explanation, UnitRecord

SPARSE_SHARE = 0.2
"""Below this share of values above 0 the prompt repeats them on their own."""

LONGEST_EXPLANATION = 600
"""Characters; a longer first line is an essay, not an explanation."""

_STEM = re.compile(
    r"\A(?:in one phrase\s*[:,]\s*)?(?:this|the) (?:unit|neuron) fires on\b[\s:]*", re.IGNORECASE
)
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "`": "`"}
_INSTRUCTIONS = """\
You find out what single units of a neural network respond to. For every token of a text a unit \
has a value. Below you see texts on which one unit is at its strongest, as tables with one token \
per line: the token, a tab, and the value, from 0 (silent) to 10 (as strong as it ever gets). \
Special characters inside a token are written with a backslash, and ⟨e2 82⟩ stands for the bytes \
of a part of a character.

Compare the tokens with high values, and what stands before them, and say in one short phrase what \
they have in common. Be as specific as the tables allow; quote tokens where they are the point. \
Give the phrase alone: no numbers, no remarks about the tables."""
_QUESTION = "In one phrase: this unit fires on"

Table = tuple[Sequence[str], Sequence[int]]


@dataclass(frozen=True, kw_only=True)
class TokenActivationPairs:
    """The token-activation explainer."""

    n_exemplars: int = 5
    """Top exemplars of the `train` split that the LLM is shown, the strongest first."""
    max_tokens: int = 200
    """Most tokens of the answer."""
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), compare=False)
    """Dates the explanations for which no LLM is asked."""

    name: ClassVar[str] = "token_activation_pairs"

    def __post_init__(self) -> None:
        for setting in ("n_exemplars", "max_tokens"):
            if getattr(self, setting) < 1:
                raise InputError(f"{setting} is {getattr(self, setting)}; it must be at least 1")

    def __call__(self, record: UnitRecord) -> Dialogue[Explanation]:
        """Ask one LLM once what the unit does.

        A unit that never fires on `train`, or was not recorded there, is skipped without a request;
        its explanation names `none` as the LLM.
        """
        messages = self.prompt(record)
        silence = self._silence(record)
        if silence is not None:
            return Explanation(
                unit=record.unit,
                text=None,
                status="skipped",
                explainer=self.name,
                llm="none",
                prompt_sha256=_sha256(messages),
                created_at=self.clock(),
                reason=silence,
            )
        (reply,) = yield [ChatRequest(messages=messages, max_tokens=self.max_tokens)]
        return self._explanation(record, messages, reply)

    def prompt(self, record: UnitRecord) -> tuple[Message, ...]:
        """The chat that is sent: instructions, the solved units, and the unit itself."""
        messages = [Message(role="system", content=_INSTRUCTIONS)]
        for unit in SOLVED_UNITS:
            messages.append(Message(role="user", content=_task([_columns(t) for t in unit.texts])))
            messages.append(Message(role="assistant", content=unit.explanation))
        tables = [
            (
                exemplar.sequence.tokens,
                discretise(exemplar.activations, record.max_activation),
            )
            for exemplar in record.select("train", "top")[: self.n_exemplars]
        ]
        return (*messages, Message(role="user", content=_task(tables)))

    def _silence(self, record: UnitRecord) -> str | None:
        if not record.select("train", "top"):
            return f"{record.unit} has no top exemplars in the train split"
        if record.max_activation <= 0:
            return (
                f"{record.unit} never fires on the train split: its largest activation there is "
                f"{record.max_activation:g}"
            )
        return None

    def _explanation(
        self, record: UnitRecord, messages: tuple[Message, ...], reply: Reply
    ) -> Explanation:
        text = parse(reply.text) if reply.status == "ok" else None
        return Explanation(
            unit=record.unit,
            text=text,
            status="unparsed" if reply.status == "ok" and text is None else reply.status,
            explainer=self.name,
            llm=reply.llm,
            prompt_sha256=_sha256(messages),
            created_at=reply.created_at,
            reason=None if text is not None else _why_not(reply),
            input_tokens=reply.input_tokens,
            output_tokens=reply.output_tokens,
            cost_usd=reply.cost_usd,
        )


def parse(answer: str) -> str | None:
    """The explanation in an LLM's answer; None where there is none or it is absurdly long.

    The first line with text counts; the stem and quotes around the whole are taken off.

    >>> parse('This unit fires on "names of colours"')
    'names of colours'
    >>> parse('"raw", "rawdata"')
    '"raw", "rawdata"'
    """
    line = next(filter(None, map(str.strip, answer.splitlines())), "")
    text = _unquote(_STEM.sub("", _unquote(line)))
    return text if text and len(text) <= LONGEST_EXPLANATION else None


def non_zero_share(tables: Sequence[Sequence[int]]) -> float:
    """Share of the discretised values of all tables that are above 0; 0 where there are none.

    >>> non_zero_share([[10, 0, 0], [0, 10, 0]])
    0.3333333333333333
    """
    levels = [level for table in tables for level in table]
    return sum(level > 0 for level in levels) / max(1, len(levels))


def _why_not(reply: Reply) -> str:
    reason = reply.reason or f"the reply is {reply.status!r}"
    if reply.status == "ok":
        reason = f"no explanation of 1 to {LONGEST_EXPLANATION} characters in the first line"
    return f"{reason}; the answer was: {reply.text}" if reply.text else f"{reason}; no answer text"


def _unquote(text: str) -> str:
    """Take off one pair of quotes that encloses the whole text and occurs nowhere inside it."""
    closing = _QUOTES.get(text[:1])
    inside = text[1:-1]
    if closing and len(text) > 1 and text.endswith(closing) and closing not in inside:
        return inside.strip()
    return text


def _columns(text: Sequence[tuple[str, int]]) -> Table:
    return [token for token, _ in text], [level for _, level in text]


def _task(tables: Sequence[Table]) -> str:
    parts = ["".join(activation_table(tokens, levels) for tokens, levels in tables)]
    if non_zero_share([levels for _, levels in tables]) < SPARSE_SHARE:
        firing = [_columns([p for p in zip(*t, strict=True) if p[1] > 0]) for t in tables]
        shown = "".join(activation_table(tokens, levels) for tokens, levels in firing if tokens)
        parts.append(f"The tokens with a value above 0, once more:\n{shown}")
    return "\n".join([*parts, _QUESTION])


def _sha256(messages: Sequence[Message]) -> str:
    canonical = json.dumps([[message.role, message.content] for message in messages])
    return hashlib.sha256(canonical.encode()).hexdigest()


PLUGIN = TokenActivationPairs
