"""The files of a study: what is there, what can be read, and whether it is what was written.

Every part is read whole once, a column at a time: that finds what is cut off or flipped, and the
hash in its name tells whether the content is the one that was written. Later checks read only parts
that passed this one, so what is broken is reported once and not again in all that depends on it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from neuroscribe import progress
from neuroscribe.datasets.part_hash import hash_of_columns
from neuroscribe.datasets.parts import MARKER, STAGED_SUFFIX, live_parts
from neuroscribe.datasets.schema import FORMAT_VERSION, SCHEMAS
from neuroscribe.datasets.store import TEMPORARY_PREFIX
from neuroscribe.study.verifying.bounds import wrong_bounds
from neuroscribe.study.verifying.report import Inspection
from neuroscribe.study.verifying.rows import Rows

ROWS_AT_ONCE = 2**14
"""Some five megabytes of exemplars."""
OF_SITES = frozenset(table for table, schema in SCHEMAS.items() if "site" in schema.names)
"""Tables with one folder per site."""

_PART = re.compile(r"part-([0-9a-f]{16})\.parquet")
_STAGED = re.compile(rf"_part-([0-9a-f]{{16}})\.parquet{re.escape(STAGED_SUFFIX)}")
# What Arrow raises for a damaged file, beside its own exceptions.
_DAMAGE = (pa.ArrowException, OSError, ValueError)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One Parquet file that can be read and has its table's schema."""

    table: str
    site: str | None
    """As its folder says; None in tables without sites."""
    path: Path
    file: str
    """Path within the study."""
    columns: frozenset[str]
    """An older study lacks some."""
    n_rows: int

    def batches(
        self, columns: Sequence[str] | None = None, *, rows: int = ROWS_AT_ONCE
    ) -> Iterator[Rows]:
        """The rows in order, so many at a time; columns that the file lacks are null."""
        schema = SCHEMAS[self.table]
        wanted = schema.names if columns is None else columns
        there = [name for name in wanted if name in self.columns]
        first = 0
        with pq.ParquetFile(self.path) as file:
            for batch in file.iter_batches(batch_size=rows, columns=there):
                arrays = [
                    batch.column(name)
                    if name in self.columns
                    else pa.nulls(batch.num_rows, schema.field(name).type)
                    for name in wanted
                ]
                filled = pa.record_batch(arrays, names=list(wanted))
                yield Rows(filled, table=self.table, file=self.file, first=first)
                first += batch.num_rows


class Parts:
    """The sound parts of a study, and where parts are missing because they are not."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._damaged: set[tuple[str, str | None]] = set()

    def add(self, part: Part) -> None:
        """Take in a sound part."""
        self._parts.append(part)

    def lose(self, table: str, site: str | None) -> None:
        """Note that a part cannot be read."""
        self._damaged.add((table, site))

    def of(self, table: str, site: str | None = None) -> list[Part]:
        """The parts of a table, or of one site of it."""
        return [
            part
            for part in self._parts
            if part.table == table and (site is None or part.site == site)
        ]

    def all(self) -> list[Part]:
        """Every part."""
        return list(self._parts)

    def sites(self) -> list[str]:
        """Every site that has a part, in order of name."""
        return sorted({part.site for part in self._parts if part.site is not None})

    def incomplete(self, table: str, site: str | None = None) -> bool:
        """Whether parts of a table (of one site) cannot be read."""
        return any(
            damaged == table and (site is None or at == site) for damaged, at in self._damaged
        )


def check_parts(root: Path, format_version: int, inspection: Inspection) -> Parts:
    """Look at every file in the folders of the tables."""
    parts = Parts()
    found = list(_parquet_files(root, inspection))
    with progress.bar("reading parts", total=len(found), unit="parts") as bar:
        for table, site, path in found:
            part = _sound(root, table, site, path, format_version, inspection)
            if part is None:
                parts.lose(table, site)
            else:
                parts.add(part)
                inspection["files"].cover("parts")
                inspection["files"].cover("rows", part.n_rows)
            bar.advance()
    return parts


def _parquet_files(root: Path, inspection: Inspection) -> Iterator[tuple[str, str | None, Path]]:
    """Every part with its table and site; what lies where it does not belong is reported."""
    for entry in sorted(root.iterdir()):
        if entry.name.startswith(TEMPORARY_PREFIX):
            _leftover(root, entry, inspection)
        elif entry.name in SCHEMAS and entry.is_dir():
            yield from _of_table(root, entry, inspection)
        elif entry.is_dir() and any(_PART.fullmatch(path.name) for path in entry.rglob("*")):
            inspection["files"].find(
                f"holds parts, but there is no table {entry.name!r}",
                file=entry.name,
                remedy="move it back to where it came from, TABLE/ or TABLE/SITE/",
            )


def _of_table(
    root: Path, folder: Path, inspection: Inspection
) -> Iterator[tuple[str, str | None, Path]]:
    table = folder.name
    depth_of_parts = 2 if table in OF_SITES else 1
    live = set(map(Path, live_parts(LocalFileSystem(), str(folder.absolute()))))
    for path in sorted(folder.rglob("*")):
        depth = len(path.relative_to(folder).parts)
        trouble = _trouble(path, depth, depth_of_parts)
        if path.name.startswith(TEMPORARY_PREFIX):
            _leftover(root, path, inspection)
        elif trouble is not None:
            what, remedy = trouble
            file = path.relative_to(root).as_posix()
            inspection["files"].find(what, table=table, file=file, remedy=remedy)
        # Whatever its name, readers read it, so it is looked at.
        if path.absolute() in live and depth == depth_of_parts:
            yield table, unquote(path.parent.name) if depth == 2 else None, path


def _trouble(path: Path, depth: int, depth_of_parts: int) -> tuple[str, str] | None:
    """What is wrong with a file or folder of a table, and what to do about it."""
    if path.is_dir():
        if depth < depth_of_parts:
            return None
        return "is a folder where parts lie", "move what is in it to where it belongs"
    if path.name == MARKER or _STAGED.fullmatch(path.name):
        return (
            "is left by a compaction that was stopped (or is under way)",
            "run `neuroscribe compact` on the study, which finishes it",
        )
    if not _PART.fullmatch(path.name):
        return (
            "is no part: parts are called part-HASH.parquet",
            "remove what is not the study's, and give parts back the names they had",
        )
    if depth != depth_of_parts:
        return (
            f"lies {depth} levels deep in its table, not {depth_of_parts}",
            "move it to TABLE/SITE/ where rows belong to units, else to TABLE/",
        )
    return None


def _leftover(root: Path, path: Path, inspection: Inspection) -> None:
    inspection["files"].find(
        "is what a killed writer left behind (or a running one is writing)",
        file=path.relative_to(root).as_posix(),
        remedy="remove it, unless a command is writing to this study now",
    )


def _sound(
    root: Path,
    table: str,
    site: str | None,
    path: Path,
    format_version: int,
    inspection: Inspection,
) -> Part | None:
    """The part, if it can be read whole and has the table's schema."""
    file = path.relative_to(root).as_posix()
    if site is not None and quote(site, safe="") != path.parent.name:
        inspection["files"].find(
            f"lies in a folder whose name is not the percent-encoded site {site!r}",
            table=table,
            file=file,
            remedy=f"rename the folder to {quote(site, safe='')}",
        )
    try:
        with pq.ParquetFile(path) as parquet:
            fits = _has_schema(table, file, parquet.schema_arrow, format_version, inspection)
            if not fits:
                return None
            misleading: list[str] = []
            found = hash_of_columns(_columns(parquet, table, misleading))
            n_rows = parquet.metadata.num_rows
            columns = frozenset(parquet.schema_arrow.names)
    except _DAMAGE as error:
        inspection["files"].find(
            f"cannot be read: {' '.join(str(error).split())[:200]}", table=table, file=file
        )
        return None
    for sentence in misleading:
        inspection["files"].find(
            f"{sentence}: readers that filter would miss rows", table=table, file=file
        )
    name = _PART.fullmatch(path.name) or _STAGED.fullmatch(path.name)
    if name is not None and found != name[1]:
        inspection["hashes"].find(
            f"the content has the hash {found}, not the one in its name: it was changed after it "
            "was written, or renamed",
            table=table,
            file=file,
        )
    inspection["hashes"].cover("parts")
    return Part(table=table, site=site, path=path, file=file, columns=columns, n_rows=n_rows)


def _columns(
    parquet: pq.ParquetFile, table: str, misleading: list[str]
) -> Iterator[pa.ChunkedArray]:
    """The columns one by one, in the types of the schema; `misleading` gets what bounds say."""
    for name in parquet.schema_arrow.names:
        # By row groups, which takes far less memory than the column at once.
        groups = [
            parquet.read_row_group(group, columns=[name])[name]
            for group in range(parquet.num_row_groups)
        ]
        misleading += [
            f"row group {group} states bounds of {name!r} that its rows are not within"
            for group, values in enumerate(groups)
            if wrong_bounds(parquet, group, name, values)
        ]
        column = pa.chunked_array(
            [chunk for group in groups for chunk in group.chunks],
            type=parquet.schema_arrow.field(name).type,
        )
        column.validate(full=True)
        yield column.cast(SCHEMAS[table].field(name).type)


def _has_schema(
    table: str, file: str, there: pa.Schema, format_version: int, inspection: Inspection
) -> bool:
    wanted = SCHEMAS[table]
    wrong = [
        f"has a column {name!r} that format {FORMAT_VERSION} does not know"
        for name in there.names
        if name not in wanted.names
    ]
    for field in wanted:
        if field.name not in there.names:
            # A study that an older version began has parts of both formats.
            if format_version == FORMAT_VERSION:
                wrong.append(f"lacks the column {field.name!r}")
            continue
        found = there.field(field.name)
        if not found.type.equals(field.type):
            wrong.append(f"column {field.name!r} is {found.type}, not {field.type}")
        elif found.nullable and not field.nullable:
            wrong.append(f"column {field.name!r} may hold nulls, where none are allowed")
    for sentence in wrong:
        inspection["schema"].find(
            sentence,
            table=table,
            file=file,
            remedy="read the study with the version of Neuroscribe that wrote it, or restore "
            "the part from a copy",
        )
    inspection["schema"].cover("parts")
    return not wrong
