"""What all explainers share: one chat that is built, sent, and read into an explanation.

An explainer says what it shows of a unit (`Evidence`); the rest is the same for all and stands
here: instructions, a few solved units, the unit itself, the question in the wording of its form, a
request, and the outcome. The second candidate and later ones are asked for at temperature 1, since
at an endpoint's own temperature the answers might be equal. A unit of which there is nothing to
show is skipped without a request; its explanation names `none` as the LLM.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import ClassVar, NamedTuple

from neuroscribe.errors import InputError, RecordError
from neuroscribe.explainer.forms import WORDINGS, Wording, parse
from neuroscribe.llm.protocol import ChatRequest, Dialogue, Message, Reply
from neuroscribe.records import FORMS, NO_LLM, Exemplar, Explanation, Form, UnitId, UnitRecord

CANDIDATE_TEMPERATURE = 1.0
"""Of all candidates but the first, which leaves it to the endpoint."""


class Evidence(NamedTuple):
    """What an explainer shows of a unit."""

    shown: str
    """The last turn of the chat without its question; ends with a newline."""
    inputs: tuple[str, ...]
    """What was looked at, such as `exemplars`."""
    silence: str | None = None
    """Why that is nothing, in a sentence; None where the LLM can be asked."""


class Example(NamedTuple):
    """A solved unit as a prompt shows it."""

    shown: str
    """As `Evidence.shown`."""
    answers: Mapping[Form, str]


@dataclass(frozen=True, kw_only=True)
class Asking(ABC):
    """The settings that every explainer has, and the one dialogue that serves them all."""

    form: Form = "phrase"
    """What kind of text is asked for."""
    max_tokens: int = 200
    """Most tokens of the answer."""
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), compare=False)
    """Dates the explanations for which no LLM is asked."""

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    shows_exemplars: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise InputError(f"no form is called {self.form!r}; there are: {', '.join(FORMS)}")
        for setting in fields(self):
            value = getattr(self, setting.name)
            if isinstance(value, int) and value < 1:
                raise InputError(f"{setting.name} is {value}; it must be at least 1")

    @abstractmethod
    def evidence(self, record: UnitRecord, shown: Sequence[Exemplar] | None = None) -> Evidence:
        """What is shown of a unit; of one that cannot be explained too, as far as it goes."""

    @abstractmethod
    def instructions(self, wording: Wording) -> str:
        """The first turn of the chat."""

    @abstractmethod
    def examples(self) -> Iterable[Example]:
        """Solved units."""

    def __call__(
        self, record: UnitRecord, shown: Sequence[Exemplar] | None = None, *, sample: int = 0
    ) -> Dialogue[Explanation]:
        """Ask one LLM once what the unit does; see `contract.Explainer`."""
        evidence = self.evidence(record, shown)
        origin = Origin(
            unit=record.unit,
            explainer=self.name,
            form=self.form,
            inputs=evidence.inputs,
            exemplars="top" if self.shows_exemplars else "none",
            messages=self._chat(evidence),
            candidate=sample,
        )
        if evidence.silence is not None:
            return origin.skipped(evidence.silence, self.clock())
        (reply,) = yield [origin.request(self.max_tokens)]
        return origin.explanation(reply)

    def prompt(
        self, record: UnitRecord, shown: Sequence[Exemplar] | None = None
    ) -> tuple[Message, ...]:
        """The chat that is sent: instructions, the solved units, and the unit itself."""
        return self._chat(self.evidence(record, shown))

    def _chat(self, evidence: Evidence) -> tuple[Message, ...]:
        wording = WORDINGS[self.form]
        turns = [Message(role="system", content=self.instructions(wording))]
        for shown, answers in self.examples():
            turns.append(Message(role="user", content=f"{shown}\n{wording.question}"))
            turns.append(Message(role="assistant", content=answers[self.form]))
        question = Message(role="user", content=f"{evidence.shown}\n{wording.question}")
        return (*turns, question)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """How an explanation comes about: everything of it but the answer."""

    unit: UnitId
    explainer: str
    form: Form
    inputs: tuple[str, ...]
    exemplars: str
    messages: tuple[Message, ...]
    candidate: int
    parent_id: str | None = None

    def request(self, max_tokens: int) -> ChatRequest:
        """What is sent."""
        first = self.candidate == 0
        return ChatRequest(
            messages=self.messages,
            max_tokens=max_tokens,
            temperature=None if first else CANDIDATE_TEMPERATURE,
            sample=self.candidate,
        )

    def skipped(self, reason: str, created_at: datetime) -> Explanation:
        """The explanation for which nobody was asked."""
        none = Reply(status="skipped", llm=NO_LLM, created_at=created_at)
        return self._explanation(none, None, reason)

    def explanation(self, reply: Reply) -> Explanation:
        """The explanation in a reply, or the reason why it holds none."""
        text = parse(reply.text, self.form) if reply.status == "ok" else None
        return self._explanation(reply, text, None if text is not None else self._why_not(reply))

    def _explanation(self, reply: Reply, text: str | None, reason: str | None) -> Explanation:
        return Explanation(
            unit=self.unit,
            text=text,
            status="unparsed" if reply.status == "ok" and text is None else reply.status,
            explainer=self.explainer,
            llm=reply.llm,
            prompt_sha256=_sha256(self.messages),
            created_at=reply.created_at,
            exemplars=self.exemplars,
            form=self.form,
            inputs=self.inputs,
            reason=reason,
            candidate=self.candidate,
            parent_id=self.parent_id,
            input_tokens=reply.input_tokens,
            output_tokens=reply.output_tokens,
            cost_usd=reply.cost_usd,
        )

    def _why_not(self, reply: Reply) -> str:
        reason = reply.reason or f"the reply is {reply.status!r}"
        if reply.status == "ok":
            longest = WORDINGS[self.form].longest
            reason = f"no {self.form} of 1 to {longest} characters in the first line"
        answer = f"the answer was: {reply.text}" if reply.text else "no answer text"
        return f"{reason}; {answer}"


def shown_exemplars(
    record: UnitRecord, shown: Sequence[Exemplar] | None, most: int
) -> tuple[Exemplar, ...]:
    """What an explainer shows: what was chosen, or the strongest `train` exemplars.

    Raises:
        RecordError: one is of another split, on which the explanation is to be scored.
    """
    if shown is None:
        return record.select("train", "top")[:most]
    for exemplar in shown:
        if exemplar.sequence.split != "train":
            raise RecordError(
                f"sequence {exemplar.sequence.sequence_id} is of the split "
                f"{exemplar.sequence.split!r}; explanations of {record.unit} are made from train "
                "alone"
            )
    return tuple(shown)


def silence(record: UnitRecord, exemplars: Sequence[Exemplar]) -> str | None:
    """Why a unit cannot be explained from exemplars, in a sentence; None where it can."""
    if record.max_activation <= 0 and record.select("train"):
        return (
            f"{record.unit} never fires on the train split: its largest activation there is "
            f"{record.max_activation:g}"
        )
    if not exemplars:
        return f"{record.unit} has no exemplars of the train split to show"
    return None


def _sha256(messages: Sequence[Message]) -> str:
    canonical = json.dumps([[message.role, message.content] for message in messages])
    return hashlib.sha256(canonical.encode()).hexdigest()
