"""Many small parts become few, and rows that a repair superseded are dropped.

The new parts are written beside the old ones under names that no reader takes for parts. One file,
renamed into place, then changes what counts (see `parts`); only after it is on the disk are the old
parts deleted, the new ones named, and that file removed. A kill before it changes nothing; a kill
after it leaves the same rows to every reader of ours, and the next compaction finishes it. A table
needs its own size on the disk once more while it is compacted, and one group of parts in memory.

Runs that add parts meanwhile do no harm and take none: parts that are not named stay as they are.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from neuroscribe.datasets import store
from neuroscribe.datasets.manifest import read_manifest
from neuroscribe.datasets.parts import MARKER, STAGED_SUFFIX, SUFFIX, read_marker, staged
from neuroscribe.datasets.row_order import ordered
from neuroscribe.datasets.schema import IDENTITY, SCHEMAS
from neuroscribe.errors import StoreError

TARGET_BYTES: Final = 128 * 2**20
"""Parts are put together up to this size; those of half of it and more are left as they are."""

_NAME = "compaction"


@dataclass(frozen=True, kw_only=True)
class Change:
    """What compaction made of one table."""

    parts_before: int
    parts_after: int
    bytes_before: int
    bytes_after: int
    dropped_rows: int
    """Rows that a later repair had superseded."""


@dataclass(frozen=True, kw_only=True)
class _Part:
    path: Path
    size: int
    kept: np.ndarray | None
    """Which rows are current; None for all."""
    complete: bool
    """Whether it has all columns; one of an older format may lack some."""


def compact(root: Path, *, target_bytes: int = TARGET_BYTES) -> dict[str, Change]:
    """Compact every table of the study at `root`; its current rows stay the same.

    Args:
        root: the study's directory.
        target_bytes: size up to which parts are put together.

    Returns:
        What changed, by table; tables without parts are left out.

    Raises:
        StudyError: there is no study, or it is not recorded to the end.
        StoreError: another compaction is under way, a part is damaged, or the disk is full; the
            rows are the same as before.
    """
    read_manifest(root)
    with _alone(root) as scratch:
        changes = {}
        for table in SCHEMAS:
            folders = _folders(root / table)
            before = _sizes(folders)
            dropped = _compact_table(table, folders, scratch, target_bytes)
            after = _sizes(folders)
            if before:
                changes[table] = Change(
                    parts_before=len(before),
                    parts_after=len(after),
                    bytes_before=sum(before),
                    bytes_after=sum(after),
                    dropped_rows=dropped,
                )
        return changes


@contextmanager
def _alone(root: Path) -> Iterator[Path]:
    """A scratch folder that tells other processes that a compaction is under way.

    Raises:
        StoreError: another one is.
    """
    store.remove_leftovers(root)
    scratch = store.temporary_path(root / _NAME)
    try:
        scratch.mkdir()
        # Two that begin at once both see the other and both give up, never neither.
        others = set(root.glob(f"{store.TEMPORARY_PREFIX}{_NAME}@*")) - {scratch}
        if others:
            raise StoreError(
                f"{root} is being compacted by another process ({min(others).name}); wait for it, "
                "or remove that folder if none runs"
            )
        yield scratch
    except OSError as error:
        raise StoreError(
            f"cannot compact {root}: {error.strerror or error}; its rows are the same as before"
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _compact_table(table: str, folders: Sequence[Path], scratch: Path, target_bytes: int) -> int:
    """Rewrite the parts of a table; returns how many rows were dropped."""
    dropped = 0
    commits: list[tuple[Path, list[str], list[str]]] = []
    for folder in folders:
        _finish(folder)
        for leftover in folder.glob(f"_*{STAGED_SUFFIX}"):
            leftover.unlink()
        new: list[str] = []
        replaced: list[str] = []
        for group in _groups(_parts(table, folder), target_bytes):
            rows = _rows(table, group)
            dropped += sum(int((~part.kept).sum()) for part in group if part.kept is not None)
            old = {part.path.name for part in group}
            if rows.num_rows:
                # The folder of a site is called as `write_part` calls it.
                site = None if folder.name == table else unquote(folder.name)
                written = store.write_part(scratch, table, rows, site=site)
                if written.name not in old:
                    written.replace(folder / staged(written.name))
                    new.append(written.name)
                old.discard(written.name)
            replaced.extend(old)
        if replaced:
            commits.append((folder, new, replaced))
    # All folders at once: a long reading of the table is overtaken once, not at every folder.
    for folder, new, replaced in commits:
        _commit(folder, new, replaced)
    for folder, _, _ in commits:
        _finish(folder)
    return dropped


def _commit(folder: Path, new: Sequence[str], replaced: Sequence[str]) -> None:
    text = json.dumps({"parts": sorted(new), "replaced": sorted(replaced)}, indent=2) + "\n"
    store.sync_folder(folder)
    store.write_atomically(folder / MARKER, lambda path: path.write_text(text, encoding="utf-8"))


def _finish(folder: Path) -> None:
    """Do what a marker says; every step may have been done before."""
    try:
        new, replaced = read_marker((folder / MARKER).read_bytes(), str(folder))
    except FileNotFoundError:
        return
    # Deleted before the new ones are named: whoever does not know of markers sees no row twice.
    for name in replaced:
        (folder / name).unlink(missing_ok=True)
    for name in new:
        if (folder / staged(name)).exists():
            (folder / staged(name)).replace(folder / name)
    store.sync_folder(folder)
    (folder / MARKER).unlink()
    store.sync_folder(folder)


def _folders(root: Path) -> list[Path]:
    """Folders that hold parts of a table, or the marks of a compaction that was killed."""
    return sorted(
        {
            path.parent
            for path in root.rglob("*")
            if path.suffix in (SUFFIX, STAGED_SUFFIX) or path.name == MARKER
        }
    )


def _sizes(folders: Sequence[Path]) -> list[int]:
    return [part.stat().st_size for folder in folders for part in folder.glob(f"*{SUFFIX}")]


def _parts(table: str, folder: Path) -> list[_Part]:
    paths = sorted(folder.glob(f"*{SUFFIX}"))
    kept = _kept(table, paths) if table in IDENTITY else {}
    names = set(SCHEMAS[table].names)
    return [
        _Part(
            path=path,
            size=path.stat().st_size,
            kept=kept.get(path),
            complete=names <= set(_columns(path)),
        )
        for path in paths
    ]


def _kept(table: str, paths: Sequence[Path]) -> Mapping[Path, np.ndarray]:
    """Which rows are current, for the parts that have others."""
    columns = store.deciding_columns(table)
    each = [_read(table, path, columns) for path in paths]
    rows = pa.concat_tables(each)
    numbered = rows.append_column("_row", pa.array(np.arange(rows.num_rows)))
    current = np.zeros(rows.num_rows, dtype=bool)
    current[store.current(table, numbered)["_row"].to_numpy()] = True
    starts = np.cumsum([0, *(part.num_rows for part in each)])
    flags = {path: current[starts[i] : starts[i + 1]] for i, path in enumerate(paths)}
    return {path: mask for path, mask in flags.items() if not mask.all()}


def _groups(parts: Sequence[_Part], target_bytes: int) -> list[list[_Part]]:
    """Parts that become one; a single one only where rows of it are dropped."""
    groups: list[list[_Part]] = []
    group: list[_Part] = []
    for part in parts:
        large = part.kept is None and part.size >= target_bytes / 2
        # A column that is not there counts as null; that cannot be written for all of them.
        if large or not part.complete:
            continue
        if sum(each.size for each in group) + part.size > target_bytes:
            groups.append(group)
            group = []
        group.append(part)
    return [g for g in [*groups, group] if len(g) > 1 or any(p.kept is not None for p in g)]


def _rows(table: str, group: Sequence[_Part]) -> pa.Table:
    """The current rows of parts, in the order in which such rows are read."""
    tables = []
    for part in group:
        rows = _read(table, part.path)
        tables.append(rows if part.kept is None else rows.filter(pa.array(part.kept)))
    return ordered(table, pa.concat_tables(tables))


def _columns(path: Path) -> list[str]:
    try:
        names: list[str] = pq.read_schema(path).names
    except (pa.ArrowInvalid, OSError) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
    return names


def _read(table: str, path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    try:
        source = ds.dataset([str(path)], schema=SCHEMAS[table], format="parquet")
        return source.to_table(columns=columns)
    except (pa.ArrowInvalid, OSError) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
