"""The folder of an autoencoder: where its files are, and how they are replaced."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError

from neuroscribe.errors import SaeError
from neuroscribe.sae.reading import Settings, read_settings


def settings_at(path: Path, name: str) -> Settings | None:
    """The settings in the file `name` of a folder; None if there is no such file.

    Args:
        path: the folder, or any file in it.
        name: of the file with the settings.

    Raises:
        SaeError: the file is damaged.
    """
    file = folder_of(path) / name
    return read_settings(file) if file.is_file() else None


def folder_of(path: Path) -> Path:
    """The folder that `path` is or lies in."""
    return path if path.is_dir() else path.parent


def write_files(folder: Path, files: dict[str, Callable[[Path], object]]) -> None:
    """Write files so that each is seen complete or not at all, in their order.

    Args:
        folder: made if it is missing.
        files: for each name, what writes the whole content to the path it is given.

    Raises:
        SaeError: the folder cannot be written.
    """
    for name, write in files.items():
        temporary = folder / f".{name}.{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write(temporary)
            temporary.replace(folder / name)
        except (OSError, SafetensorError) as error:
            raise SaeError(f"cannot write {folder / name}: {error}") from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
