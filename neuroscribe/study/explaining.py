"""The explaining stage: units to explanations."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from neuroscribe import progress
from neuroscribe.datasets.rows import explanations_table
from neuroscribe.llm.protocol import Dialogue
from neuroscribe.llm.session import Estimate, Session
from neuroscribe.records import Explanation, UnitId, UnitRecord
from neuroscribe.study.outcome import Outcome
from neuroscribe.study.reading import Reader
from neuroscribe.study.writing import Buffer, write_by_site

Explainer = Callable[[UnitRecord], Dialogue[Explanation]]

REPEATED = ("failed", "skipped")
"""Statuses of items that the next run tries again."""

NO_LLM = "none"
"""Named by the explanations of units that have nothing to explain."""


def explain_study(
    reader: Reader,
    units: Sequence[UnitId],
    explainer: Explainer,
    session: Session,
    *,
    name: str,
) -> Outcome:
    """Explain the units that have no explanation by this explainer and LLM yet.

    Args:
        reader: the study.
        units: which ones.
        explainer: asks for one explanation.
        session: the LLM.
        name: the explainer's registered name.
    """
    before = _before(reader, name, session.spec)
    todo = [unit for unit in units if _is_open(before.get(unit))]
    counts: Counter[str] = Counter()
    failed: list[str] = []

    def write(explanations: list[Explanation]) -> None:
        write_by_site(Path(reader.root), "explanations", explanations, explanations_table)

    with (
        Buffer(write) as buffer,
        progress.bar("explaining", total=len(todo), unit="units") as bar,
    ):

        def take(unit: UnitId, explanation: Explanation) -> None:
            counts[explanation.status] += 1
            if explanation.status == "failed":
                failed.append(str(unit))
            known = before.get(unit)
            # A unit with nothing to explain says so once, not at every run.
            if known is None or (known.status, known.reason) != (
                explanation.status,
                explanation.reason,
            ):
                buffer.add(explanation)
            bar.advance(cost_usd=session.cost_usd)

        session.run(_jobs(reader, todo, explainer), take)
    return Outcome(
        stage="explain",
        counts=dict(counts),
        already_done=len(units) - len(todo),
        left=len(todo) - sum(counts.values()),
        session=session.summary(),
        failed=tuple(failed),
    )


def estimate_explaining(
    reader: Reader,
    units: Sequence[UnitId],
    explainer: Explainer,
    session: Session,
    *,
    name: str,
) -> Estimate:
    """What explaining would send; nothing is sent."""
    before = _before(reader, name, session.spec)
    todo = [unit for unit in units if _is_open(before.get(unit))]
    return session.estimate(_jobs(reader, todo, explainer))


def _before(reader: Reader, name: str, llm: str) -> dict[UnitId, Explanation]:
    """The explanations that are there by this explainer and LLM."""
    return {
        explanation.unit: explanation
        for explanation in reader.explanations()
        if explanation.explainer == name and explanation.llm in (llm, NO_LLM)
    }


def _jobs(
    reader: Reader, units: Sequence[UnitId], explainer: Explainer
) -> Iterator[tuple[UnitId, Dialogue[Explanation]]]:
    for record in reader.unit_records(units, splits=["train"]):
        yield record.unit, explainer(record)


def _is_open(explanation: Explanation | None) -> bool:
    return explanation is None or explanation.status in REPEATED
