"""A study's tables on disk: Parquet parts that are written once, whole, or not at all.

A part is written under a temporary name, flushed to the disk and renamed, so a reader (or a process
killed at any moment) sees either no part or a complete one. A part's name is the hash of its
content: writing the same rows again changes nothing. Rows that belong to units lie in one folder
per site, sorted, in small row groups, so one unit is found by reading a fraction of one file
(`layout` says how they are written, `point_reads` finds them).
"""

import contextlib
import errno
import os
import platform
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from neuroscribe.datasets.layout import writing
from neuroscribe.datasets.part_hash import hash_of_columns
from neuroscribe.datasets.parts import consistently
from neuroscribe.datasets.schema import IDENTITY, SCHEMAS
from neuroscribe.errors import StoreError

_HOST = platform.node()
TEMPORARY_PREFIX = ".tmp-"
"""Begins the names of files that are being written, or were when their writer was killed."""
_DECIDING = {
    "explanations": [
        "status",
        "created_at",
        "selection_score",
        "rated_by",
        "rated_at",
        "selected",
    ],
    "simulations": ["status"],
    "judgements": ["status"],
    "lessons": ["sequence_ids"],
    "scores": ["n_failed", "coverage"],
}
_NEVER = datetime.min.replace(tzinfo=UTC)
_STATUS_ORDER = ("ok", "refused", "unparsed", "skipped", "failed")


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Create or replace a file so that it is seen complete or not at all.

    Args:
        path: where; its folder is made if it is missing.
        write: writes the whole content to the temporary path it is given.

    Raises:
        StoreError: the disk is full, or the folder cannot be written; nothing is left behind.
    """
    temporary = temporary_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {error.strerror or error}; "
            f"{remedy(error)}, then run the same command again"
        ) from error
    finally:
        # What made the writing fail may make this fail too, and is the error to report.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def remedy(error: OSError) -> str:
    """What to do about a file that could not be written."""
    # Writers in other languages pass on a full disk without its number.
    if error.errno in (errno.EACCES, errno.EPERM, errno.ENOENT, errno.EROFS, errno.ENOTDIR):
        return "choose another place"
    return "free some space or choose another place"


def temporary_path(path: Path) -> Path:
    """Where this process writes what will be renamed to `path`."""
    return path.with_name(f"{TEMPORARY_PREFIX}{path.name}@{_HOST}@{os.getpid()}")


def remove_leftovers(root: Path) -> None:
    """Delete temporary files and folders that a killed writer on this machine left behind."""
    for leftover in list(root.rglob(f"{TEMPORARY_PREFIX}*@{_HOST}@*")):
        if _is_alive(int(leftover.name.rpartition("@")[2])):
            continue
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()


def write_part(root: Path, table: str, rows: pa.Table, *, site: str | None = None) -> Path:
    """Add one part to a table of the study at `root`.

    Args:
        root: the study's directory.
        table: name of the table.
        rows: in the table's schema (columns in any order).
        site: the folder for tables whose rows belong to units.

    Returns:
        The part's path; one that was already there is left as it is.

    Raises:
        StoreError: the rows do not have the schema, or the disk is full.
    """
    try:
        rows = rows.select(SCHEMAS[table].names).cast(SCHEMAS[table])
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, KeyError) as error:
        raise StoreError(f"rows for table {table!r} do not have its schema: {error}") from error
    folder = root / table if site is None else root / table / quote(site, safe="")
    path = folder / f"part-{hash_of_columns(rows.columns)}.parquet"
    if not path.exists():
        write_atomically(
            path,
            lambda temporary: pq.write_table(rows, temporary, **writing(table)),
        )
    return path


def read(
    root: str | Path,
    table: str,
    *,
    columns: Sequence[str] | None = None,
    where: pc.Expression | None = None,
    site: str | None = None,
) -> pa.Table:
    """Read rows of a table; an absent table has none.

    Args:
        root: a study's directory, or an fsspec URL of one.
        table: name of the table.
        columns: all if None.
        where: a pyarrow filter, pushed down to row groups.
        site: read only this site's folder.

    Raises:
        StoreError: there is no such table, or a part is damaged.
    """
    filesystem, folder = folder_of(root, table, site)
    schema = SCHEMAS[table]
    chosen = None if columns is None else list(columns)

    def read_parts(parts: list[str]) -> pa.Table:
        if not parts:
            return schema.empty_table() if chosen is None else schema.empty_table().select(chosen)
        source = ds.dataset(parts, schema=schema, format="parquet", filesystem=filesystem)
        return source.to_table(columns=chosen, filter=where)

    try:
        return consistently(filesystem, folder, read_parts)
    except (pa.ArrowInvalid, OSError) as error:
        raise StoreError(f"table {table!r} of {root} cannot be read: {error}") from error


def folder_of(root: str | Path, table: str, site: str | None = None) -> tuple[Any, str]:
    """The fsspec filesystem and the folder on it where parts of a table lie.

    Args:
        root: a study's directory, or an fsspec URL of one.
        table: name of the table.
        site: the folder of this site alone.

    Raises:
        StoreError: there is no such table.
    """
    if table not in SCHEMAS:
        raise StoreError(f"no table is called {table!r}; there are: {', '.join(SCHEMAS)}")
    filesystem, path = filesystem_of(root)
    return filesystem, f"{path}/{table}" + ("" if site is None else f"/{quote(site, safe='')}")


def filesystem_of(root: str | Path) -> tuple[Any, str]:
    """The fsspec filesystem of a study, and the path on it.

    Raises:
        StoreError: nothing that is installed opens such an address.
    """
    try:
        filesystem, path = fsspec.core.url_to_fs(str(root))
    except (ImportError, ValueError) as error:
        raise StoreError(f"{root} cannot be opened: {error}") from error
    return filesystem, path


def load(
    path: str | Path,
    table: str,
    *,
    columns: Sequence[str] | None = None,
    where: pc.Expression | None = None,
) -> pa.Table:
    """The current rows of one table of a study, on this machine or behind a URL.

    Args:
        path: a study's directory, or an fsspec URL (`s3://...`, `hf://datasets/...`).
        table: one of `schema.SCHEMAS`, such as `units`, `explanations` or `scores`.
        columns: all if None; only these, and what tells which rows are current, are read.
        where: a pyarrow filter; pushed down to the files where no row supersedes another.

    Raises:
        StoreError: no such table, or a damaged part.
    """
    if table not in IDENTITY:
        return read(path, table, columns=columns, where=where)
    needed = None
    if columns is not None and where is None:
        needed = list(dict.fromkeys([*columns, *deciding_columns(table)]))
    rows = current(table, read(path, table, columns=needed))
    if where is not None:
        # Which rows are current, and selected, only all of them can tell.
        rows = rows.filter(where)
    return rows if columns is None else rows.select(list(columns))


def deciding_columns(table: str) -> list[str]:
    """The columns by which `current` tells which rows of a table are current."""
    return list(dict.fromkeys([*IDENTITY[table], *_DECIDING[table]]))


def current(table: str, rows: pa.Table) -> pa.Table:
    """Drop rows that a later repair superseded.

    Of the rows with one identity (`schema.IDENTITY`) the one with the best outcome is kept: by
    status, then the latest; of scores the one with the fewest failed answers, then the largest
    coverage; of lessons the longest. Other tables pass unchanged.
    """
    if table not in IDENTITY or rows.num_rows == 0:
        return rows
    preference = [_preference(table, row) for row in rows.select(_DECIDING[table]).to_pylist()]
    keys = rows.select(IDENTITY[table]).to_pylist()
    best: dict[tuple[Any, ...], int] = {}
    for index, key in enumerate(keys):
        identity = tuple(key.values())
        if identity not in best or preference[index] > preference[best[identity]]:
            best[identity] = index
    if len(best) < rows.num_rows:
        rows = rows.take(sorted(best.values()))
    return _reselected(rows) if table == "explanations" else rows


def _reselected(explanations: pa.Table) -> pa.Table:
    """Explanations of which one per unit and method is selected.

    A run that asks for more candidates adds rows, and what was selected before may not be any more.
    Scores count that were given by whoever rated last: others are not comparable.
    """
    names = IDENTITY["explanations"]
    columns = [*names, *_DECIDING["explanations"]]
    groups: dict[tuple[Any, ...], list[tuple[int, dict[str, Any]]]] = {}
    for index, row in enumerate(explanations.select(list(dict.fromkeys(columns))).to_pylist()):
        method = tuple(row[name] for name in names if name not in ("candidate", "parent_id"))
        groups.setdefault(method, []).append((index, row))
    chosen = {_best(members) for members in groups.values()}
    flags = [index in chosen for index in range(explanations.num_rows)]
    place = explanations.schema.get_field_index("selected")
    return explanations.set_column(place, explanations.schema.field("selected"), pa.array(flags))


def _best(candidates: Sequence[tuple[int, dict[str, Any]]]) -> int:
    """Index of the explanation that is selected."""
    rated = [row for _, row in candidates if row["rated_at"] is not None]
    rater = max(rated, key=lambda row: row["rated_at"])["rated_by"] if rated else None

    def worth(candidate: tuple[int, dict[str, Any]]) -> tuple[Any, ...]:
        row = candidate[1]
        score = row["selection_score"] if row["rated_by"] == rater else None
        return (
            row["status"] == "ok",
            score is not None,
            score or 0.0,
            bool(row["selected"]),
            -row["candidate"],
        )

    return max(candidates, key=worth)[0]


def _preference(table: str, row: dict[str, Any]) -> tuple[Any, ...]:
    if table == "scores":
        return (-(row["n_failed"] or 0), row["coverage"])
    if table == "lessons":
        return (len(row["sequence_ids"]),)
    worth = -_STATUS_ORDER.index(row["status"])
    if table == "explanations":
        return (worth, row["created_at"], row["rated_at"] or _NEVER)
    return (worth,)


def sync_folder(folder: Path) -> None:
    """Flush to the disk which files a folder holds."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
