"""A recorder's state on disk, so that a killed recording goes on where it was.

One safetensors file, replaced atomically: at any moment there is either none or a complete one. It
carries a fingerprint of everything that decides the recording (subject, corpus, settings, sites,
shard), how far the corpus was read, and a hash of the sequences recorded so far; a checkpoint of
another recording is refused, never mixed in. A finished shard is the same file.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence as Seq
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from neuroscribe.datasets.store import temporary_path, write_atomically
from neuroscribe.errors import StudyError
from neuroscribe.records import Sequence

_MODULUS = 2**256


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a recording has come."""

    position: int = 0
    """Batches of the corpus that were read or, in a shard, passed over."""
    digest: str = "0" * 64
    """Sum of the hashes of the sequences recorded, so it adds up over shards."""
    finished: bool = False

    def add(self, sequences: Seq[Sequence]) -> "Progress":
        """The progress after a batch was recorded."""
        total = int(self.digest, 16)
        for sequence in sequences:
            content = f"{sequence.sequence_id} {sequence.split} {sequence.token_ids}".encode()
            total += int.from_bytes(hashlib.sha256(content).digest(), "big")
        return Progress(position=self.position + 1, digest=_hex(total))

    def skip(self) -> "Progress":
        """The progress after a batch of another shard."""
        return Progress(position=self.position + 1, digest=self.digest)


def sum_digests(digests: Seq[str]) -> str:
    """The digest of a recording from those of its shards."""
    return _hex(sum(int(digest, 16) for digest in digests))


def _hex(total: int) -> str:
    return f"{total % _MODULUS:064x}"


def save_checkpoint(
    path: Path, state: dict[str, torch.Tensor], *, fingerprint: str, progress: Progress
) -> None:
    """Replace the checkpoint by a recorder's present state.

    Raises:
        StoreError: the disk is full.
    """
    tensors = {name: tensor.contiguous() for name, tensor in state.items()}
    metadata = {"fingerprint": fingerprint, "progress": json.dumps(asdict(progress))}

    def write(temporary: Path) -> None:
        # safetensors has a temporary file of its own, which a kill leaves beside the target.
        folder = temporary_path(path.with_name("checkpoint"))
        folder.mkdir(exist_ok=True)
        try:
            save_file(tensors, folder / path.name, metadata)
            (folder / path.name).replace(temporary)
        except SafetensorError as error:
            raise OSError(str(error)) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    write_atomically(path, write)


class Checkpoint:
    """An open checkpoint; tensors are read when asked for."""

    def __init__(self, path: Path, file: Any) -> None:
        self._file = file
        self.path = path
        metadata = file.metadata() or {}
        if not {"fingerprint", "progress"} <= metadata.keys():
            raise StudyError(
                f"{path} is damaged (it is not a checkpoint of a recording); "
                "delete it to start anew"
            )
        self.fingerprint = str(metadata["fingerprint"])
        self.progress = Progress(**json.loads(metadata["progress"]))

    def require(self, fingerprint: str) -> None:
        """Check that it belongs to a recording.

        Raises:
            StudyError: it is of another one.
        """
        if self.fingerprint != fingerprint:
            raise StudyError(
                f"{self.path} is the checkpoint of a recording with other settings; "
                "repeat those settings, or delete the file to start anew"
            )

    @property
    def has_rows(self) -> bool:
        """Whether the rows of exemplars were kept in the pass."""
        return any(name.endswith("/rows") for name in self._file.keys())  # noqa: SIM118

    def state(self, prefix: str = "") -> dict[str, torch.Tensor]:
        """The tensors whose names begin with `prefix`, without it."""
        return {
            name.removeprefix(prefix): self._file.get_tensor(name)
            for name in self._file.keys()  # noqa: SIM118
            if name.startswith(prefix)
        }


@contextmanager
def open_checkpoint(path: Path) -> Iterator[Checkpoint]:
    """Open a checkpoint.

    Raises:
        StudyError: the file is damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            yield Checkpoint(path, file)
    except FileNotFoundError as error:
        raise StudyError(f"{path} is missing; record into its directory again") from error
    except SafetensorError as error:
        raise StudyError(f"{path} is damaged ({error}); delete it to start anew") from error
