"""`manifest.json`: what a study was made from, and with what.

It is written once the subject and the corpus have been opened, replaced atomically, and read before
anything else: a study of a newer format is refused before a single row is misread.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

from neuroscribe.datasets.schema import FORMAT_VERSION
from neuroscribe.datasets.store import filesystem_of, write_atomically
from neuroscribe.errors import StudyError

NAME = "manifest.json"
JOURNAL = "journal.sqlite"
"""Beside the manifest: every request and answer. Private: never exported."""


def write_manifest(root: Path, manifest: Mapping[str, Any]) -> None:
    """Create or replace the manifest of the study at `root`.

    Raises:
        StoreError: the disk is full.
    """
    text = json.dumps({"format_version": FORMAT_VERSION, **manifest}, indent=2) + "\n"
    write_atomically(root / NAME, lambda path: path.write_text(text, encoding="utf-8"))


def read_manifest(root: str | Path) -> dict[str, Any]:
    """The manifest of the study at `root`, a directory or an fsspec URL.

    Raises:
        StudyError: there is none, it is damaged, or it is of a newer format.
    """
    filesystem, path = filesystem_of(root)
    try:
        text = filesystem.cat_file(f"{path}/{NAME}").decode("utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StudyError(
            f"{root} is not a study: it has no {NAME}; make one with `neuroscribe record`"
        ) from error
    except (OSError, httpx2.HTTPError) as error:
        raise StudyError(f"{root} cannot be read: {error}") from error
    try:
        manifest: dict[str, Any] = json.loads(text)
        version = int(manifest["format_version"])
    except (ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{root}/{NAME} is damaged: {error}") from error
    if version > FORMAT_VERSION:
        raise StudyError(
            f"{root} has format {version}; this version of Neuroscribe reads up to "
            f"{FORMAT_VERSION}: upgrade with `pip install --upgrade neuroscribe`"
        )
    return manifest
