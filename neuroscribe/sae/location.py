"""From what a user writes to a file or folder on this machine.

A path is taken as it is. `hf:OWNER/NAME[:SUBFOLDER]` is fetched through huggingface_hub into its
cache, and only the subfolder: repositories of autoencoders hold hundreds of them, so without a
subfolder nothing but the files at the top is fetched, and a repository that has none there is
answered with the folders it has.
"""

from pathlib import Path

import httpx2
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)

from neuroscribe.errors import SaeError

_HUB = "hf:"
_WEIGHTS = (".safetensors", ".pt", ".json")
_SHOWN = 8


def locate(source: str | Path) -> Path:
    """The file or folder that a path, or a name on the hub, stands for.

    Raises:
        SaeError: there is none, or the hub cannot be asked.
    """
    if isinstance(source, str) and source.startswith(_HUB):
        return _fetched(source)
    path = Path(source).expanduser()
    if not path.exists():
        raise SaeError(
            f"there is no {path}; give a file, a folder, or hf:OWNER/NAME:SUBFOLDER for the hub"
        )
    return path


def _fetched(source: str) -> Path:
    """The folder in the hub's cache."""
    name, _, folder = source.removeprefix(_HUB).partition(":")
    folder = folder.strip("/")
    try:
        patterns = [f"{folder}/*"] if folder else _files_at_the_top(name, source)
        path = Path(snapshot_download(name, allow_patterns=patterns)) / folder
    except HFValidationError as error:
        raise SaeError(f"{source}: {name!r} is no name that the hub could have") from error
    except GatedRepoError as error:
        raise SaeError(f"{name} is gated on the hub: ask for access, log in") from error
    except RepositoryNotFoundError as error:
        raise SaeError(f"the hub has no {name} (or it is private)") from error
    except (LocalEntryNotFoundError, httpx2.HTTPError, OSError) as error:
        raise SaeError(f"{source} cannot be fetched from the hub: {error}") from error
    if not path.exists():
        raise SaeError(f"{name} has no folder {folder} on the hub")
    return path


def _files_at_the_top(name: str, source: str) -> list[str]:
    """The weights and settings outside of any folder."""
    files = HfApi().list_repo_files(name)
    found = [file for file in files if "/" not in file and file.endswith(_WEIGHTS)]
    if any(not file.endswith(".json") for file in found):
        return found
    folders = sorted({file.rpartition("/")[0] for file in files if file.endswith(_WEIGHTS)} - {""})
    more = f" and {len(folders) - _SHOWN} more" if len(folders) > _SHOWN else ""
    raise SaeError(
        f"{name} has no weights at the top; write {source}:SUBFOLDER with one of: "
        f"{', '.join(folders[:_SHOWN])}{more}"
    )
