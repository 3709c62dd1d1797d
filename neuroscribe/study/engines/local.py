"""One recording in several processes of this machine: every process a shard, then a merge.

Small models leave cores idle that several processes keep busy, and of several GPUs each process
takes one. Each shard has its own checkpoints, so the same call goes on after a kill.
"""

import multiprocessing
import shutil
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import torch

from neuroscribe import progress
from neuroscribe.errors import StudyError
from neuroscribe.recorder.run import Shard
from neuroscribe.study.engines import SHARDS_FOLDER
from neuroscribe.study.merging import merge_shards


def record_in_processes(
    root: Path, plan: Mapping[str, Any], arguments: Mapping[str, Any], *, processes: int
) -> dict[str, Any]:
    """Record into the study at `root`, a shard in each process.

    Args:
        root: the study's directory.
        plan: arguments of `Study.create`, without the path.
        arguments: arguments of `Study.record`.
        processes: how many.

    Returns:
        The manifest.

    Raises:
        StudyError: a process was killed.
        InputError: whatever a shard's recording raises.
    """
    folders = [root / SHARDS_FOLDER / f"{index + 1}-of-{processes}" for index in range(processes)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        shards = [
            pool.submit(_record_shard, folder, dict(plan), dict(arguments), index, processes)
            for index, folder in enumerate(folders)
        ]
        try:
            for shard in shards:
                shard.result()
        except BrokenProcessPool as error:
            raise StudyError(
                f"a process that recorded into {root} was killed (out of memory?); "
                "run the same command again to go on, perhaps with fewer processes"
            ) from error
    manifest = merge_shards(root, folders)
    shutil.rmtree(root / SHARDS_FOLDER)
    return manifest


PLUGIN = record_in_processes


def _record_shard(
    folder: Path, plan: dict[str, Any], arguments: dict[str, Any], index: int, count: int
) -> None:
    """Runs in a process of its own."""
    from neuroscribe.study.study import Study  # noqa: PLC0415  (imports this module)

    torch.set_num_threads(max(1, torch.get_num_threads() // count))
    progress.show(visible=index == 0)
    device = plan["device"]
    if device in ("auto", "cuda") and torch.cuda.device_count() > 1:
        plan["device"] = f"cuda:{index % torch.cuda.device_count()}"
    study = Study.create(folder, **plan)
    study.record(shard=str(Shard(index=index, count=count)), **arguments)
