"""Score an explanation by whether texts that an LLM writes for it fire the unit.

The other way round from all judges: nobody guesses what the unit does, the subject is run and shows
it. That tests whether what the explanation says suffices; an explanation that is too narrow gets
full marks, so read it beside `detection`. What to beat is the share of random texts that fire.

Source: METHODS section 5; the wording is our own.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from neuroscribe.firing import fires, firing_positions
from neuroscribe.llm.answer_schema import array_of, object_with
from neuroscribe.llm.dialogue import together
from neuroscribe.llm.protocol import Capabilities, ChatRequest, Dialogue, Message, Reply
from neuroscribe.records import Judgement, UnitRecord
from neuroscribe.scoring.answers import Answer, Problem, ask, read_key
from neuroscribe.scoring.case import ScoringCase, ScoringResult
from neuroscribe.scoring.contrast import check_settings
from neuroscribe.scoring.held_out import check_apart, texts_of
from neuroscribe.scoring.opinions import Opinion
from neuroscribe.scoring.verdicts import Panel, scores_of
from neuroscribe.services import SubjectRunner
from neuroscribe.texts import explanation_line

TEXTS = "texts"
"""The key of the answer."""
_NUMBER = re.compile(r"^\s*(?:\d+[.)]|[-*•])\s+")
_TOKENS_PER_TEXT = 80
_INSTRUCTIONS = f"""\
A unit of a neural network responds to something that occurs in texts. You are given an \
explanation of what that is. Write texts in which it occurs: one or two sentences or lines each, \
as they might stand in a book, on a web page or in a program, no two alike, and do not mention the \
unit or the explanation. Answer with a JSON object whose `{TEXTS}` is a list of that many strings, \
and write nothing else."""


@dataclass(frozen=True, kw_only=True)
class Generation:
    """The generation scorer."""

    subject: SubjectRunner
    """The model under study."""
    capabilities: Capabilities
    """Of the writer: a schema is used where it follows one."""
    n_texts: int = 10
    """Texts to be written for an explanation."""

    name: ClassVar[str] = "generation"
    needs: ClassVar[tuple[str, ...]] = ("subject", "capabilities")
    report_sets: ClassVar[tuple[str, ...]] = ("generated",)
    judge: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        check_settings(self)

    def __call__(self, case: ScoringCase) -> Dialogue[ScoringResult]:
        """Have texts written, run the subject on them, and score one explanation.

        Raises:
            RecordError: the explanation has no text, or a random sequence is not of `test` alone.
        """
        explanations = texts_of(case)
        reason = None
        if case.record.max_activation <= 0:
            explanations, reason = [], "the unit never fires on the train split"
        answers = yield from together(
            [ask(self._request(explanation), self._read) for explanation in explanations]
        )
        written = [answer.value or [] for answer in answers]
        opinions = [
            self._run(case.record, answer, texts)
            for answer, texts in zip(answers, written, strict=True)
        ]
        own = opinions[0] if opinions else []
        scores = scores_of(
            case,
            Panel(
                truth=(True,) * len(own),
                sequences=tuple(range(len(own))),
                own=own,
                random=opinions[1] if len(opinions) > 1 else None,
            ),
            scorer=self.name,
            report_set=self.report_sets[0],
            metrics=("firing_rate",),
            chance=_firing_share(case.record),
            reason=reason,
        )
        return ScoringResult(
            scores=scores,
            judgements=tuple(
                self._judgement(case, opinion, place, written[0][place : place + 1])
                for place, opinion in enumerate(own)
            ),
            n_failed=sum(answer.status == "failed" for answer in answers),
        )

    def prompt(self, explanation: str) -> tuple[Message, ...]:
        """The chat that is sent."""
        asked = f"{explanation_line(explanation)}\nNumber of texts: {self.n_texts}\n"
        return (
            Message(role="system", content=_INSTRUCTIONS),
            Message(role="user", content=asked),
        )

    def _request(self, explanation: str) -> ChatRequest:
        array = array_of({"type": "string"}, self.n_texts)
        return ChatRequest(
            messages=self.prompt(explanation),
            max_tokens=_TOKENS_PER_TEXT * self.n_texts + 32,
            schema=object_with(TEXTS, array) if self.capabilities.json_schema else None,
        )

    def _read(self, reply: Reply) -> list[str] | Problem:
        """The texts, or the lines of an answer that is no JSON; more than were asked for are cut.

        Fewer are a problem: they are asked for once more.
        """
        found = read_key(reply.text, TEXTS)
        if isinstance(found, Problem):
            if f'"{TEXTS}"' in reply.text:
                # An object that was cut off is no list of lines.
                return found
            found = [_NUMBER.sub("", line) for line in reply.text.splitlines()]
        if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
            return Problem(f"`{TEXTS}` is no list of texts: {reply.text}")
        texts = [text.strip() for text in found if text.strip()][: self.n_texts]
        if len(texts) < self.n_texts:
            return Problem(f"{len(texts)} of {self.n_texts} texts: {reply.text}")
        return texts

    def _run(
        self, record: UnitRecord, answer: Answer[list[str]], texts: Sequence[str]
    ) -> list[Opinion]:
        """Whether each text fires the unit."""
        if not texts:
            missing = Opinion(status=answer.status, llm=answer.llm, reason=answer.reason)
            return [missing] * self.n_texts
        return [
            Opinion(
                status="ok",
                llm=answer.llm,
                verdict=bool(firing_positions(ran.activations, record.max_activation)),
            )
            for ran in self.subject.activations(record.unit, texts)
        ]

    def _judgement(
        self, case: ScoringCase, opinion: Opinion, place: int, text: Sequence[str]
    ) -> Judgement:
        """The row of one text: whoever wrote it claims that it fits, the subject says the truth."""
        return Judgement(
            explanation_id=case.explanation.explanation_id,
            scorer=self.name,
            report_set=self.report_sets[0],
            item=place,
            kind="generated",
            truth=opinion.verdict,
            llm=opinion.llm,
            status=opinion.status,
            text=text[0] if text else None,
            verdict=True if opinion.status == "ok" else None,
            reason=opinion.reason,
        )


def _firing_share(record: UnitRecord) -> float | None:
    """Share of the random `test` sequences that fire a unit."""
    random = record.select("test", "random")
    check_apart(record, {"test": random})
    return sum(fires(record, each) for each in random) / len(random) if random else None


PLUGIN = Generation
