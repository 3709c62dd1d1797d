"""Which weights: the files of a model, and a hash that identifies them.

One file keeps the hash that hubs publish for it. A model in hand has no file, so its tensors are
hashed by name, type, shape and bytes; that hash differs from a file's and compares only with its
kind.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence as Seq
from pathlib import Path

import torch
from huggingface_hub import try_to_load_from_cache
from torch import Tensor

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"


def weights_files(location: str, revision: str | None) -> tuple[Path, ...]:
    """The safetensors files of a folder, or of a hub model already in the cache, by name."""
    single = _find(location, WEIGHTS, revision)
    if single is not None:
        return (single,)
    index = _find(location, INDEX, revision)
    if index is None:
        return ()
    names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    return tuple(path for name in names if (path := _find(location, name, revision)))


def cached_commit(name: str, revision: str | None) -> str | None:
    """The commit at which a hub model lies in the local cache; None if it does not."""
    cached = try_to_load_from_cache(name, "config.json", revision=revision)
    return Path(cached).parent.name if isinstance(cached, str) else None


def sha256_of_files(paths: Seq[Path]) -> str:
    """The hash of one file; of several, the hash of their hashes in order of name."""
    hashes = []
    for path in sorted(paths):
        with path.open("rb") as file:
            hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def sha256_of_tensors(tensors: Mapping[str, Tensor]) -> str:
    """A hash over names, types, shapes and bytes; the same on every device."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach()
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _find(location: str, name: str, revision: str | None) -> Path | None:
    if Path(location).is_dir():
        path = Path(location) / name
        return path if path.is_file() else None
    cached = try_to_load_from_cache(location, name, revision=revision)
    return Path(cached) if isinstance(cached, str) else None
