"""From what a user planned to a recording: the subject and the corpus opened, the way chosen.

A recording that is there is left as it is, if it is the one that was asked for; one that was begun
goes on; shards, several processes and a cluster are ways to the same tables.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neuroscribe import registry
from neuroscribe.datasets.corpus import open_corpus
from neuroscribe.datasets.manifest import JOURNAL
from neuroscribe.datasets.schema import SCHEMAS
from neuroscribe.datasets.store import TEMPORARY_PREFIX
from neuroscribe.errors import StudyError
from neuroscribe.recorder.placement import RowsBudget
from neuroscribe.recorder.run import BITS_FOLDER, Shard
from neuroscribe.recorder.settings import RecorderSettings
from neuroscribe.study.engines import SHARDS_FOLDER
from neuroscribe.study.recording import CHECKPOINT, record_study, remove_scratch, require_same
from neuroscribe.subjects import load_subject


def record_planned(
    root: Path,
    plan: Mapping[str, Any],
    manifest: dict[str, Any] | None,
    *,
    sites: str | Sequence[str],
    checkpoint_seconds: float,
    rows_memory_mb: int | None,
    shard: str | None,
    processes: int,
    engine: str,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Record into the study at `root`; see `Study.record`.

    Args:
        root: the study's directory.
        plan: arguments of `Study.create`, without the path.
        manifest: of the recording that is there, if any.
        sites: selectors.
        checkpoint_seconds: how much time a kill may cost.
        rows_memory_mb: memory for rows of exemplars.
        shard: `I/N`, or None for the whole.
        processes: how many record at once.
        engine: a registered name.
        settings: fields of `RecorderSettings`.

    Returns:
        The manifest.
    """
    wanted = RecorderSettings(**settings)
    part = None if shard is None else Shard.parse(shard)
    if part is not None and processes > 1:
        raise StudyError("a shard is recorded by one process; leave out one of the two")
    corpus = open_corpus(plan["corpus"])
    subject = load_subject(
        plan["subject"], device=plan["device"], dtype=plan["dtype"], revision=plan["revision"]
    )
    if manifest is not None:
        names = [site.name for site in subject.sites(sites)]
        require_same(root, manifest, settings=wanted, sites=names, shard=part)
        # A kill may have come between the last table and the cleaning up.
        remove_scratch(root, keep_state=part is not None)
        return manifest
    require_free(root)
    if processes > 1 or engine != "local":
        record_in_parts = registry.load("engine", engine)
        arguments = {
            "sites": sites,
            "checkpoint_seconds": checkpoint_seconds,
            "rows_memory_mb": rows_memory_mb,
            **settings,
        }
        recorded: dict[str, Any] = record_in_parts(root, plan, arguments, processes=processes)
        return recorded
    return record_study(
        root,
        subject,
        corpus,
        sites=sites,
        settings=wanted,
        checkpoint_seconds=checkpoint_seconds,
        shard=part,
        rows_budget=RowsBudget(device_mb=rows_memory_mb, host_mb=rows_memory_mb),
    )


def require_free(root: Path) -> None:
    """Refuse a directory that holds something else than a recording that was begun.

    Raises:
        StudyError: it does.
    """
    own = {*SCHEMAS, CHECKPOINT, JOURNAL, BITS_FOLDER, SHARDS_FOLDER}
    entries = root.iterdir() if root.is_dir() else ()
    strange = [
        entry.name
        for entry in entries
        if entry.name not in own and not entry.name.startswith(TEMPORARY_PREFIX)
    ]
    if strange:
        raise StudyError(
            f"{root} holds other files ({', '.join(sorted(strange)[:3])}); "
            "choose an empty or new directory"
        )
