"""The scoring stage: explanations to simulations and scores."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from neuroscribe import progress, registry
from neuroscribe.datasets import store
from neuroscribe.datasets.rows import scores_table, simulations_table
from neuroscribe.llm.protocol import Dialogue
from neuroscribe.llm.session import Estimate, Session
from neuroscribe.records import Explanation, UnitId, content_hash
from neuroscribe.scoring import ScoringCase, ScoringResult
from neuroscribe.simulator import choose
from neuroscribe.simulator.calibration import linear
from neuroscribe.study.outcome import Outcome
from neuroscribe.study.reading import Reader
from neuroscribe.study.writing import Buffer, write_by_site

Scorer = Callable[[ScoringCase], Dialogue[ScoringResult]]


def score_study(
    reader: Reader,
    explanations: Sequence[Explanation],
    scorers: Sequence[str],
    session: Session,
    *,
    simulator: str,
    seed: int,
) -> Outcome:
    """Score the explanations that have no score by these scorers, simulator and LLM yet.

    Explanations of which a simulation failed are scored again: journalled answers cost nothing.
    """
    chosen = choose(session.capabilities()) if simulator == "auto" else simulator
    counts: Counter[str] = Counter()
    failed: list[str] = []
    n_todo = 0

    def write(results: list[ScoringResult]) -> None:
        _write(reader.root, results)

    for name in scorers:
        todo = _open(reader.root, explanations, name, chosen, session.spec)
        n_todo += len(todo)
        with (
            Buffer(write) as buffer,
            progress.bar(f"scoring ({name})", total=len(todo), unit="explanations") as bar,
        ):

            def take(
                unit: UnitId,
                result: ScoringResult,
                buffer: Buffer[ScoringResult] = buffer,
                bar: progress.Bar = bar,
            ) -> None:
                status = _worst(result)
                counts[status] += 1
                if status == "failed":
                    failed.append(str(unit))
                buffer.add(result)
                bar.advance(cost_usd=session.cost_usd)

            session.run(_jobs(reader, explanations, todo, name, chosen, seed), take)
    return Outcome(
        stage="score",
        counts=dict(counts),
        already_done=len(explanations) * len(scorers) - n_todo,
        left=n_todo - sum(counts.values()),
        session=session.summary(),
        failed=tuple(failed),
    )


def estimate_scoring(
    reader: Reader,
    explanations: Sequence[Explanation],
    scorers: Sequence[str],
    session: Session,
    *,
    simulator: str,
    seed: int,
) -> Estimate:
    """What scoring would send first; only the probe of the endpoint is really sent, if at all."""
    chosen = choose(session.capabilities()) if simulator == "auto" else simulator
    return session.estimate(
        job
        for name in scorers
        for job in _jobs(
            reader,
            explanations,
            _open(reader.root, explanations, name, chosen, session.spec),
            name,
            chosen,
            seed,
        )
    )


def _jobs(
    reader: Reader,
    explanations: Sequence[Explanation],
    todo: Sequence[Explanation],
    scorer: str,
    simulator: str,
    seed: int,
) -> Iterator[tuple[UnitId, Dialogue[ScoringResult]]]:
    score: Scorer = registry.load("scorer", scorer)(
        simulate=registry.load("simulator", simulator)(), calibrate=linear
    )
    draw = other_explanations(explanations)
    by_unit: dict[UnitId, list[Explanation]] = defaultdict(list)
    for explanation in todo:
        by_unit[explanation.unit].append(explanation)
    for record in reader.unit_records(list(by_unit)):
        for explanation in by_unit[record.unit]:
            case = ScoringCase(
                explanation=explanation,
                record=record,
                random_explanation=draw(record.unit, seed),
                seed=seed,
            )
            yield record.unit, score(case)


def other_explanations(
    explanations: Sequence[Explanation],
) -> Callable[[UnitId, int], str | None]:
    """Prepare to draw, for any unit and seed, the explanation of another unit.

    The draw is a hash of seed and unit, so it does not depend on the LLM or on the order of work.

    Args:
        explanations: in order of unit, as `Reader.explanations` gives them.

    Returns:
        From unit and seed to a text; None where all explanations are of that unit.
    """
    own = Counter(explanation.unit for explanation in explanations)
    first = {unit: place for place, unit in reversed(list(enumerate(e.unit for e in explanations)))}

    def draw(unit: UnitId, seed: int) -> str | None:
        n_others = len(explanations) - own[unit]
        if n_others == 0:
            return None
        place = int(content_hash(str(seed), str(unit)), 16) % n_others
        return explanations[place if place < first[unit] else place + own[unit]].text

    return draw


def _open(
    root: str | Path, explanations: Sequence[Explanation], scorer: str, simulator: str, llm: str
) -> list[Explanation]:
    """The explanations that are not scored yet, or of which a simulation failed."""
    key = (scorer, simulator, llm)
    scored = ["explanation_id", "scorer", "simulator", "llm"]
    done = {
        row["explanation_id"]
        for row in store.load(root, "scores", columns=scored).to_pylist()
        if (row["scorer"], row["simulator"], row["llm"]) == key
    }
    simulated = ["explanation_id", "simulator", "llm", "status"]
    broken = {
        row["explanation_id"]
        for row in store.load(root, "simulations", columns=simulated).to_pylist()
        if row["status"] == "failed" and (row["simulator"], row["llm"]) == (simulator, llm)
    }
    return [each for each in explanations if each.explanation_id not in done - broken]


def _write(root: str | Path, results: Sequence[ScoringResult]) -> None:
    simulations = [each for result in results for each in result.simulations]
    if simulations:
        store.write_part(Path(root), "simulations", simulations_table(simulations))
    scores = [score for result in results for score in result.scores]
    write_by_site(Path(root), "scores", scores, scores_table)


def _worst(result: ScoringResult) -> str:
    """`failed` if any simulation failed, else the worst that came of them."""
    found = {simulation.prediction.status for simulation in result.simulations}
    for status in ("failed", "unparsed", "refused"):
        if status in found:
            return status
    return "ok"
