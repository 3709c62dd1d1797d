"""Score an explanation by whether an LLM finds by it the one text that does not belong.

Each request shows four texts that fire the unit and one on which it is silent. The classic test
shows no explanation and so measures the unit: how much its texts have in common for a reader. A
score of ours belongs to an explanation, so it is shown by default; `with_explanation=False` gives
the classic test, the same for every explanation of a unit. A forced choice asks for no threshold,
so a timid judge loses nothing; chance is 1 in 5.

Source: METHODS section 5, after the word intrusion test of Chang et al., 2009; the wording and the
example are our own.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from neuroscribe import texts
from neuroscribe.llm.answer_schema import object_with
from neuroscribe.llm.dialogue import together
from neuroscribe.llm.protocol import Capabilities, ChatRequest, Dialogue, Message, Reply
from neuroscribe.records import Exemplar, UnitRecord, content_hash
from neuroscribe.scoring.answers import Answer, Problem, ask, digit_probabilities, read_key
from neuroscribe.scoring.case import ScoringCase, ScoringResult
from neuroscribe.scoring.contrast import Contrasting, check_settings
from neuroscribe.scoring.held_out import seed_of, texts_of
from neuroscribe.scoring.judging import TOP_LOGPROBS, question
from neuroscribe.scoring.opinions import Item, Opinion, judgement, look_up
from neuroscribe.scoring.verdicts import Panel, scores_of
from neuroscribe.services import Negatives

INTRUDER = "intruder"
"""The key of the answer."""
N_BELONGING = 4
"""Texts of a group that fire the unit."""
CHANCE = 1 / (N_BELONGING + 1)

_OPTIONS = tuple(map(str, range(1, N_BELONGING + 2)))
_BEGINNING = """\
A unit of a neural network responds to something that occurs in texts. """
_GIVEN = """\
You are given an explanation of what that is, and five numbered texts, one a line. """
_NOT_GIVEN = """\
You are given five numbered texts, one a line. """
_END = f"""\
It occurs in four of them. Special characters are written with a backslash, and ⟨e2 82⟩ stands for \
the bytes of a part of a character.

Find the text in which it does not occur. Answer with a JSON object whose `{INTRUDER}` is the \
number of that text, and write nothing else."""

_EXAMPLE = (
    "She wore a green scarf.",
    "The walls were painted yellow last year.",
    "My uncle took the bus at noon.",
    "A purple light came on.",
    "They sold the blue boat in spring.",
)
_EXAMPLE_EXPLANATION = 'names of colours, such as "green"'
_EXAMPLE_ANSWER = json.dumps({INTRUDER: 3})


class _Group(NamedTuple):
    """The texts of one request, in the order in which they are shown."""

    items: list[Item]
    intruder: int
    """Its place, from 0."""


class _Pick(NamedTuple):
    """What the judge takes for the intruder."""

    place: int
    probabilities: Mapping[str, float] | None
    """Of each number that could have been answered."""


@dataclass(frozen=True, kw_only=True)
class Intruder:
    """The intruder scorer."""

    negatives: Negatives
    """Where intruders come from."""
    capabilities: Capabilities
    """Of the judge: schema and log-probabilities are used where it has them."""
    n_groups: int = 10
    """Most requests, each with an intruder of its own."""
    n_firing: int = 20
    """Most texts that fire the unit, from which groups are drawn."""
    with_explanation: bool = True
    """Whether the judge sees the explanation."""

    name: ClassVar[str] = "intruder"
    needs: ClassVar[tuple[str, ...]] = ("negatives", "capabilities")
    judge: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        check_settings(self)

    @property
    def report_sets(self) -> tuple[str, ...]:
        """Top texts and the negatives."""
        return self._contrasting.report_sets

    def __call__(self, case: ScoringCase) -> Dialogue[ScoringResult]:
        """Judge and score one explanation.

        Raises:
            RecordError: the explanation has no text, or a sequence is not of `test` alone.
        """
        explanations: list[str | None] = [*texts_of(case)] if self.with_explanation else [None]
        groups, reason = self._groups(case.record, seed=seed_of(case))
        answers = yield from together(
            [
                ask(self._request(explanation, [item.shown for item in group.items]), _read)
                for explanation in explanations
                for group in groups
            ]
        )
        own, random = answers[: len(groups)], answers[len(groups) :]
        panel = Panel(
            truth=(True,) * len(groups),
            sequences=tuple(
                group.items[group.intruder].exemplar.sequence.sequence_id for group in groups
            ),
            own=_found(groups, own),
            random=_found(groups, random) if len(explanations) > 1 else None,
            look_up=[_looked_up(case.record, group) for group in groups],
        )
        scores = scores_of(
            case,
            panel,
            scorer=self.name,
            report_set=self.report_sets[0],
            metrics=("accuracy",),
            chance=CHANCE,
            reason=reason,
        )
        return ScoringResult(
            # What is the same of every text picks none.
            scores=tuple(replace(score, baseline_mean=CHANCE) for score in scores),
            judgements=tuple(
                judgement(
                    case,
                    item,
                    _opinion(answer, place),
                    scorer=self.name,
                    report_set=self.report_sets[0],
                    place=turn * len(group.items) + place,
                )
                for turn, (group, answer) in enumerate(zip(groups, own, strict=True))
                for place, item in enumerate(group.items)
            ),
            n_failed=sum(answer.status == "failed" for answer in answers),
        )

    def prompt(self, explanation: str | None, shown: Sequence[str]) -> tuple[Message, ...]:
        """The chat that is sent: instructions, one solved example, and the texts."""
        given = explanation is not None
        example = question(_EXAMPLE_EXPLANATION if given else None, _EXAMPLE)
        instructions = _BEGINNING + (_GIVEN if given else _NOT_GIVEN) + _END
        return (
            Message(role="system", content=instructions),
            Message(role="user", content=example),
            Message(role="assistant", content=_EXAMPLE_ANSWER),
            Message(role="user", content=question(explanation, shown)),
        )

    @property
    def _contrasting(self) -> Contrasting:
        return Contrasting(
            negatives=self.negatives,
            n_firing=self.n_firing,
            n_silent=self.n_groups,
            balanced=False,
        )

    def _groups(self, record: UnitRecord, *, seed: int) -> tuple[list[_Group], str | None]:
        """The texts of each request; or none, and why."""
        firing, silent, reason = self._contrasting.contrast(record)
        if reason is None and len(firing) < N_BELONGING:
            reason = f"{len(firing)} firing texts in the test split; {N_BELONGING} are needed"
        if reason is not None:
            return [], reason
        kind = self._contrasting.kind_of_negatives
        return [
            _group(
                firing, intruder, kind, seed=int(content_hash("group", str(seed), str(turn)), 16)
            )
            for turn, intruder in enumerate(silent)
        ], None

    def _request(self, explanation: str | None, shown: Sequence[str]) -> ChatRequest:
        return ChatRequest(
            messages=self.prompt(explanation, shown),
            max_tokens=32,
            schema=_schema() if self.capabilities.json_schema else None,
            top_logprobs=TOP_LOGPROBS if self.capabilities.generated_logprobs else 0,
        )


def _group(firing: Sequence[Exemplar], intruder: Exemplar, kind: str, *, seed: int) -> _Group:
    generator = np.random.default_rng(seed)
    drawn = generator.choice(len(firing), size=N_BELONGING, replace=False).tolist()
    place = int(generator.integers(N_BELONGING + 1))
    items = [_item(firing[index], "top", truth=True) for index in drawn]
    items.insert(place, _item(intruder, kind, truth=False))
    return _Group(items, place)


def _item(exemplar: Exemplar, kind: str, *, truth: bool) -> Item:
    shown = texts.plain(exemplar.sequence.tokens)
    return Item(exemplar=exemplar, shown=shown, truth=truth, kind=kind)


def _schema() -> Mapping[str, Any]:
    return object_with(INTRUDER, {"type": "integer", "enum": list(map(int, _OPTIONS))})


def _read(reply: Reply) -> _Pick | Problem:
    number = read_key(reply.text, INTRUDER)
    if isinstance(number, Problem):
        return number
    if type(number) is not int or str(number) not in _OPTIONS:
        return Problem(f"`{INTRUDER}` is no number from 1 to {len(_OPTIONS)}: {reply.text}")
    (probabilities,) = digit_probabilities(reply.generated, INTRUDER, 1, _OPTIONS)
    return _Pick(number - 1, probabilities)


def _found(groups: Sequence[_Group], answers: Sequence[Answer[_Pick]]) -> list[Opinion]:
    """Whether each group's intruder was found."""
    return [
        Opinion(
            status=answer.status,
            llm=answer.llm,
            verdict=None if answer.value is None else answer.value.place == group.intruder,
            reason=answer.reason,
        )
        for group, answer in zip(groups, answers, strict=True)
    ]


def _opinion(answer: Answer[_Pick], place: int) -> Opinion:
    """What picking one text says of the text at a place: that it belongs unless it was picked."""
    if answer.value is None:
        return Opinion(status=answer.status, llm=answer.llm, reason=answer.reason)
    picked, probabilities = answer.value
    return Opinion(
        status="ok",
        llm=answer.llm,
        verdict=place != picked,
        probability=None if probabilities is None else 1 - probabilities[_OPTIONS[place]],
    )


def _looked_up(record: UnitRecord, group: _Group) -> Opinion:
    """The token look-up table picks the text with the lowest peak; of equals the first shown."""
    opinions = look_up(record, group.items)
    levels = [opinion.probability or 0.0 for opinion in opinions]
    picked = min(range(len(levels)), key=levels.__getitem__)
    return replace(opinions[0], verdict=picked == group.intruder, probability=None)


PLUGIN = Intruder
