"""Write a study as OpenAI's public neuron files: `collated-activations/` and `explanations/`.

That project's code deals a neuron's records out to splits in turn: of the top ones to train,
calibration, valid and test, of the random ones to the last three. By default records are therefore
interleaved so that its splits are the study's, and texts that an explainer has seen are never
scored there; what one split has more than another has no place in that order. `split=train` (or
another) writes one split whole instead. Layers are the sites of one kind. An explanation that was
simulated by several simulators stands there once for each.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from neuroscribe import progress
from neuroscribe.datasets import store
from neuroscribe.datasets.interchange.openai_format import (
    ACTIVATIONS_FOLDER,
    EXPLANATIONS_FOLDER,
    METRICS,
    REPORT_SET,
    ActivationRecord,
    NeuronRecord,
    ScoredExplanation,
    SequenceSimulation,
    SimulationResults,
)
from neuroscribe.datasets.interchange.openai_splits import (
    INTERLEAVED,
    QUANTILE,
    RANDOM,
    TOP,
    interleave,
    splits_of,
)
from neuroscribe.datasets.interchange.openai_writing import record_text, results_text
from neuroscribe.datasets.interchange.transfer import Transfer, require_absent
from neuroscribe.datasets.interchange.unit_stream import (
    ExplanationRows,
    Row,
    Source,
    UnitRows,
    stream_units,
)
from neuroscribe.datasets.manifest import read_manifest
from neuroscribe.datasets.placed_folder import placed_whole
from neuroscribe.errors import InputError, StoreError
from neuroscribe.records import Split, UnitId

_OF_UNITS = "of units: extremes, densities, histograms and look-up tables"
_OF_SEQUENCES = "of sequences: token ids, documents and splits (but by their order)"
_OF_EXPLANATIONS = (
    "of explanations, simulations and scores: who made them, when and at what cost; intervals, "
    "chance levels, baselines and coverage; judgements"
)


def export(
    study: Path,
    out: Path,
    *,
    units: Sequence[UnitId] | None = None,
    split: str = INTERLEAVED,
    kind: str = "mlp",
) -> Transfer:
    """Write the files of every neuron.

    Args:
        study: its directory.
        out: the folder to make.
        units: which ones; None writes all.
        split: `interleaved`, or the one split whose exemplars are written.
        kind: of the sites that are written.

    Raises:
        InputError: `out` is there already, an unknown split, or none of the units is in a layer of
            this kind.
        StoreError: the disk is full.
    """
    require_absent(out)
    splits_of(split, TOP)
    manifest = read_manifest(study)
    layers = _layers(manifest, kind, units)
    lost: Counter[str] = Counter()
    written: Counter[str] = Counter()
    chosen = None if units is None else set(units)
    total = len(chosen) if chosen else _count(study, layers.values())
    with placed_whole(out) as folder, progress.bar("exporting", total=total, unit="units") as bar:
        for layer, site in layers.items():
            for rows in stream_units(study, site, units=chosen):
                bar.advance()
                if rows.unit.polarity < 0:
                    lost["negative sides of units, which the format has no place for"] += 1
                    continue
                for name, text in _files(rows, layer, split, lost).items():
                    _write(folder / name, text)
                    written[f"{name.partition('/')[0]} files"] += 1
        if not written:
            raise InputError(f"none of the units to write is the positive side of a {kind} neuron")
    left = [*_sites_left(manifest, layers), *(f"{n:,} {what}" for what, n in lost.items())]
    always = [_OF_UNITS, _OF_SEQUENCES, _OF_EXPLANATIONS]
    return Transfer(written=dict(written), left_out=(*left, *always))


def _layers(
    manifest: Mapping[str, Any], kind: str, units: Sequence[UnitId] | None
) -> dict[int, str]:
    """Names of the sites to write, by layer."""
    found: dict[int, str] = {}
    named = None if units is None else {unit.site for unit in units}
    for site in manifest["subject"]["sites"]:
        layer, name = site["layer"], site["name"]
        if site["kind"] != kind or layer is None or (named is not None and name not in named):
            continue
        if layer in found:
            raise InputError(
                f"{found[layer]} and {name} are both in layer {layer}, and the format has one site "
                "a layer; name the units of one of them"
            )
        found[layer] = name
    if not found:
        kinds = ", ".join(sorted({site["kind"] for site in manifest["subject"]["sites"]}))
        raise InputError(
            f"there is no layer of kind {kind!r} to write; the study has: {kinds} (option `kind`)"
        )
    return dict(sorted(found.items()))


def _count(study: Path, sites: Iterable[str]) -> int:
    return sum(store.read(study, "units", site=site, columns=["unit"]).num_rows for site in sites)


def _sites_left(manifest: Mapping[str, Any], layers: Mapping[int, str]) -> list[str]:
    others = [
        site["name"] for site in manifest["subject"]["sites"] if site["name"] not in layers.values()
    ]
    return [f"the units of {', '.join(others)} (option `kind`, or --units)"] if others else []


def _files(rows: UnitRows, layer: int, split: str, lost: Counter[str]) -> dict[str, str]:
    """What to write of one unit, by path within the folder."""
    place = f"{layer}/{rows.unit.index}"
    record = _record(rows, layer, split, lost)
    files = {f"{ACTIVATIONS_FOLDER}/{place}.json": record_text(record)}
    explanations = _explanations(rows, lost)
    if explanations:
        results = SimulationResults(
            layer=layer, neuron=rows.unit.index, explanations=tuple(explanations)
        )
        files[f"{EXPLANATIONS_FOLDER}/{place}.jsonl"] = results_text(results) + "\n"
    return files


def _record(rows: UnitRows, layer: int, split: str, lost: Counter[str]) -> NeuronRecord:
    groups: dict[tuple[str, int | None], dict[Split, list[Row]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for row in rows.exemplars:
        groups[row["kind"], row["quantile"]][row["split"]].append(row)
        if not all(map(math.isfinite, row["activations"])):
            lost["exemplars hold NaN or infinities, written as null"] += 1

    def records(
        kind: str, dealt: tuple[Split, ...], band: int | None = None
    ) -> tuple[ActivationRecord, ...]:
        by_split = {
            split: sorted(members, key=lambda row: row["rank"])
            for split, members in groups[kind, band].items()
        }
        chosen = interleave(by_split, splits_of(split, dealt))
        n_left = sum(map(len, by_split.values())) - len(chosen)
        if n_left:
            lost[f"{kind} exemplars, of splits without a place or with more than others"] += n_left
        return tuple(
            ActivationRecord(tokens=tuple(row["tokens"]), activations=tuple(row["activations"]))
            for row in chosen
        )

    statistics = rows.statistics
    boundaries = statistics["quantile_boundaries"]
    bands = [band for kind, band in groups if kind == "quantile" and band is not None]
    n_bands = max(len(boundaries) + 1 if boundaries else 0, *(band + 1 for band in bands), 0)
    by_quantile = tuple(records("quantile", QUANTILE, band) for band in range(n_bands))
    return NeuronRecord(
        layer=layer,
        neuron=rows.unit.index,
        top=records("top", TOP),
        random=records("random", RANDOM),
        by_quantile=by_quantile if any(by_quantile) else None,
        quantile_boundaries=tuple(boundaries) or None,
        mean=statistics["mean"],
        variance=statistics["variance"],
        skewness=statistics["skewness"],
        kurtosis=statistics["kurtosis"],
    )


def _explanations(rows: UnitRows, lost: Counter[str]) -> list[ScoredExplanation]:
    truth = {row["sequence_id"]: tuple(row["activations"]) for row in rows.exemplars}
    explanations: list[ScoredExplanation] = []
    for each in rows.explanations:
        if each.explanation["text"] is None:
            lost["explanations without a text (refused, unparsed, failed or skipped)"] += 1
            continue
        scores = _scores(each, lost)
        explanations.extend(
            ScoredExplanation(
                text=each.explanation["text"],
                simulations=_simulations(each.simulations.get(source, ()), truth, lost),
                **scores.get(source, {}),
            )
            for source in sorted({*each.simulations, *scores}, key=repr) or [(None, None)]
        )
    return explanations


def _scores(each: ExplanationRows, lost: Counter[str]) -> dict[Source, dict[str, float | None]]:
    """The scores that have a place, by the format's names."""
    found: dict[Source, dict[str, float | None]] = defaultdict(dict)
    for source, rows in each.scores.items():
        for row in rows:
            name = METRICS.get(row["metric"])
            if row["scorer"] != "simulation" or row["report_set"] != REPORT_SET or name is None:
                lost["scores by other scorers or metrics, or on other report sets"] += 1
            else:
                found[source][name] = row["value"]
    return found


def _simulations(
    rows: Sequence[Row], truth: Mapping[int, tuple[float, ...]], lost: Counter[str]
) -> tuple[SequenceSimulation, ...]:
    """Those on held-out texts, strongest first."""
    found = []
    for row in rows:
        if row["split"] in ("train", "calibration"):
            lost["simulations on calibration texts"] += 1
        elif row["status"] != "ok" or row["sequence_id"] not in truth:
            lost["simulations that failed"] += 1
        else:
            calibrated = row["calibrated"]
            found.append(
                SequenceSimulation(
                    tokens=tuple(row["tokens"]),
                    expected=tuple(row["expected"]),
                    calibrated=None if calibrated is None else tuple(calibrated),
                    truth=truth[row["sequence_id"]],
                )
            )
    return tuple(sorted(found, key=lambda each: (-max(each.truth), each.tokens)))


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}; free some space") from error


PLUGIN = export
