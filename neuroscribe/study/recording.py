"""The recording stage: from subject and corpus to the tables sequences, units and exemplars."""

import dataclasses
import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
import transformers

from neuroscribe._version import __version__
from neuroscribe.datasets.corpus import Corpus
from neuroscribe.datasets.manifest import write_manifest
from neuroscribe.datasets.precision import SIGNIFICANT_BITS, rounded_exemplars
from neuroscribe.datasets.store import remove_leftovers, write_part
from neuroscribe.errors import StudyError
from neuroscribe.recorder.checkpoint import Progress, save_checkpoint
from neuroscribe.recorder.placement import RowsBudget
from neuroscribe.recorder.run import BITS_FOLDER, Checkpoints, Recording, Shard, record
from neuroscribe.recorder.settings import RecorderSettings
from neuroscribe.recorder.site_recorder import SiteRecorder
from neuroscribe.recorder.tables import exemplars_table, units_table, vectors_table
from neuroscribe.records import content_hash
from neuroscribe.subjects import Subject

CHECKPOINT = "recording.safetensors"


def record_study(
    root: Path,
    subject: Subject,
    corpus: Corpus,
    *,
    sites: str | Sequence[str],
    settings: RecorderSettings,
    checkpoint_seconds: float,
    shard: Shard | None = None,
    rows_budget: RowsBudget | None = None,
) -> dict[str, Any]:
    """Record into the study at `root`, going on from a checkpoint if there is one.

    The manifest is written last: a study without one was never completed, and recording it again
    completes it with the same result. A shard keeps its state in place of the tables that only the
    whole has.

    Returns:
        The manifest.
    """
    remove_leftovers(root)
    chosen = subject.sites(sites)
    plan = {
        "subject": subject.provenance() | {"sites": [dataclasses.asdict(s) for s in chosen]},
        "corpus": corpus.provenance(),
        "recorder": dataclasses.asdict(settings),
    }
    fingerprint = content_hash(json.dumps([plan, str(shard)], sort_keys=True, default=str))
    checkpoint = root / CHECKPOINT
    recording = record(
        subject,
        corpus,
        sites=[site.name for site in chosen],
        settings=settings,
        checkpoints=Checkpoints(
            path=checkpoint, fingerprint=fingerprint, interval_seconds=checkpoint_seconds
        ),
        shard=shard,
        rows_budget=rows_budget,
    )
    write_part(root, "sequences", recording.sequences)
    for name, spool in recording.spools.items():
        write_bits(root, name, spool.tables())
    manifest = {
        "versions": {
            "neuroscribe": __version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
        **plan,
        "recorded": {
            "sequences": recording.n_sequences,
            "tokens": recording.n_tokens,
            "sequences_sha256": recording.sequences_sha256,
        },
        "stored": {"activation_bits": SIGNIFICANT_BITS},
    }
    if shard is not None:
        _keep_state(checkpoint, recording, fingerprint)
        manifest["shard"] = {"index": shard.index, "count": shard.count}
        write_manifest(root, manifest)
    else:
        for recorder in recording.recorder.sites.values():
            write_site(root, recorder)
        write_manifest(root, manifest)
    remove_scratch(root, keep_state=shard is not None)
    return manifest


def remove_scratch(root: Path, *, keep_state: bool) -> None:
    """Delete what only a recording under way needs."""
    shutil.rmtree(root / BITS_FOLDER, ignore_errors=True)
    if not keep_state:
        (root / CHECKPOINT).unlink(missing_ok=True)


def write_site(root: Path, recorder: SiteRecorder) -> None:
    """Write the tables of one site; activations of exemplars are rounded (`precision`)."""
    site = recorder.site.name
    write_part(root, "units", units_table(recorder), site=site)
    write_part(root, "exemplars", rounded_exemplars(exemplars_table(recorder)), site=site)
    if recorder.settings.keep_vectors:
        write_part(root, "vectors", vectors_table(recorder), site=site)


def write_bits(root: Path, site: str, tables: Iterable[pa.Table]) -> None:
    """Write which units of a site fire on which sequences."""
    for table in tables:
        write_part(root, "bits", table, site=site)


def _keep_state(path: Path, recording: Recording, fingerprint: str) -> None:
    progress = Progress(digest=recording.sequences_sha256, finished=True)
    save_checkpoint(
        path, recording.recorder.state_dict(), fingerprint=fingerprint, progress=progress
    )


def require_same(
    root: Path,
    manifest: dict[str, Any],
    *,
    settings: RecorderSettings,
    sites: Sequence[str],
    shard: Shard | None = None,
) -> None:
    """Refuse to record a study again with other settings.

    Raises:
        StudyError: naming what differs.
    """
    wanted = dataclasses.asdict(settings)
    differing = [
        f"{name} is {value}, asked for {wanted[name]}"
        for name, value in manifest["recorder"].items()
        if wanted[name] != value
    ]
    recorded = [site["name"] for site in manifest["subject"]["sites"]]
    if recorded != list(sites):
        differing.append(f"sites are {', '.join(recorded)}, asked for {', '.join(sites)}")
    there = Shard(**manifest["shard"]) if "shard" in manifest else None
    if there != shard:
        differing.append(f"shard is {there or 'all'}, asked for {shard or 'all'}")
    if differing:
        raise StudyError(
            f"{root} was recorded with other settings ({'; '.join(differing)}); "
            "record into another directory"
        )
