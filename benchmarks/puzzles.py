"""OpenAI's neuron puzzles: does an explainer find the truth, and does a scorer rank it first?

    python benchmarks/puzzles.py PATH [--llm mock] [--explainer ...] [--simulator auto]

PATH is the published `puzzles.json` (19 invented units with sentences and their activations, a true
explanation and false ones; github.com/openai/automated-interpretability, MIT). Published figures
(Bills et al., 2023): 5 of 19 solved, 9 with revision, and the truth ranked first in 16 of 19.

Two things are counted. *Ranked first*: the simulation of the true explanation correlates better
with the activations than that of each false one (ties count against it). *Found*: the explainer's
own explanation, made from the sentences alone, correlates at least as well as the truth's and
better than the false ones'. "Solved" in the paper was judged by people; here nobody reads, so found
is a substitute and is reported as such. A puzzle has no held-out sentences: half of them (every
second) explain and the others are simulated, except where one half never fires; the table says
which. The mock matches words and knows no meanings, so its figures only show that all runs.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reporting import provenance, store

from neuroscribe import registry
from neuroscribe.llm.budget import Budget
from neuroscribe.llm.protocol import Dialogue
from neuroscribe.llm.session import Session
from neuroscribe.llm.spec import open_client
from neuroscribe.records import (
    Exemplar,
    Sequence as TokenSequence,
    TokenLookup,
    UnitId,
    UnitRecord,
    UnitStatistics,
)
from neuroscribe.scoring.pooled import pooled_value
from neuroscribe.scoring.simulating import predict
from neuroscribe.services import Simulate
from neuroscribe.simulator import choose

PUBLISHED = {"solved": 5, "solved_with_revision": 9, "ranked_first": 16, "puzzles": 19}


@dataclass(frozen=True, kw_only=True)
class Puzzle:
    """One invented unit."""

    name: str
    truth: str
    false: tuple[str, ...]
    record: UnitRecord
    """`train` exemplars explain, `test` exemplars are simulated."""
    split: bool
    """Whether the two are different sentences."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one puzzle."""

    name: str
    explanation: str | None
    truth_score: float | None
    best_false_score: float | None
    found_score: float | None
    split: bool

    @property
    def ranked_first(self) -> bool:
        """Whether the truth scores better than every false explanation."""
        return self.truth_score is not None and self.truth_score > _value(self.best_false_score)

    @property
    def found(self) -> bool:
        """Whether the explainer's own explanation does as well as the truth, unlike the false."""
        if self.found_score is None or self.truth_score is None:
            return False
        return self.found_score >= self.truth_score and self.found_score > _value(
            self.best_false_score
        )


def main() -> None:
    """Run all puzzles and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("path", type=Path, help="the published puzzles.json, or its folder")
    parser.add_argument("--llm", default="mock", help="spec of the LLM")
    parser.add_argument("--explainer", default="token_activation_pairs")
    parser.add_argument("--simulator", default="auto")
    parser.add_argument("--store", action="store_true", help="write results/puzzles.json")
    arguments = parser.parse_args()
    try:
        puzzles = list(read_puzzles(arguments.path))
    except OSError as error:
        raise SystemExit(f"the puzzles cannot be read: {error}") from error
    with Session(open_client(arguments.llm), Budget()) as session:
        name = arguments.simulator
        if name == "auto":
            name = choose(session.capabilities())
        explainer = _explainer(arguments.explainer)
        simulate = registry.load("simulator", name)()
        results: list[Result] = []
        session.run(
            [(puzzle.name, solve(puzzle, explainer, simulate)) for puzzle in puzzles],
            lambda _, result: results.append(result),
        )
    results.sort(key=lambda result: [puzzle.name for puzzle in puzzles].index(result.name))
    report(results, arguments, name)


def solve(puzzle: Puzzle, explainer: Any, simulate: Simulate) -> Dialogue[Result]:
    """Explain a puzzle and score its explanations."""
    explanation = yield from explainer(puzzle.record)
    texts = [puzzle.truth, *puzzle.false]
    if explanation.text is not None:
        texts.append(explanation.text)
    exemplars = puzzle.record.select("test")
    predictions = yield from predict(texts, puzzle.record, exemplars, simulate)
    truth = [exemplar.activations for exemplar in exemplars]
    scores = [
        pooled_value("pearson", truth, [prediction.expected for prediction in own])
        for own in predictions
    ]
    false = scores[1 : 1 + len(puzzle.false)]
    return Result(
        name=puzzle.name,
        explanation=explanation.text,
        truth_score=scores[0],
        best_false_score=max(false, key=_value, default=None),
        found_score=scores[-1] if explanation.text is not None else None,
        split=puzzle.split,
    )


def _explainer(name: str) -> Any:
    plugin = registry.load("explainer", name)
    if plugin.needs:
        raise SystemExit(
            f"{name} needs {', '.join(plugin.needs)}, which invented units do not have; choose an "
            "explainer that is shown exemplars alone"
        )
    return plugin()


def read_puzzles(path: Path) -> Iterator[Puzzle]:
    """The puzzles of the published file."""
    file = path / "puzzles.json" if path.is_dir() else path
    for name, puzzle in json.loads(file.read_text(encoding="utf-8")).items():
        sentences = [_columns(sentence) for sentence in puzzle["sentences"]]
        shown, held_out = sentences[::2], sentences[1::2]
        split = all(any(max(levels) > 0 for _, levels in half) for half in (shown, held_out))
        if not split:
            shown = held_out = sentences
        yield Puzzle(
            name=name,
            truth=puzzle["explanation"],
            false=tuple(puzzle["false_explanations"]),
            record=_record(name, shown, held_out),
            split=split,
        )


def _columns(sentence: Sequence[Any]) -> tuple[list[str], list[float]]:
    pairs = [item if isinstance(item, list) else [item, 0] for item in sentence]
    return [token for token, _ in pairs], [float(level) for _, level in pairs]


def _record(
    name: str,
    shown: Sequence[tuple[list[str], list[float]]],
    held_out: Sequence[tuple[list[str], list[float]]],
) -> UnitRecord:
    exemplars = [
        Exemplar(
            sequence=_sequence(tokens, number, split),
            activations=tuple(levels),
            kind="top",
            rank=rank,
        )
        for number, (split, rank, (tokens, levels)) in enumerate(
            [("train", i, each) for i, each in enumerate(_by_peak(shown))]
            + [("test", i, each) for i, each in enumerate(held_out)]
        )
    ]
    values = [value for each in (*shown, *held_out) for value in each[1]]
    mean = sum(values) / len(values)
    return UnitRecord(
        unit=UnitId(f"puzzle.{name}", 0),
        statistics=UnitStatistics(
            n_tokens=len(values),
            mean=mean,
            variance=sum((value - mean) ** 2 for value in values) / len(values),
            skewness=None,
            kurtosis=None,
            min=min(values),
            max=max(values),
            density=sum(value > 0 for value in values) / len(values),
            density_1pct=sum(value > max(values) / 100 for value in values) / len(values),
            quantile_boundaries=(),
            histogram_edges=(),
            histogram_counts=(),
            lookup=TokenLookup(token_ids=(), means=(), counts=()),
        ),
        exemplars=tuple(exemplars),
    )


def _by_peak(
    sentences: Sequence[tuple[list[str], list[float]]],
) -> list[tuple[list[str], list[float]]]:
    return sorted(sentences, key=lambda each: -max(each[1]))


def _sequence(tokens: Sequence[str], number: int, split: Any) -> TokenSequence:
    offsets = [0]
    for token in tokens:
        offsets.append(offsets[-1] + len(token.encode()))
    return TokenSequence(
        sequence_id=number,
        document_id=f"sentence-{number}",
        split=split,
        token_ids=tuple(range(len(tokens))),
        tokens=tuple(tokens),
        text="".join(tokens),
        token_bytes_offsets=tuple(offsets),
    )


def report(results: Sequence[Result], arguments: argparse.Namespace, simulator: str) -> None:
    """Print the table, and write the figures where they were asked for."""
    print(f"{'puzzle':28} {'truth':>7} {'false':>7} {'found':>7}  ranked  found  explanation")
    for result in results:
        print(
            f"{result.name[:27] + ('' if result.split else '*'):28} {_shown(result.truth_score)} "
            f"{_shown(result.best_false_score)} {_shown(result.found_score)}  "
            f"{'first' if result.ranked_first else '-':6}  {'yes' if result.found else '-':5}  "
            f"{(result.explanation or '')[:70]}"
        )
    ranked = sum(result.ranked_first for result in results)
    found = sum(result.found for result in results)
    print(
        f"\n{arguments.llm} ({arguments.explainer}, {simulator}): explanations found "
        f"{found} of {len(results)}, truth ranked first in {ranked} of {len(results)}\n"
        f"published (Bills et al., 2023): {PUBLISHED['solved']} of {PUBLISHED['puzzles']} solved, "
        f"{PUBLISHED['solved_with_revision']} with revision; truth ranked first in "
        f"{PUBLISHED['ranked_first']} of {PUBLISHED['puzzles']}\n"
        "*: too few sentences fire to hold half of them out; explained and simulated on the same"
    )
    if arguments.store:
        figures = {
            **provenance(),
            "llm": arguments.llm,
            "explainer": arguments.explainer,
            "simulator": simulator,
            "puzzles": len(results),
            "found": found,
            "ranked_first": ranked,
            "published": PUBLISHED,
        }
        print(f"wrote {store('puzzles', figures)}")


def _value(score: float | None) -> float:
    """An undefined score ranks as no correlation."""
    return 0.0 if score is None else score


def _shown(score: float | None) -> str:
    return "      -" if score is None else f"{score:7.3f}"


if __name__ == "__main__":
    main()
