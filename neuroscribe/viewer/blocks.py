"""Files of the site: JSON in gzip, the same bytes for the same content, in a folder made at once.

Gzip is written without a time and a name. On blocks of exemplars level 4 took 5.4 ms for 102 kB,
level 5 8.5 ms for 97 kB and level 6 18.6 ms for 93 kB, so level 4 it is. The folder is built under
a temporary name beside its place and renamed when it is complete, so a site that is being looked at
is replaced whole, and a build that fails changes nothing. Only a folder that is a site and holds
nothing else is replaced: a checkout of a site has files of its own, which would be lost.
"""

import json
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from neuroscribe.datasets.store import temporary_path
from neuroscribe.errors import InputError

ROWS = 512
"""Units a block of `data/rows`."""
UNITS = 32
"""Units a block of `data/units`."""
EXEMPLARS = 8
"""Units a block of `data/exemplars`."""

INDEX = "data/site.json"
"""What the front end reads first."""
SOURCE = "data/source.json"
"""Says what a site was made of, so that an unchanged study is not built again."""

_OWN: Final = {
    "": {
        *("data", "index.html", "app.js", "app.css"),
        *("THIRD_PARTY_LICENSES.txt", "SOURCE.sha256"),
    },
    "data": {"site.json", "source.json", "rows", "units", "exemplars", "search", "map.json.gz"},
}
"""What a build writes, by folder."""

_LEVEL = 4
_GZIP = 31
"""Window bits that ask zlib for a gzip header; it holds no time."""


def to_json(content: Any) -> str:
    """Compact JSON; a number that is not finite is an error."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def write_json(path: Path, content: Any) -> None:
    """Write a file of plain JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_json(content) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """The content of a file that `write_json` wrote.

    Raises:
        InputError: it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is damaged: {error}; build the site again") from error


def write_block(path: Path, text: str) -> None:
    """Write JSON that is text already, in gzip."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    path.write_bytes(packer.compress(text.encode("utf-8")) + packer.flush())


def read_block(path: Path) -> Any:
    """The content of a file that `write_block` wrote.

    Raises:
        InputError: it is not there, or not what was written.
    """
    try:
        return json.loads(zlib.decompress(path.read_bytes(), _GZIP))
    except (OSError, ValueError, zlib.error) as error:
        raise InputError(f"{path} is missing or damaged: {error}; build the site again") from error


def block_path(out: Path, kind: str, site: int, block: int) -> Path:
    """Where a block of a site's units lies; its folder is made if it is missing."""
    folder = out / "data" / kind / str(site)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{block}.json.gz"


@contextmanager
def replaced(out: Path) -> Iterator[Path]:
    """A new folder that takes the place of `out` when the block ends well, and else is removed.

    Raises:
        InputError: there is something at `out` that is not a site alone, or it cannot be written.
    """
    require_replaceable(out)
    temporary = temporary_path(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        yield temporary
        _put_in_place(temporary, out)
    except OSError as error:
        raise InputError(
            f"cannot write the site {out}: {error.strerror or error}; "
            "free some space or choose another place, then run the same command again"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def require_replaceable(out: Path) -> None:
    """Refuse to write over anything but a site.

    Raises:
        InputError: there is a file, or a folder with something else in it.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not ((out / INDEX).is_file() and (out / SOURCE).is_file()):
        raise InputError(
            f"{out} is there already and is not a site; choose another place, or remove it first"
        )
    strangers = [
        entry.relative_to(out).as_posix()
        for folder, own in _OWN.items()
        for entry in (out / folder).iterdir()
        if entry.name not in own
    ]
    if strangers:
        raise InputError(
            f"{out} also holds {', '.join(sorted(strangers))}, which would be lost; "
            "build into a folder of its own and copy it from there"
        )


def _put_in_place(folder: Path, out: Path) -> None:
    if not out.exists():
        folder.rename(out)
        return
    aside = folder.with_name(f"{folder.name}@old")
    out.rename(aside)
    try:
        folder.rename(out)
    except OSError:
        aside.rename(out)
        raise
    shutil.rmtree(aside)


def count_files(folder: Path) -> tuple[int, int]:
    """How many files a folder holds, and their bytes."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes)
