"""A recorder's state on disk, so that a killed recording goes on where it was.

One safetensors file, replaced atomically: at any moment there is either none or a complete one. It
carries a fingerprint of everything that decides the recording (subject, corpus, settings, sites)
and a hash of the sequences read so far; a checkpoint of another recording is refused, never mixed
in.
"""

import hashlib
from collections.abc import Sequence as Seq
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from neuroscribe.datasets.store import write_atomically
from neuroscribe.errors import StudyError
from neuroscribe.recorder.recorder import Recorder
from neuroscribe.records import Sequence


class SequenceDigest:
    """A running hash of the sequences that were read, in order."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, sequences: Seq[Sequence]) -> None:
        """Take in the next sequences."""
        for sequence in sequences:
            self._hash.update(f"{sequence.split} {sequence.token_ids}".encode())

    def hexdigest(self) -> str:
        """The hash so far."""
        return self._hash.hexdigest()


def save_checkpoint(path: Path, recorder: Recorder, *, fingerprint: str, digest: str) -> None:
    """Replace the checkpoint by the recorder's present state.

    Raises:
        StoreError: the disk is full.
    """
    tensors = {name: tensor.contiguous() for name, tensor in recorder.state_dict().items()}

    def write(temporary: Path) -> None:
        try:
            save_file(tensors, temporary, {"fingerprint": fingerprint, "digest": digest})
        except SafetensorError as error:
            raise OSError(str(error)) from error

    write_atomically(path, write)


def load_checkpoint(path: Path, recorder: Recorder, *, fingerprint: str) -> str | None:
    """Bring a recorder to the state of the checkpoint, if there is one.

    Returns:
        The digest of the sequences that the state has seen; None where there is no checkpoint.

    Raises:
        StudyError: the checkpoint belongs to another recording.
    """
    if not path.exists():
        return None
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    if metadata["fingerprint"] != fingerprint:
        raise StudyError(
            f"{path} is the checkpoint of a recording with other settings; "
            "repeat those settings, or delete the file to start anew"
        )
    recorder.load_state_dict(load_file(path))
    return str(metadata["digest"])
