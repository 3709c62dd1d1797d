"""One recording over a Ray cluster: every actor a shard with a subject of its own, merged in pairs.

An actor that is lost (its machine, its memory) is started again elsewhere and records its shard
anew; shards depend on nothing but the corpus, so the result is the same. Parts are merged as they
arrive, two at a time, so no machine holds more than two states and the one that asked receives one.
"""

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from neuroscribe.errors import InputError, StudyError
from neuroscribe.recorder.run import Shard
from neuroscribe.study.merging import MemoryPart, merge_parts, open_shard, write_merged

_RESTARTS = 3


def record_over_ray(
    root: Path, plan: Mapping[str, Any], arguments: Mapping[str, Any], *, processes: int
) -> dict[str, Any]:
    """Record into the study at `root`, a shard in each actor.

    Ray is started on this machine unless the caller has connected to a cluster (`ray.init`). An
    actor asks for one CPU, and for one GPU if the plan's device is a GPU.

    Args:
        root: the study's directory.
        plan: arguments of `Study.create`, without the path; all machines must find what it names.
        arguments: arguments of `Study.record`.
        processes: how many actors.

    Returns:
        The manifest.

    Raises:
        StudyError: ray is not installed, or an actor was lost more often than it is restarted.
        InputError: whatever a shard's recording raises.
    """
    try:
        import ray  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise StudyError("ray is not installed; pip install 'neuroscribe[ray]'") from error

    started = not ray.is_initialized()
    if started:
        ray.init(include_dashboard=False, log_to_driver=False)
    try:
        on_gpu = str(plan["device"]).startswith("cuda")
        actor: Any = ray.remote(max_restarts=_RESTARTS, max_task_retries=_RESTARTS)(ShardRecorder)
        merge = ray.remote(merge_parts)
        recorders = [
            actor.options(num_cpus=1, num_gpus=1 if on_gpu else 0).remote()
            for _ in range(processes)
        ]
        # An actor holds its CPU until it is forgotten, and others may wait for that CPU.
        busy = {
            recorder.record.remote(dict(plan), dict(arguments), index, processes): recorder
            for index, recorder in enumerate(recorders)
        }
        del recorders
        pending, ready = list(busy), []
        while pending:
            (done,), pending = ray.wait(pending)
            busy.pop(done, None)
            ready.append(done)
            if len(ready) == 2:
                pending.append(merge.remote(*ready))
                ready = []
        return write_merged(root, [ray.get(ready[0])])
    except (ray.exceptions.RayTaskError, ray.exceptions.RayActorError) as error:
        # What an actor raises comes as the cause of the merge that waited for it.
        cause = getattr(error, "cause", error)
        if isinstance(cause, InputError):
            raise cause from error
        if isinstance(cause, ray.exceptions.RayActorError):
            raise StudyError(
                f"an actor that recorded into {root} was lost {_RESTARTS + 1} times; "
                f"look into Ray's logs for the reason: {cause}"
            ) from error
        raise
    finally:
        if started:
            ray.shutdown()


PLUGIN = record_over_ray


class ShardRecorder:
    """Runs in an actor: records one shard and hands over its state."""

    def record(
        self, plan: dict[str, Any], arguments: dict[str, Any], index: int, count: int
    ) -> MemoryPart:
        """Record shard `index` of `count` on this machine's disk and read it back."""
        from neuroscribe.study.study import Study  # noqa: PLC0415  (imports the engines)

        shard = Shard(index=index, count=count)
        with tempfile.TemporaryDirectory(prefix="neuroscribe-shard-") as folder:
            study = Study.create(folder, **plan)
            study.record(shard=str(shard), **arguments)
            with ExitStack() as files:
                return MemoryPart.of(open_shard(Path(folder), files))
