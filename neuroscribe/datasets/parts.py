"""Which files of a table's folder hold its rows, also while `compaction` replaces some of them.

A directory cannot exchange several files at once. A folder whose parts are being replaced therefore
holds a file `_compaction.json`: from the moment it is there, the parts that it names as `replaced`
count no more, and the `parts` that it names count, under their staged names until they have their
own. Whoever lists such a folder without knowing this sees too few rows for some milliseconds (or,
if the compaction was killed, until the next one finishes it), never rows twice.

A list can be overtaken: a part is gone when it is opened. `consistently` then starts again. A part
never changes, so a file that is open stays right.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final, TypeVar

from fsspec.implementations.local import LocalFileSystem

from neuroscribe.errors import StoreError

MARKER: Final = "_compaction.json"
"""In a folder whose parts are being replaced. Readers of Parquet folders skip names with `_`."""
SUFFIX: Final = ".parquet"
STAGED_SUFFIX: Final = ".compacted"
_ATTEMPTS: Final = 10

ResultT = TypeVar("ResultT")


def staged(part: str) -> str:
    """The name under which a part waits to take the place of others.

    >>> staged("part-1f.parquet")
    '_part-1f.parquet.compacted'
    """
    return f"_{part}{STAGED_SUFFIX}"


def live_parts(filesystem: Any, folder: str) -> list[str]:
    """The files that hold the rows of a table, sorted by path; none if there is no such folder.

    Args:
        filesystem: of fsspec.
        folder: of the table, or of one site of it.

    Raises:
        StoreError: a compaction's marker is damaged, or the folder does not come to rest.
        OSError: the folder cannot be listed.
    """
    listed = _list(filesystem, folder)
    for _ in range(_ATTEMPTS):
        try:
            live = [path for place in listed for path in _live(filesystem, place, listed[place])]
        except FileNotFoundError:
            # There was a marker when the folder was listed; the compaction has ended since.
            listed = _list(filesystem, folder)
            continue
        # Listing takes a moment, and may miss a part that goes and the one that comes for it.
        # Studies elsewhere are copies at rest.
        if not isinstance(filesystem, LocalFileSystem):
            return sorted(live)
        again = _list(filesystem, folder)
        if again == listed:
            return sorted(live)
        listed = again
    raise StoreError(f"{folder} changes all the time; read it again when it is at rest")


def consistently(filesystem: Any, folder: str, read: Callable[[list[str]], ResultT]) -> ResultT:
    """Read the live parts of a folder; start again if they were replaced meanwhile.

    Args:
        filesystem: of fsspec.
        folder: of the table, or of one site of it.
        read: reads the parts it is given, to the end.

    Raises:
        StoreError: as `live_parts`, or it was overtaken again and again.
        OSError: the folder cannot be listed, or what `read` raises.
    """
    for _ in range(_ATTEMPTS):
        parts = live_parts(filesystem, folder)
        try:
            return read(parts)
        except FileNotFoundError:
            continue
    raise StoreError(f"{folder} changes all the time; read it again when it is at rest")


def read_marker(content: bytes, folder: str) -> tuple[set[str], set[str]]:
    """Names of the new parts and of the parts that they replace.

    Raises:
        StoreError: it is damaged.
    """
    try:
        marker = json.loads(content)
        return set(marker["parts"]), set(marker["replaced"])
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{folder}/{MARKER} is damaged: {error}") from error


def _list(filesystem: Any, folder: str) -> dict[str, set[str]]:
    """Names by folder, of the files that matter here."""
    # Left to itself, a local folder that cannot be read would pass for an empty one.
    strict = {"on_error": "raise"} if isinstance(filesystem, LocalFileSystem) else {}
    files: dict[str, set[str]] = defaultdict(set)
    try:
        for path in filesystem.find(folder, **strict):
            place, _, name = path.rpartition("/")
            if name == MARKER or name.endswith((SUFFIX, STAGED_SUFFIX)):
                files[place].add(name)
    except FileNotFoundError:
        return {}
    return dict(files)


def _live(filesystem: Any, folder: str, names: set[str]) -> list[str]:
    live = {name for name in names if name.endswith(SUFFIX)}
    if MARKER in names:
        parts, replaced = read_marker(filesystem.cat_file(f"{folder}/{MARKER}"), folder)
        waiting = {staged(part) for part in parts} & names
        named = {part for part in parts if staged(part) not in names}
        live = (live - replaced - parts) | waiting | named
    return [f"{folder}/{name}" for name in live]
