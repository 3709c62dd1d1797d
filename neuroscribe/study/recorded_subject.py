"""The very model that a study recorded, loaded again.

Whatever runs the subject after the recording (ablation, revision, contrast, weights, the spot check
of `verify`) says something of the study only if the weights are the same, so their hash is compared
with the manifest's.
"""

import re
from collections.abc import Mapping
from typing import Any

from neuroscribe.errors import StudyError
from neuroscribe.subjects import Subject, load_subject

_COMMIT = re.compile(r"[0-9a-f]{40}")


def load_recorded_subject(manifest: Mapping[str, Any], *, device: str = "auto") -> Subject:
    """The subject that a study's manifest names.

    Args:
        manifest: of the study.
        device: `auto`, `cpu`, `cuda`, ...

    Raises:
        StudyError: the weights at hand are others, or it is not known which they were.
        SubjectError: the model is not at hand.
    """
    recorded = manifest["subject"]
    if "imported" in manifest:
        raise StudyError(
            f"this study was imported from {manifest['imported']['format']}, so it is not known "
            f"which weights of {recorded['name']} it is about, and nothing can be run on them"
        )
    revision = recorded["revision"] or ""
    subject = load_subject(
        recorded["name"],
        device=device,
        dtype=recorded["dtype"],
        revision=revision if _COMMIT.fullmatch(revision) else None,
    )
    if subject.weights_sha256 != recorded["weights_sha256"]:
        raise StudyError(
            f"the weights of {recorded['name']} at hand are not those that were recorded "
            f"(sha256 {subject.weights_sha256[:12]}, not {recorded['weights_sha256'][:12]}), "
            "so what it does now says nothing about this study"
        )
    return subject
