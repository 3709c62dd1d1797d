"""Shards of one recording become one study, the same to the bit as if it had been made in one run.

A shard's state is a mergeable summary, so parts may be put together in any order and in any number
of steps: at once from their files, site by site (no more than two sites are in memory), or in pairs
as they arrive from other machines.
"""

import functools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from neuroscribe.datasets.manifest import read_manifest, write_manifest
from neuroscribe.datasets.store import read, write_part
from neuroscribe.errors import StudyError
from neuroscribe.recorder.checkpoint import Checkpoint, open_checkpoint, sum_digests
from neuroscribe.recorder.settings import RecorderSettings
from neuroscribe.recorder.site_recorder import SiteRecorder
from neuroscribe.records import Site
from neuroscribe.study.recording import CHECKPOINT, write_bits, write_site


@runtime_checkable
class Part(Protocol):
    """Some shards of a recording."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def manifest(self) -> dict[str, Any]:
        """What it was made from; `shards` lists the indices of the shards that are in it."""

    @property
    def sequences(self) -> pa.Table:
        """The sequences it keeps."""

    def state(self, site: str) -> dict[str, Tensor]:
        """The state of one site's recorder."""

    def bits(self, site: str) -> pa.Table:
        """Which units of a site fire on which of its sequences."""


@dataclass(frozen=True)
class FilePart:
    """One shard's directory."""

    path: Path
    manifest: dict[str, Any]
    checkpoint: Checkpoint

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.path)

    @property
    def sequences(self) -> pa.Table:
        """The sequences it keeps."""
        return read(self.path, "sequences")

    def state(self, site: str) -> dict[str, Tensor]:
        """The state of one site's recorder."""
        return self.checkpoint.state(f"{site}/")

    def bits(self, site: str) -> pa.Table:
        """Which units of a site fire on which of its sequences."""
        return read(self.path, "bits", site=site)


@dataclass(frozen=True)
class MemoryPart:
    """Any number of shards, in memory."""

    name: str
    manifest: dict[str, Any]
    sequences: pa.Table
    states: dict[str, dict[str, Tensor]]
    firing: dict[str, pa.Table]

    @classmethod
    def of(cls, part: Part) -> "MemoryPart":
        """Read a part whole."""
        sites = [site.name for site in _sites(part.manifest)]
        return cls(
            name=part.name,
            manifest=part.manifest,
            sequences=part.sequences,
            states={site: part.state(site) for site in sites},
            firing={site: part.bits(site) for site in sites},
        )

    def state(self, site: str) -> dict[str, Tensor]:
        """The state of one site's recorder."""
        return self.states[site]

    def bits(self, site: str) -> pa.Table:
        """Which units of a site fire on which of its sequences."""
        return self.firing[site]


def open_shard(path: Path, files: ExitStack) -> FilePart:
    """Open a finished shard.

    Args:
        path: its directory.
        files: closes the shard's file.

    Raises:
        StudyError: it is no shard, or not finished.
    """
    manifest = read_manifest(path)
    if "shard" not in manifest:
        raise StudyError(f"{path} is a whole study, not a shard of one; there is nothing to merge")
    manifest["shards"] = [manifest["shard"]["index"]]
    return FilePart(path, manifest, files.enter_context(open_checkpoint(path / CHECKPOINT)))


def merge_shards(root: Path, shards: Sequence[Path]) -> dict[str, Any]:
    """Write the study at `root` from the directories of all its shards.

    Returns:
        The manifest.

    Raises:
        StudyError: a shard is missing, given twice, unfinished, or of another recording.
    """
    if not shards:
        raise StudyError("there are no shards to merge; name the directories of all of them")
    with ExitStack() as files:
        return write_merged(root, [open_shard(path, files) for path in shards])


def write_merged(root: Path, parts: Sequence[Part]) -> dict[str, Any]:
    """Write the study at `root` from parts that hold all its shards.

    Returns:
        The manifest.

    Raises:
        StudyError: a shard is missing, given twice, or of another recording.
    """
    manifest = _merged_manifest(parts)
    missing = set(range(manifest["shard"]["count"])) - set(manifest["shards"])
    if missing:
        named = ", ".join(str(index + 1) for index in sorted(missing))
        raise StudyError(f"shards {named} of {manifest['shard']['count']} are missing")
    kept = []
    for site in _sites(manifest):
        recorder = functools.reduce(_merge_into, _recorders(site, parts))
        write_site(root, recorder)
        kept.append(recorder.kept_ids())
        if recorder.settings.keep_bits:
            firing = pa.concat_tables(part.bits(site.name) for part in parts)
            write_bits(root, site.name, [firing.sort_by("sequence_id")])
    write_part(root, "sequences", _kept_sequences(parts, torch.cat(kept).unique()))
    of_parts = ("format_version", "shard", "shards")
    whole = {name: manifest[name] for name in manifest if name not in of_parts}
    write_manifest(root, whole)
    return whole


def merge_parts(left: Part, right: Part) -> MemoryPart:
    """One part of two.

    Raises:
        StudyError: they share a shard, or belong to different recordings.
    """
    manifest = _merged_manifest([left, right])
    sites = _sites(manifest)
    recorders = {site.name: _merge_into(*_recorders(site, [left, right])) for site in sites}
    kept = torch.cat([recorder.kept_ids() for recorder in recorders.values()]).unique()
    return MemoryPart(
        name=f"{left.name} with {right.name}",
        manifest=manifest,
        sequences=_kept_sequences([left, right], kept),
        states={name: recorder.state_dict() for name, recorder in recorders.items()},
        firing={
            site.name: pa.concat_tables([left.bits(site.name), right.bits(site.name)])
            for site in sites
        },
    )


def _merged_manifest(parts: Sequence[Part]) -> dict[str, Any]:
    first, *others = parts
    shards = list(first.manifest["shards"])
    for part in others:
        for about in ("subject", "corpus", "recorder"):
            if part.manifest[about] != first.manifest[about]:
                raise StudyError(
                    f"{part.name} and {first.name} were recorded with different {about} settings; "
                    "only shards of one recording can be merged"
                )
        if part.manifest["shard"]["count"] != first.manifest["shard"]["count"]:
            raise StudyError(f"{part.name} and {first.name} were cut into different numbers")
        shards.extend(part.manifest["shards"])
    for index in shards:
        if shards.count(index) > 1:
            raise StudyError(f"shard {index + 1} was given twice")
    recorded = [part.manifest["recorded"] for part in parts]
    return first.manifest | {
        "shards": sorted(shards),
        "recorded": {
            "sequences": sum(numbers["sequences"] for numbers in recorded),
            "tokens": sum(numbers["tokens"] for numbers in recorded),
            "sequences_sha256": sum_digests([n["sequences_sha256"] for n in recorded]),
        },
    }


def _sites(manifest: dict[str, Any]) -> list[Site]:
    return [Site(**site) for site in manifest["subject"]["sites"]]


def _recorders(site: Site, parts: Sequence[Part]) -> Iterator[SiteRecorder]:
    """Each part's recorder of a site, read when it is asked for."""
    vocabulary: tuple[int, ...] | None = None
    for part in parts:
        state = part.state(site.name)
        words = tuple(state["token_sums/vocabulary"].tolist())
        if vocabulary is None:
            vocabulary = words
        elif words != vocabulary:
            raise StudyError(
                f"{part.name} was recorded from another corpus than {parts[0].name}: "
                "their look-up tables are about different tokens"
            )
        recorder = SiteRecorder(
            site, RecorderSettings(**part.manifest["recorder"]), vocabulary=words
        )
        recorder.load_state_dict(state)
        yield recorder


def _merge_into(left: SiteRecorder, right: SiteRecorder) -> SiteRecorder:
    left.merge(right)
    return left


def _kept_sequences(parts: Sequence[Part], kept: Tensor) -> pa.Table:
    sequences = pa.concat_tables(part.sequences for part in parts)
    wanted = pc.field("sequence_id").isin(pa.array(kept.numpy()))
    return sequences.filter(wanted).sort_by("sequence_id")
