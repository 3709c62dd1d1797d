"""What the choice of exemplars is worth to the student that `teach` teaches, at equal numbers.

`python benchmarks/teaching.py [--units 100] [--study PATH --neurons 60]`. Each selection chooses
ten `train` exemplars of a unit, the same student is shown them, and its prediction of held-out
sequences is correlated with the truth, pooled over their tokens. Prints tables and writes
`benchmarks/results/teaching.json`.

Synthetic units. A sequence is about one or two of 24 topics; its embedding is the sum of their
directions and noise. A unit fires on three of the topics, at 1, .85 and .7 of its strength, less up
to a fifth: an OR of three latent concepts whose strongest exemplars show mostly the first. A
sequence is a single token that occurs nowhere else, so the embedding is all there is to learn from.
Kept is what a recording with 10 top, 10 quantile exemplars a band and 100 random ones keeps of
1,500 sequences a split. Held out are all of `test`. Every selection sees the same record.

An earlier experiment of this kind reported top .26, quantile .50, a random mix .56 and a greedy
teacher .95. Its random mix is `random` here: a draw by lot from what was recorded of all kinds.

Real units. Neurons of a recorded study, drawn at random; held out are the recorded `test` exemplars
of all kinds. The sentence encoder is `minilm`.
"""

import argparse
import itertools
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from reporting import provenance, store

from neuroscribe.records import (
    SPLITS,
    Exemplar,
    Kind,
    Sequence as TokenSequence,
    Split,
    TokenLookup,
    UnitId,
    UnitRecord,
    UnitStatistics,
)
from neuroscribe.scoring.bootstrap import mean_interval
from neuroscribe.scoring.metrics import pearson
from neuroscribe.selection import Chosen, Selection
from neuroscribe.selection.distinct import each_sequence_once
from neuroscribe.selection.mix import Mix
from neuroscribe.selection.quantile import Quantile
from neuroscribe.selection.random import Random
from neuroscribe.selection.student import KernelStudent, resting_activation
from neuroscribe.selection.teach import Teach
from neuroscribe.selection.top import Top
from neuroscribe.services import Embed

BUDGET = 10
STRENGTHS = (1.0, 0.85, 0.7)
"""Of the three concepts of a synthetic unit."""
TOPICS, DIMENSIONS, NOISE = 24, 64, 0.3
SEQUENCES = 1500
"""Of each split of a synthetic corpus."""
BANDS = (0.0, 0.5, 0.9, 0.99, 0.999, 1.0)
TOP, PER_BAND, RANDOM = 10, 10, 100

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Taught:
    """One unit under one selection."""

    correlation: float | None
    """Of the student with the truth, held out; None where the student's prediction is constant."""
    chosen: Chosen


def selections(embed: Embed) -> dict[str, Selection]:
    """What is compared, with equal numbers of exemplars."""
    return {
        "top": Top(n=BUDGET),
        "quantile": Quantile(n=BUDGET),
        "random": Random(n=BUDGET),
        "mix": Mix(n=BUDGET),
        "teach": Teach(embed=embed, budget=BUDGET),
    }


def taught(
    record: UnitRecord, selection: Selection, embed: Embed, held_out: Sequence[Exemplar]
) -> Taught:
    """Show a fresh student what a selection chooses and correlate what it says with the truth."""
    chosen = selection(record)
    if not chosen.exemplars:
        return Taught(correlation=None, chosen=chosen)
    student = KernelStudent(embed=embed)
    lessons = student.lessons(chosen.exemplars, [exemplar.sequence for exemplar in held_out])
    predicted = student.predict(lessons, range(len(chosen.exemplars)), resting_activation(record))
    truth = [value for exemplar in held_out for value in exemplar.activations]
    return Taught(correlation=pearson(truth, predicted.tolist()), chosen=chosen)


@dataclass(frozen=True)
class KnownVectors:
    """A sentence encoder that knows its texts."""

    vectors: Mapping[str, Floats]
    name: str = "synthetic"

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of the texts."""
        return np.stack([self.vectors[text] for text in texts]).astype(np.float32)


def synthetic_unit(seed: int) -> tuple[UnitRecord, Embed, list[Exemplar]]:
    """A unit that is an OR of three concepts: its record, the embeddings, all `test` sequences."""
    generator = np.random.default_rng(seed)
    directions = np.linalg.qr(generator.normal(size=(DIMENSIONS, DIMENSIONS)))[0][:TOPICS]
    vectors: dict[str, Floats] = {}
    exemplars: list[Exemplar] = []
    held_out: list[Exemplar] = []
    for part, split in enumerate(SPLITS):
        topics = np.zeros((SEQUENCES, TOPICS))
        for row in topics:
            row[generator.choice(TOPICS, size=generator.integers(1, 3), replace=False)] = 1
        embeddings = topics @ directions
        embeddings += generator.normal(scale=NOISE / np.sqrt(DIMENSIONS), size=embeddings.shape)
        embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
        vigour = generator.uniform(0.8, 1.0, size=SEQUENCES)
        peaks = (topics[:, : len(STRENGTHS)] * STRENGTHS).max(1) * vigour
        sequences = [_sequence(part * SEQUENCES + place, split) for place in range(SEQUENCES)]
        vectors |= {s.text: v for s, v in zip(sequences, embeddings, strict=True)}
        exemplars += _recorded(sequences, peaks, generator)
        if split == "test":
            held_out = [_exemplar(s, p, "random", 0) for s, p in zip(sequences, peaks, strict=True)]

    statistics = UnitStatistics(
        n_tokens=len(SPLITS) * SEQUENCES,
        mean=0.0,
        variance=1.0,
        skewness=None,
        kurtosis=None,
        min=0.0,
        max=1.0,
        density=0.0,
        density_1pct=0.0,
        quantile_boundaries=(),
        histogram_edges=(),
        histogram_counts=(),
        lookup=TokenLookup(token_ids=(), means=(), counts=()),
    )
    record = UnitRecord(
        unit=UnitId("synthetic", seed), statistics=statistics, exemplars=tuple(exemplars)
    )
    return record, KnownVectors(vectors), held_out


def compare(
    units: Iterator[tuple[UnitRecord, Embed, list[Exemplar]]],
) -> tuple[dict[str, list[Taught]], float]:
    """Every selection on every unit, and the seconds that `teach` took per unit."""
    results: dict[str, list[Taught]] = {}
    seconds, count = 0.0, 0
    for record, embed, held_out in units:
        count += 1
        for name, selection in selections(embed).items():
            start = time.process_time()
            results.setdefault(name, []).append(taught(record, selection, embed, held_out))
            seconds += (time.process_time() - start) * (name == "teach")
    return results, seconds / max(1, count)


def summary(results: Mapping[str, Sequence[Taught]], *, seed: int = 0) -> dict[str, Any]:
    """Means over units with 95% bootstrap intervals, each selection beside `teach` on the same."""
    table: dict[str, Any] = {}
    for name, units in results.items():
        values = [unit.correlation for unit in units]
        defined = [value for value in values if value is not None]
        gains = [
            best.correlation - value
            for best, value in zip(results["teach"], values, strict=True)
            if best.correlation is not None and value is not None
        ]
        table[name] = {
            "correlation": _mean(defined, seed),
            "teach_minus_this": None if name == "teach" else _mean(gains, seed),
            "units_where_teach_is_better": None
            if name == "teach"
            else float(np.mean([gain > 0 for gain in gains])),
            "units": len(units),
            "undefined": len(values) - len(defined),
        }
    complexities = [unit.chosen.complexity for unit in results["teach"]]
    known = [float(value) for value in complexities if value is not None]
    table["teach"]["complexity"] = _mean(known, seed)
    table["teach"]["without_complexity"] = len(complexities) - len(known)
    table["teach"]["exemplars"] = float(
        np.mean([len(u.chosen.exemplars) for u in results["teach"]])
    )
    return table


def study_units(
    path: Path, embed: Embed, n: int, seed: int
) -> Iterator[tuple[UnitRecord, Embed, list[Exemplar]]]:
    """Random units of a study, each with its `test` exemplars."""
    from neuroscribe.study.reading import Reader  # noqa: PLC0415 (the synthetic part needs no study)

    reader = Reader(path)
    drawn = random.Random(seed).sample(reader.units(), n)  # noqa: S311 (no secret)
    for record in reader.unit_records(drawn):
        yield record, embed, each_sequence_once(record.select("test"))


def main() -> None:
    """Run the comparison and write its results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--units", type=int, default=100, help="synthetic units")
    parser.add_argument("--study", type=Path, help="a recorded study, for real units")
    parser.add_argument("--neurons", type=int, default=60, help="units of the study")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    seeds = range(options.seed, options.seed + options.units)
    runs: dict[str, Callable[[], Any]] = {"synthetic": lambda: map(synthetic_unit, seeds)}
    if options.study:
        runs["real"] = lambda: _real(options)
    report: dict[str, Any] = {
        **provenance(),
        "numpy": np.__version__,
        "budget": BUDGET,
        "seed": options.seed,
    }
    for name, units in runs.items():
        results, seconds = compare(units())
        report[name] = {"selections": summary(results), "teach_seconds_per_unit": seconds}
        _print(name, report[name])
    print(f"wrote {store('teaching', report)}")


def _real(options: argparse.Namespace) -> Iterator[tuple[UnitRecord, Embed, list[Exemplar]]]:
    from neuroscribe.subjects.embedding import open_embedder  # noqa: PLC0415 (loads torch)

    return study_units(options.study, open_embedder(), options.neurons, options.seed)


def _sequence(sequence_id: int, split: Split) -> TokenSequence:
    text = f"sequence {sequence_id}"
    return TokenSequence(
        sequence_id=sequence_id,
        document_id=str(sequence_id),
        split=split,
        token_ids=(sequence_id,),
        tokens=(text,),
        text=text,
        token_bytes_offsets=(0, len(text)),
    )


def _exemplar(
    sequence: TokenSequence, peak: float, kind: Kind, rank: int, quantile: int | None = None
) -> Exemplar:
    return Exemplar(
        sequence=sequence, activations=(float(peak),), kind=kind, rank=rank, quantile=quantile
    )


def _recorded(
    sequences: Sequence[TokenSequence], peaks: Floats, generator: np.random.Generator
) -> Iterator[Exemplar]:
    """What the recorder keeps of one split."""
    order = (-peaks).argsort(kind="stable")
    for rank, place in enumerate(order[:TOP]):
        yield _exemplar(sequences[place], peaks[place], "top", rank)
    rising = order[::-1]
    for band, (low, high) in enumerate(itertools.pairwise(BANDS)):
        members = rising[round(low * len(rising)) : round(high * len(rising))]
        drawn = generator.permutation(members)[:PER_BAND]
        for rank, place in enumerate(drawn):
            yield _exemplar(sequences[place], peaks[place], "quantile", rank, band)
    for rank, place in enumerate(generator.permutation(len(sequences))[:RANDOM]):
        yield _exemplar(sequences[place], peaks[place], "random", rank)


def _mean(values: Sequence[float], seed: int) -> dict[str, float | None]:
    ends = mean_interval(values, seed=seed)
    return {
        "mean": float(np.mean(values)) if values else None,
        "low": ends.low if ends else None,
        "high": ends.high if ends else None,
    }


def _print(name: str, part: Mapping[str, Any]) -> None:
    print(f"\n{name}: held-out correlation of the student, {BUDGET} exemplars")
    for selection, row in part["selections"].items():
        mean = row["correlation"]
        line = f"  {selection:9} {mean['mean']:.3f}  [{mean['low']:.3f}, {mean['high']:.3f}]"
        if row["teach_minus_this"]:
            gain = row["teach_minus_this"]
            line += f"  teach better by {gain['mean']:.3f} [{gain['low']:.3f}, {gain['high']:.3f}]"
            line += f" on {row['units_where_teach_is_better']:.0%} of {row['units']} units"
        print(line)
    taught_row = part["selections"]["teach"]
    print(
        f"  teach: {taught_row['exemplars']:.1f} exemplars, complexity "
        f"{taught_row['complexity']['mean']:.1f}, {part['teach_seconds_per_unit']:.3f} s a unit"
    )


if __name__ == "__main__":
    main()
