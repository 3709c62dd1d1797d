"""Some exemplars against the subject itself: does it still do what was recorded?

Everything else in a study can be consistent and yet made up; a forward pass cannot be talked into
agreeing. Exemplars are drawn by a seed, as many from every site, so a layer that was mixed up with
another shows with few of them. Another batch, another device or another version of torch rounds
differently, hence the tolerance: a share of the largest activation of the exemplar.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from neuroscribe.errors import StudyError, SubjectError
from neuroscribe.records import Site, UnitId
from neuroscribe.study.verifying.parts import Part, Parts
from neuroscribe.study.verifying.report import Examination, Inspection
from neuroscribe.study.verifying.rows import Numbers
from neuroscribe.study.verifying.runs import rounding_of

if TYPE_CHECKING:
    from neuroscribe.subjects import Subject

TOLERANCE = {"float32": 1e-4, "bfloat16": 2.0**-5, "float16": 2.0**-5}
"""Of the largest magnitude of an exemplar, by the type of the subject's weights."""
_SMALLEST = 1e-3
"""Magnitudes below this are measured against it."""


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    """One exemplar to be looked at."""

    file: str
    row: int
    unit: UnitId
    sequence_id: int
    activations: Numbers


def spot_check(
    manifest: Mapping[str, Any],
    parts: Parts,
    inspection: Inspection,
    *,
    count: int,
    seed: int,
    device: str,
) -> None:
    """Compare `count` exemplars with forward passes of their own."""
    check = inspection["spot check"]
    if count == 0:
        check.leave("it was not asked for")
        return
    if "imported" in manifest:
        check.leave("the study was imported: which weights made it is not known")
        return
    # Nothing else needs torch.
    from neuroscribe.study.recorded_subject import load_recorded_subject  # noqa: PLC0415

    try:
        subject = load_recorded_subject(manifest, device=device)
        sites = {site.name: site for site in map(_site, manifest["subject"]["sites"])}
    except (StudyError, SubjectError) as error:
        check.leave(str(error))
        return
    except (KeyError, TypeError) as error:
        check.leave(f"the manifest does not say enough of the subject: {error!r}")
        return
    _check_tokenizer(manifest, subject, check)
    drawn = [each for each in _draw(parts, count, seed) if each.unit.site in sites]
    token_ids = _token_ids(parts, {each.sequence_id for each in drawn})
    by_sequence: dict[int, list[_Drawn]] = defaultdict(list)
    for each in drawn:
        if each.sequence_id in token_ids:
            by_sequence[each.sequence_id].append(each)
        else:
            check.leave("exemplars whose sequence is not there")
    tolerance = TOLERANCE.get(manifest["subject"]["dtype"], TOLERANCE["float32"])
    tolerance += rounding_of(manifest)
    for sequence_id, exemplars in sorted(by_sequence.items()):
        for each, truth in _fresh(subject, token_ids[sequence_id], exemplars, sites):
            check.cover("exemplars")
            _compare(each, truth, tolerance, check)


def _site(stated: Mapping[str, Any]) -> Site:
    return Site(**stated)


def _check_tokenizer(manifest: Mapping[str, Any], subject: "Subject", check: Examination) -> None:
    stated = manifest["subject"].get("tokenizer_sha256")
    found = subject.provenance()["tokenizer_sha256"]
    check.cover("tokenizer")
    if stated != found:
        check.find(
            f"the tokenizer at hand has the sha256 {found[:12]}..., the manifest says "
            f"{str(stated)[:12]}...: token ids may stand for other tokens",
            file="manifest.json",
            remedy="restore the manifest or the subject's tokenizer",
        )


def _draw(parts: Parts, count: int, seed: int) -> Iterator[_Drawn]:
    """Exemplars of all sites in turn."""
    generator = random.Random(seed)  # noqa: S311 -- a sample, not a secret
    by_site = [members for site in parts.sites() if (members := parts.of("exemplars", site))]
    wanted: dict[str, set[int]] = defaultdict(set)
    files = {part.file: part for members in by_site for part in members}
    for turn in range(count if by_site else 0):
        members = by_site[turn % len(by_site)]
        row = generator.randrange(max(1, sum(part.n_rows for part in members)))
        for part in members:
            if row < part.n_rows:
                wanted[part.file].add(row)
                break
            row -= part.n_rows
    for file, rows in sorted(wanted.items()):
        yield from _exemplars(files[file], sorted(rows))


def _exemplars(part: Part, rows: Sequence[int]) -> Iterator[_Drawn]:
    """Single rows of a part; only the row groups that hold them are read."""
    columns = ["site", "unit", "polarity", "sequence_id", "activations"]
    with pq.ParquetFile(part.path) as file:
        starts = np.cumsum(
            [0, *(file.metadata.row_group(i).num_rows for i in range(file.num_row_groups))]
        )
        for row in rows:
            group = int(np.searchsorted(starts, row, side="right")) - 1
            there = file.read_row_group(group, columns=columns)
            (found,) = there.slice(row - int(starts[group]), 1).to_pylist()
            if found["unit"] < 0 or found["polarity"] not in (1, -1):
                continue
            yield _Drawn(
                file=part.file,
                row=row,
                unit=UnitId(found["site"], found["unit"], found["polarity"]),
                sequence_id=found["sequence_id"],
                activations=np.array(found["activations"], dtype=np.float32),
            )


def _token_ids(parts: Parts, ids: set[int]) -> dict[int, list[int]]:
    wanted = pa.array(sorted(ids), pa.int64())
    found: dict[int, list[int]] = {}
    for part in parts.of("sequences"):
        for rows in part.batches(["sequence_id", "token_ids"]):
            chosen = pc.is_in(rows.column("sequence_id"), value_set=wanted)
            for row in rows.batch.filter(chosen).to_pylist():
                found[row["sequence_id"]] = row["token_ids"]
    return found


def _fresh(
    subject: "Subject",
    token_ids: Sequence[int],
    exemplars: Sequence[_Drawn],
    sites: Mapping[str, Site],
) -> Iterator[tuple[_Drawn, Numbers]]:
    """What the subject does now on one sequence, for each of its exemplars."""
    import torch  # noqa: PLC0415

    values: dict[str, Numbers] = {}

    def receive(site: Site, activations: torch.Tensor) -> None:
        units = sorted({each.unit.index for each in exemplars if each.unit.site == site.name})
        inside = [unit for unit in units if unit < site.width]
        columns = activations[0][:, inside].float().cpu().numpy()
        values.update({f"{site.name}/{unit}": columns[:, turn] for turn, unit in enumerate(inside)})

    used = [sites[name] for name in sorted({each.unit.site for each in exemplars})]
    subject.capture(torch.tensor([token_ids]), torch.tensor([len(token_ids)]), used, receive)
    for each in exemplars:
        fresh = values.get(f"{each.unit.site}/{each.unit.index}")
        if fresh is not None:
            yield each, fresh * each.unit.polarity


def _compare(exemplar: _Drawn, truth: Numbers, tolerance: float, check: Examination) -> None:
    stored = exemplar.activations
    place = {"table": "exemplars", "file": exemplar.file, "about": str(exemplar.unit)}
    if len(stored) != len(truth):
        check.find(
            f"{len(stored)} activations, where the subject gives {len(truth)} on sequence "
            f"{exemplar.sequence_id}",
            row=exemplar.row,
            **place,
        )
        return
    scale = max(float(np.nanmax(np.abs(truth), initial=0.0)), _SMALLEST)
    same = (stored == truth) | (np.isnan(stored) & np.isnan(truth))
    with np.errstate(invalid="ignore"):
        away = np.where(same, 0.0, np.abs(stored - truth) / scale)
    away = np.where(np.isnan(away), np.inf, away)
    worst = int(away.argmax())
    if away[worst] > tolerance:
        check.find(
            f"activation {worst} on sequence {exemplar.sequence_id} is {stored[worst]:g}, but the "
            f"subject gives {truth[worst]:g}, {away[worst]:.2g} of the largest away (at most "
            f"{tolerance:.2g} is rounding)",
            row=exemplar.row,
            **place,
        )
