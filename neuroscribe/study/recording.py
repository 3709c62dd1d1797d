"""The recording stage: from subject and corpus to the tables sequences, units and exemplars."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from neuroscribe._version import __version__
from neuroscribe.datasets.corpus import Corpus
from neuroscribe.datasets.manifest import write_manifest
from neuroscribe.datasets.store import write_part
from neuroscribe.errors import StudyError
from neuroscribe.recorder.run import Checkpoints, record
from neuroscribe.recorder.settings import RecorderSettings
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
) -> dict[str, Any]:
    """Record into the study at `root`, going on from a checkpoint if there is one.

    The manifest is written last: a study without one was never completed, and recording it again
    completes it with the same result.

    Returns:
        The manifest.
    """
    chosen = subject.sites(sites)
    plan = {
        "subject": subject.provenance() | {"sites": [dataclasses.asdict(s) for s in chosen]},
        "corpus": corpus.provenance(),
        "recorder": dataclasses.asdict(settings),
    }
    checkpoint = root / CHECKPOINT
    recording = record(
        subject,
        corpus,
        sites=[site.name for site in chosen],
        settings=settings,
        checkpoints=Checkpoints(
            path=checkpoint,
            fingerprint=content_hash(json.dumps(plan, sort_keys=True, default=str)),
            interval_seconds=checkpoint_seconds,
        ),
    )
    write_part(root, "sequences", recording.sequences)
    for site in chosen:
        write_part(root, "units", recording.recorder.units(site.name), site=site.name)
        write_part(root, "exemplars", recording.recorder.exemplars(site.name), site=site.name)
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
    }
    write_manifest(root, manifest)
    checkpoint.unlink(missing_ok=True)
    return manifest


def require_same(
    root: Path, manifest: dict[str, Any], *, settings: RecorderSettings, sites: Sequence[str]
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
    if differing:
        raise StudyError(
            f"{root} was recorded with other settings ({'; '.join(differing)}); "
            "record into another directory"
        )
