"""Write a study as the folder that Neuronpedia imports: features, activations, explanations.

Each site is a source, `MODEL/LAYER-SET/`, with its release, model, set and source rows and its
batches of units; `config/` holds the names of explainers and LLMs, which explanations refer to and
an import needs first. Rows stream from the study to compressed files unit by unit. Keys are hashes
of what a row is about and the gzip headers carry no time, so two exports of one study are the same
bytes and a repeated import adds nothing. No secret is needed or written: a creator id only names a
user.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuroscribe import progress
from neuroscribe.datasets.interchange.jsonl_batches import JsonlBatches
from neuroscribe.datasets.interchange.neuronpedia_format import (
    Creator,
    Row,
    Source,
    activation_row,
    band_edges,
    explanation_row,
    feature_row,
    line,
    llm_name,
    llm_row,
    model_name,
    type_row,
)
from neuroscribe.datasets.interchange.neuronpedia_names import NeuronpediaNames
from neuroscribe.datasets.interchange.transfer import Transfer, require_absent
from neuroscribe.datasets.interchange.unit_stream import UnitRows, stream_units
from neuroscribe.datasets.manifest import read_manifest
from neuroscribe.datasets.placed_folder import placed_whole
from neuroscribe.errors import InputError
from neuroscribe.records import SPLITS, UnitId

_ALL = "all"
_SET_NAME = re.compile(r"[a-z0-9_.-]+")
_ALWAYS_LEFT = (
    "promoted and suppressed tokens and the histogram of logits: a study does not hold them",
    "of units: moments, quantiles, look-up tables and the part of the histogram at and below zero",
    "of sequences: token ids and documents; the split stands in dataIndex",
    "scores, simulations and judgements: the import files have no place for them",
)


def export(
    study: Path,
    out: Path,
    *,
    units: Sequence[UnitId] | None = None,
    model: str = "",
    set_name: str = "",
    release: str = "",
    creator: str = "",
    creator_id: str = "",
    split: str = _ALL,
    candidates: bool = False,
    batch_size: int = 1024,
) -> Transfer:
    """Write the import folder.

    Args:
        study: its directory.
        out: the folder to make.
        units: which ones; None writes all.
        model: the model's id on Neuronpedia; derived from the subject's name if empty.
        set_name: of the set of sources; derived from the site (`mlp.5` is `5-mlp`) if empty.
        release: name of the release; derived from model and set if empty.
        creator: name shown as the maker.
        creator_id: id of the user there who is to own the data; if empty, that of a fresh
            Neuronpedia's default user.
        split: `all`, or the one split whose exemplars are written.
        candidates: whether explanations that were not selected are written too.
        batch_size: units a file.

    Raises:
        InputError: `out` is there already, an option has a value that is not allowed, or no unit
            has a place.
        StoreError: the disk is full.
    """
    require_absent(out)
    _check(model, set_name, split, batch_size)
    manifest = read_manifest(study)
    wanted = None if units is None else set(units)
    names = NeuronpediaNames(
        manifest, model=model, release=release, creator=creator, creator_id=creator_id
    )
    choices = _Choices(split=split, candidates=candidates, corpus=manifest["corpus"]["name"])
    sources = names.sources(set_name, wanted, choices.lost)
    written: Counter[str] = Counter()
    total = None if units is None else len(units)
    with placed_whole(out) as folder, progress.bar("exporting", total=total, unit="units") as bar:
        for site, source in sources.items():
            place = folder / source.model / source.name
            with JsonlBatches(place, size=batch_size) as batches:
                for rows in stream_units(study, site, units=wanted):
                    bar.advance()
                    if rows.unit.polarity < 0:
                        choices.lost["negative sides of units: a unit has one side there"] += 1
                    else:
                        batches.add(_Unit(source, rows, choices).lines())
                written += batches.lines
            if place.exists():
                for kind, row in names.about(source, site).items():
                    (place / f"{kind}.jsonl").write_bytes(line(row))
        if not written["features"]:
            raise InputError(f"{study} has no unit to write: none is the positive side of a unit")
        _write_config(folder / "config", choices, names.creator)
    left = [*(f"{count:,} {what}" for what, count in choices.lost.items()), *_ALWAYS_LEFT]
    return Transfer(written=dict(written), left_out=(*names.invented, *left))


@dataclass(frozen=True, kw_only=True)
class _Choices:
    """What is written of every unit, and what was seen on the way."""

    split: str
    candidates: bool
    corpus: str
    lost: Counter[str] = field(default_factory=Counter)
    explainers: set[str] = field(default_factory=set)
    llms: set[str] = field(default_factory=set)


class _Unit:
    """The rows of one unit."""

    def __init__(self, source: Source, rows: UnitRows, choices: _Choices) -> None:
        self._source = source
        self._rows = rows
        self._choices = choices
        self._exemplars = [
            row
            for row in rows.exemplars
            if choices.split in (_ALL, row["split"]) and self._is_finite(row["activations"])
        ]
        peaks = [max(row["activations"]) for row in self._exemplars]
        largest = rows.statistics["max"]
        self._largest = max(peaks, default=None) if largest is None else largest

    def lines(self) -> dict[str, Iterable[bytes]]:
        """By the folder they belong into."""
        return {
            "features": [line(self._feature())],
            "activations": map(line, self._activations()),
            "explanations": map(line, self._explanations()),
        }

    def _feature(self) -> Row:
        if self._rows.statistics["density"] is None:
            self._choices.lost["units of unknown density, which is written as 0"] += 1
        return feature_row(self._source, self._rows.statistics, largest=self._largest)

    def _activations(self) -> Iterator[Row]:
        bands = band_edges(self._rows.statistics, self._largest)
        corpus = self._choices.corpus
        for row in sorted(self._exemplars, key=_activation_order):
            yield activation_row(
                self._source, row, largest=self._largest, bands=bands, corpus=corpus
            )

    def _explanations(self) -> Iterator[Row]:
        for each in self._rows.explanations:
            row = each.explanation
            if row["text"] is None:
                self._choices.lost["failed attempts to explain"] += 1
            elif not self._choices.candidates and not row["selected"]:
                self._choices.lost["explanations that were not selected; set candidates=true"] += 1
            else:
                self._choices.explainers.add(row["explainer"])
                self._choices.llms.add(row["llm"])
                yield explanation_row(self._source, row)

    def _is_finite(self, activations: Sequence[float | None]) -> bool:
        if all(value is not None and math.isfinite(value) for value in activations):
            return True
        self._choices.lost["exemplars with missing or infinite activations"] += 1
        return False


def _check(model: str, set_name: str, split: str, batch_size: int) -> None:
    if model and model != model_name(model):
        raise InputError(
            f"model is {model!r}; Neuronpedia's ids have lower-case letters, digits, '-' and '_' "
            f"only, such as {model_name(model)!r}"
        )
    if set_name and not _SET_NAME.fullmatch(set_name):
        raise InputError(
            f"set_name is {set_name!r}; it has lower-case letters, digits, '-', '_' and '.' only"
        )
    if split not in (_ALL, *SPLITS):
        raise InputError(f"no split is called {split!r}; there are: {_ALL}, {', '.join(SPLITS)}")
    if batch_size < 1:
        raise InputError(f"batch_size is {batch_size}; it must be at least 1")


def _activation_order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    kinds = ("top", "quantile", "random")
    # Bands are shown from the strongest down.
    band = -(row["quantile"] or 0)
    return (
        kinds.index(row["kind"]),
        band,
        -max(row["activations"]),
        row["sequence_id"],
        row["split"],
    )


def _write_config(folder: Path, choices: _Choices, creator: Creator) -> None:
    """Write the rows that explanations refer to by name."""
    llms = {llm_name(llm): llm_row(llm, creator) for llm in sorted(choices.llms)}
    files = {
        "explanation_type": [type_row(name, creator) for name in sorted(choices.explainers)],
        "explanation_model_type": [row for name, row in llms.items() if name is not None],
    }
    for name, rows in files.items():
        if rows:
            folder.mkdir(exist_ok=True)
            (folder / f"{name}.jsonl").write_bytes(b"".join(map(line, rows)))


PLUGIN = export
