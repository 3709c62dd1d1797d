"""The explaining stage: units to explanations.

`test` is never read here. What is read beside `train` depends on the method: a teacher needs
`calibration`, and choosing among candidates needs `valid`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from neuroscribe import progress
from neuroscribe.datasets.rows import explanations_table, lessons_table
from neuroscribe.errors import InputError
from neuroscribe.explainer.candidates import best_of
from neuroscribe.explainer.revision import revise
from neuroscribe.llm.protocol import Dialogue
from neuroscribe.llm.session import Estimate, Session
from neuroscribe.records import NO_LLM, Explanation, Form, Lesson, Split, UnitId, UnitRecord
from neuroscribe.selection import Chosen, Selection
from neuroscribe.study.outcome import Outcome
from neuroscribe.study.reading import Reader
from neuroscribe.study.services import Services
from neuroscribe.study.writing import Buffer, write_by_site

if TYPE_CHECKING:
    from neuroscribe.explainer.contract import Explainer

REPEATED = ("failed",)
"""Statuses of items that the next run tries again."""

NO_EXEMPLARS = "none"
"""Named as the selection by explainers that show no exemplars."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """How units are explained."""

    explainer: str = "token_activation_pairs"
    """Registered name."""
    exemplars: str = "top"
    """Registered name of the selection."""
    form: Form = "phrase"
    candidates: int = 1
    """Explanations asked for; the one that does best on `valid` is selected."""
    revisions: int = 0
    """Rounds in which the subject is run on sentences that the LLM writes, and the explanation is
    mended by what it does there."""

    def __post_init__(self) -> None:
        if self.candidates < 1 or self.revisions < 0:
            raise InputError(
                f"candidates must be at least 1 and revisions at least 0, not {self.candidates} "
                f"and {self.revisions}"
            )


class Explained(NamedTuple):
    """What came of one unit."""

    explanations: list[Explanation]
    """All candidates and revisions."""
    lesson: Lesson | None
    """What was learnt in teaching with its exemplars, where that was the selection."""


class _Workshop:
    """A method with all that it needs."""

    def __init__(self, method: Method, services: Services) -> None:
        self._method = method
        self._services = services
        self._explainer: Explainer = services.build("explainer", method.explainer, form=method.form)
        self._select: Selection | None = None
        self.exemplars = NO_EXEMPLARS
        if self._explainer.shows_exemplars:
            self._select = services.build("selection", method.exemplars)
            self.exemplars = method.exemplars
        self.rates = method.candidates > 1 or method.revisions > 0
        if self.rates:
            # Opened here because a running event loop cannot wait for a probe of the endpoint.
            _ = services.rate
        if method.revisions:
            _ = services.subject, services.capabilities

    def splits(self) -> list[Split]:
        """What of a unit is read."""
        splits: tuple[Split, ...] = ("train",) if self._select is None else self._select.splits
        return [*splits, "valid"] if self.rates else list(splits)

    def is_open(self, known: Sequence[Explanation]) -> bool:
        """Whether something of a unit is missing or failed.

        A refusal or an answer that cannot be read is an answer.
        """
        if not known or any(each.status in REPEATED for each in known):
            return True
        if all(each.status == "skipped" for each in known):
            return False
        first = [each for each in known if each.parent_id is None]
        if len(first) < self._method.candidates:
            return True
        good = [each for each in known if each.status == "ok"]
        if self.rates and any(each.rated_by != self._services.rater for each in good):
            return True
        return bool(good) and _revised(known) < self._method.revisions

    def explain(self, record: UnitRecord) -> Dialogue[Explained]:
        """Explain one unit."""
        chosen = None if self._select is None else self._select(record)
        shown = None if chosen is None else chosen.exemplars
        explanations = yield from best_of(
            self._explainer,
            record,
            shown,
            n=self._method.candidates,
            rate=self._services.rate if self.rates else None,
        )
        # A revision names its parent by an id that the name of the selection is a part of.
        explanations = [replace(each, exemplars=self.exemplars) for each in explanations]
        if self._method.revisions:
            explanations = yield from revise(
                explanations,
                record,
                shown or (),
                rounds=self._method.revisions,
                rate=self._services.rate,
                subject=self._services.subject,
                capabilities=self._services.capabilities,
            )
        explanations = [replace(each, exemplars=self.exemplars) for each in explanations]
        if chosen is not None and not chosen.exemplars and chosen.reason is not None:
            explanations = [replace(each, reason=chosen.reason) for each in explanations]
        return Explained(explanations, _lesson(record, chosen))


def explain_study(
    reader: Reader, units: Sequence[UnitId], method: Method, services: Services, session: Session
) -> Outcome:
    """Explain the units that have no explanation by this method and LLM yet.

    Args:
        reader: the study.
        units: which ones.
        method: how.
        services: what explainers and selections need.
        session: the LLM.
    """
    workshop = _Workshop(method, services)
    before = _before(reader, method, workshop.exemplars, session.spec)
    todo = [unit for unit in units if workshop.is_open(before[unit])]
    counts: Counter[str] = Counter()
    failed: list[str] = []

    def write(results: list[Explained]) -> None:
        root = Path(reader.root)
        explanations = [each for result in results for each in result.explanations]
        write_by_site(root, "explanations", explanations, explanations_table)
        lessons = [result.lesson for result in results if result.lesson is not None]
        write_by_site(root, "lessons", lessons, lessons_table)

    with (
        Buffer(write) as buffer,
        progress.bar("explaining", total=len(todo), unit="units") as bar,
    ):

        def take(unit: UnitId, result: Explained) -> None:
            status = _status(result.explanations)
            counts[status] += 1
            if status == "failed":
                failed.append(str(unit))
            # A unit with nothing to explain says so once, not at every run.
            known = {_content(each) for each in before[unit]}
            new = [each for each in result.explanations if _content(each) not in known]
            if new:
                buffer.add(Explained(new, result.lesson))
            bar.advance(cost_usd=session.cost_usd)

        session.run(_jobs(reader, todo, workshop), take)
    return Outcome(
        stage="explain",
        counts=dict(counts),
        already_done=len(units) - len(todo),
        left=len(todo) - sum(counts.values()),
        session=session.summary(),
        failed=tuple(failed),
    )


def estimate_explaining(
    reader: Reader, units: Sequence[UnitId], method: Method, services: Services, session: Session
) -> Estimate:
    """What explaining would send first; nothing is sent."""
    workshop = _Workshop(method, services)
    before = _before(reader, method, workshop.exemplars, session.spec)
    todo = [unit for unit in units if workshop.is_open(before[unit])]
    return session.estimate(_jobs(reader, todo, workshop))


def _before(
    reader: Reader, method: Method, exemplars: str, llm: str
) -> Mapping[UnitId, list[Explanation]]:
    """The explanations that are there by this method and LLM."""
    found: dict[UnitId, list[Explanation]] = defaultdict(list)
    for explanation in reader.explanations():
        asked = (explanation.explainer, explanation.exemplars, explanation.form)
        if asked == (method.explainer, exemplars, method.form) and explanation.llm in (llm, NO_LLM):
            found[explanation.unit].append(explanation)
    return found


def _jobs(
    reader: Reader, units: Sequence[UnitId], workshop: _Workshop
) -> Iterator[tuple[UnitId, Dialogue[Explained]]]:
    for record in reader.unit_records(units, splits=workshop.splits()):
        yield record.unit, workshop.explain(record)


def _revised(known: Sequence[Explanation]) -> int:
    """Length of the longest chain of revisions; one that ended without a text counts as endless."""
    by_id = {each.explanation_id: each for each in known}
    longest = 0
    for each in known:
        length, parent = 0, each.parent_id
        while parent in by_id:
            length, parent = length + 1, by_id[parent].parent_id
        if length and each.text is None:
            return len(known) + 1_000_000
        longest = max(longest, length)
    return longest


def _status(explanations: Sequence[Explanation]) -> str:
    """`failed` where any failed, else that of the selected one."""
    if any(each.status == "failed" for each in explanations):
        return "failed"
    return next((each.status for each in explanations if each.selected), explanations[0].status)


def _content(explanation: Explanation) -> tuple[object, ...]:
    return (
        explanation.explanation_id,
        explanation.status,
        explanation.reason,
        explanation.selected,
        explanation.selection_score,
        explanation.rated_by,
    )


def _lesson(record: UnitRecord, chosen: Chosen | None) -> Lesson | None:
    if chosen is None or chosen.student is None:
        return None
    return Lesson(
        unit=record.unit,
        student=chosen.student,
        sequence_ids=tuple(each.sequence.sequence_id for each in chosen.exemplars),
        curve=chosen.curve,
        complexity=chosen.complexity,
        reason=chosen.reason,
    )
