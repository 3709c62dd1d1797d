"""The scoring stage: explanations to simulations, judgements and scores."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from neuroscribe import progress
from neuroscribe.datasets import store
from neuroscribe.datasets.rows import judgements_table, scores_table, simulations_table
from neuroscribe.llm.protocol import Dialogue
from neuroscribe.llm.session import Estimate, Session
from neuroscribe.records import NO_LLM, Explanation, UnitId, content_hash
from neuroscribe.scoring import Scorer, ScoringCase, ScoringResult
from neuroscribe.study.outcome import Outcome
from neuroscribe.study.reading import Reader
from neuroscribe.study.services import Services
from neuroscribe.study.writing import Buffer, write_by_site


def score_study(
    reader: Reader,
    explanations: Sequence[Explanation],
    scorers: Sequence[str],
    services: Services,
    session: Session,
    *,
    peers: Sequence[Explanation],
    seed: int,
) -> Outcome:
    """Score the explanations that have no score by these scorers, simulator and LLM yet.

    Args:
        reader: the study.
        explanations: which ones.
        scorers: registered names.
        services: what scorers need.
        session: the LLM.
        peers: explanations among which the random ones are drawn: all that the study has, so that
            a score does not depend on which others are scored.
        seed: of the draws.

    Explanations of which a simulation or a judgement failed are scored again: journalled answers
    cost nothing.
    """
    counts: Counter[str] = Counter()
    failed: list[str] = []
    n_todo = 0

    def write(results: list[ScoringResult]) -> None:
        _write(reader.root, results)

    draw = other_explanations(peers)
    # All are built before any runs, so that a missing model is known before anything is paid.
    for scorer in [_scorer(services, name) for name in scorers]:
        key = _key(scorer, services, session.spec)
        todo = _open(reader.root, explanations, scorer, key)
        n_todo += len(todo)
        with (
            Buffer(write) as buffer,
            progress.bar(f"scoring ({scorer.name})", total=len(todo), unit="explanations") as bar,
        ):

            def take(
                unit: UnitId,
                result: ScoringResult,
                buffer: Buffer[ScoringResult] = buffer,
                bar: progress.Bar = bar,
                key: _Key = key,
            ) -> None:
                status = _worst(result)
                counts[status] += 1
                if status == "failed":
                    failed.append(str(unit))
                buffer.add(_signed(result, key))
                bar.advance(cost_usd=session.cost_usd)

            session.run(_jobs(reader, draw, todo, scorer, seed), take)
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
    services: Services,
    session: Session,
    *,
    peers: Sequence[Explanation],
    seed: int,
) -> Estimate:
    """What scoring would send first; only the probe of the endpoint is really sent, if at all."""
    draw = other_explanations(peers)
    return session.estimate(
        job
        for scorer in [_scorer(services, name) for name in scorers]
        for job in _jobs(
            reader,
            draw,
            _open(reader.root, explanations, scorer, _key(scorer, services, session.spec)),
            scorer,
            seed,
        )
    )


class _Key(NamedTuple):
    """What tells the scores of one way of scoring from others'."""

    scorer: str
    simulator: str | None
    llm: str


def _key(scorer: Scorer, services: Services, llm: str) -> _Key:
    simulator = services.simulator if "simulate" in scorer.needs else None
    if simulator is not None and not services.simulate.asks:
        return _Key(scorer.name, simulator, NO_LLM)
    return _Key(scorer.name, simulator, scorer.judge or llm)


def _signed(result: ScoringResult, key: _Key) -> ScoringResult:
    """The result with who scored in it, also where nobody was asked."""
    scores = [
        replace(
            score,
            simulator=score.simulator or key.simulator,
            llm=score.llm or key.llm,
            n_failed=result.n_failed,
        )
        for score in result.scores
    ]
    return replace(result, scores=tuple(scores))


def _scorer(services: Services, name: str) -> Scorer:
    scorer: Scorer = services.build("scorer", name)
    return scorer


def _jobs(
    reader: Reader,
    draw: Callable[[Explanation, int], str | None],
    todo: Sequence[Explanation],
    scorer: Scorer,
    seed: int,
) -> Iterator[tuple[UnitId, Dialogue[ScoringResult]]]:
    by_unit: dict[UnitId, list[Explanation]] = defaultdict(list)
    for explanation in todo:
        by_unit[explanation.unit].append(explanation)
    for record in reader.unit_records(list(by_unit)):
        for explanation in by_unit[record.unit]:
            case = ScoringCase(
                explanation=explanation,
                record=record,
                random_explanation=draw(explanation, seed),
                seed=seed,
            )
            yield record.unit, scorer(case)


def other_explanations(
    explanations: Sequence[Explanation],
) -> Callable[[Explanation, int], str | None]:
    """Prepare to draw, for any explanation and seed, that of another unit by the same method.

    Units stand on a ring by a hash of their names, and the draw is the next one behind a hash of
    seed and unit. So it does not depend on the LLM or on the order of work, and where explanations
    are added later, as by a repair, hardly any draw changes: what was asked stays asked.

    Args:
        explanations: all that there are, in any order.

    Returns:
        From explanation and seed to a text; None where all explanations are of its unit.
    """
    rings: dict[tuple[str, ...], list[tuple[str, Explanation]]] = defaultdict(list)
    for explanation in explanations:
        place = content_hash("ring", str(explanation.unit))
        rings[_method(explanation)].append((place, explanation))
    for ring in rings.values():
        ring.sort(key=lambda member: (member[0], member[1].explanation_id))

    def draw(explanation: Explanation, seed: int) -> str | None:
        ring = rings[_method(explanation)]
        start = bisect_left(
            ring, content_hash(str(seed), str(explanation.unit)), key=lambda member: member[0]
        )
        # An explanation of the unit itself is passed over; it has few.
        for step in range(len(ring)):
            _, other = ring[(start + step) % len(ring)]
            if other.unit != explanation.unit:
                return other.text
        return None

    return draw


def _method(explanation: Explanation) -> tuple[str, ...]:
    return (explanation.explainer, explanation.exemplars, explanation.form, explanation.llm)


def _open(
    root: str | Path,
    explanations: Sequence[Explanation],
    scorer: Scorer,
    key: _Key,
) -> list[Explanation]:
    """The explanations that are not scored yet, or of which an answer failed."""
    columns = ["explanation_id", "scorer", "simulator", "llm", "report_set", "n_failed"]
    done = {
        row["explanation_id"]
        for row in store.load(root, "scores", columns=columns).to_pylist()
        if (row["scorer"], row["simulator"], row["llm"]) == key
        and row["report_set"] in scorer.report_sets
        and not row["n_failed"]
    }
    return [each for each in explanations if each.explanation_id not in done]


def _write(root: str | Path, results: Sequence[ScoringResult]) -> None:
    simulations = [each for result in results for each in result.simulations]
    if simulations:
        store.write_part(Path(root), "simulations", simulations_table(simulations))
    judgements = [each for result in results for each in result.judgements]
    if judgements:
        store.write_part(Path(root), "judgements", judgements_table(judgements))
    scores = [score for result in results for score in result.scores]
    write_by_site(Path(root), "scores", scores, scores_table)


def _worst(result: ScoringResult) -> str:
    """`failed` if any answer failed, else the worst that came; `undefined` if no score has a value.

    The reason of an undefined score stands beside it in the table.
    """
    if result.n_failed:
        return "failed"
    found = {simulation.prediction.status for simulation in result.simulations}
    found |= {judgement.status for judgement in result.judgements}
    for status in ("unparsed", "refused"):
        if status in found:
            return status
    return "ok" if any(score.value is not None for score in result.scores) else "undefined"
