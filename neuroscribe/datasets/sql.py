"""SQL over a study: every table is a view of its current rows, read by DuckDB from the parts.

DuckDB reads the Parquet files itself, so only the columns and row groups that a question needs are
read, in parallel, and a table of any size needs little memory. Which rows of a repaired item count
is said here once more, as window functions; a test holds them against `store.current`, which stays
the definition. A question may read the study's parts and nothing else: one SELECT, no other file,
no setting, no Python variable.

DuckDB is an optional library: `pip install "neuroscribe[sql]"`.
"""

# ruff: noqa: S608 -- the views are made of names in the schema, and of quoted paths

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from fsspec.implementations.local import LocalFileSystem

from neuroscribe.datasets.manifest import read_manifest
from neuroscribe.datasets.parts import live_parts
from neuroscribe.datasets.schema import IDENTITY, SCHEMAS
from neuroscribe.datasets.store import filesystem_of
from neuroscribe.errors import InputError, StoreError

if TYPE_CHECKING:
    import duckdb

_BETTER: Final[dict[str, tuple[str, ...]]] = {
    "explanations": ("{status}", "created_at DESC", "rated_at DESC NULLS LAST"),
    "simulations": ("{status}",),
    "judgements": ("{status}",),
    "lessons": ("len(sequence_ids) DESC",),
    "scores": ("coalesce(n_failed, 0)", "coverage DESC"),
}
"""What makes one of the rows with one identity the current one, as `store.current` has it."""
_STATUS: Final = "list_position(['ok', 'refused', 'unparsed', 'skipped', 'failed'], status)"
_FIRST: Final = "_part, _row"
_TYPES: Final[dict[str, str]] = {
    "string": "VARCHAR",
    "binary": "BLOB",
    "bool": "BOOLEAN",
    "int8": "TINYINT",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "timestamp[us, tz=UTC]": "TIMESTAMPTZ",
}
"""Arrow's types in DuckDB, for columns that no part has."""


def query(root: str | Path, sql: str) -> pa.Table:
    """The answer to a question about a study.

    Args:
        root: the study's directory, or an fsspec URL of one.
        sql: one SELECT in DuckDB's SQL; the tables are `schema.SCHEMAS`.

    Raises:
        StudyError: there is no study.
        InputError: the question is no SELECT, or names what is not there; or DuckDB is missing.
        StoreError: a part is damaged.
    """
    read_manifest(root)
    while True:
        parts = _parts(root)
        try:
            with connect(root) as connection:
                return ask(connection, sql)
        except (InputError, StoreError):
            # A part that a compaction replaced is gone when DuckDB opens it.
            if _parts(root) == parts:
                raise


@contextmanager
def connect(root: str | Path) -> Iterator["duckdb.DuckDBPyConnection"]:
    """A DuckDB connection in which every table of the study is a view of its current rows.

    A table without parts is an empty view. The connection reads the parts that are there now: what
    is written later needs a new one.

    Args:
        root: the study's directory, or an fsspec URL of one.

    Raises:
        InputError: DuckDB is missing.
        StoreError: a part is damaged.
    """
    duckdb = _library()
    filesystem, _ = filesystem_of(root)
    with duckdb.connect() as connection:
        # A name in a question means a table, never a variable of whoever calls.
        connection.execute("SET python_enable_replacements = false")
        connection.execute("SET TimeZone = 'UTC'")
        if not isinstance(filesystem, LocalFileSystem):
            connection.register_filesystem(filesystem)
        readable: list[str] = []
        for table, parts in _parts(root).items():
            try:
                connection.execute(f"CREATE VIEW {table} AS {_view(connection, table, parts)}")
            except duckdb.Error as error:
                raise StoreError(f"table {table!r} of {root} cannot be read: {error}") from error
            readable.extend(parts)
        connection.execute(f"SET allowed_paths = {_list(readable)}")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection


def ask(connection: "duckdb.DuckDBPyConnection", sql: str) -> pa.Table:
    """The answer to one SELECT.

    Raises:
        InputError: the question is no SELECT, or names what is not there.
        StoreError: a part is damaged, or is gone since `connect`.
    """
    duckdb = _library()
    try:
        statements = connection.extract_statements(sql)
        allowed = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
        if len(statements) != 1 or statements[0].type not in allowed:
            raise InputError("ask one question at a time, and only SELECT: a study is not changed")
        return connection.sql(sql).to_arrow_table()
    except duckdb.IOException as error:
        raise StoreError(f"a part of the study cannot be read: {_sentence(error)}") from error
    except duckdb.Error as error:
        raise InputError(f"the question cannot be answered: {_sentence(error)}") from error


def _library() -> Any:
    try:
        import duckdb  # noqa: PLC0415 -- an optional library
    except ImportError as error:
        raise InputError(
            'SQL needs DuckDB, which is not installed: pip install "neuroscribe[sql]"'
        ) from error
    return duckdb


def _view(connection: "duckdb.DuckDBPyConnection", table: str, parts: list[str]) -> str:
    """The SELECT that gives a table's current rows, in the columns of its schema."""
    if not parts:
        columns = ", ".join(f"NULL::{_type(f.type)} AS {f.name}" for f in SCHEMAS[table])
        return f"SELECT {columns} WHERE false"
    source = (
        f"read_parquet({_list(parts)}, filename = '_part', file_row_number = true, "
        "union_by_name = true, hive_partitioning = false)"
    )
    present = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
    columns = ", ".join(
        field.name if field.name in present else f"NULL::{_type(field.type)} AS {field.name}"
        for field in SCHEMAS[table]
    )
    if table not in IDENTITY:
        return f"SELECT {columns} FROM {source}"
    rows = f"SELECT {columns}, _part, file_row_number AS _row FROM {source}"
    better = ", ".join((*_BETTER[table], _FIRST)).format(status=_STATUS)
    current = (
        f"SELECT * FROM ({rows}) QUALIFY row_number() OVER ("
        f"PARTITION BY {', '.join(IDENTITY[table])} ORDER BY {better}) = 1"
    )
    if table == "explanations":
        current = _reselected(current)
    return f"SELECT {', '.join(SCHEMAS[table].names)} FROM ({current})"


def _reselected(current: str) -> str:
    """Current explanations, of which one per unit and method is selected (see `store.current`)."""
    method = ", ".join(n for n in IDENTITY["explanations"] if n not in ("candidate", "parent_id"))
    rated = f"""
        SELECT *, first_value(CASE WHEN rated_at IS NOT NULL THEN rated_by END) OVER (
            PARTITION BY {method} ORDER BY rated_at DESC NULLS LAST, {_FIRST}) AS _rater
        FROM ({current})"""
    score = "CASE WHEN rated_by IS NOT DISTINCT FROM _rater THEN selection_score END"
    return f"""
        SELECT * REPLACE (row_number() OVER (
            PARTITION BY {method}
            ORDER BY status = 'ok' DESC, ({score}) IS NOT NULL DESC, coalesce({score}, 0) DESC,
                selected DESC, candidate, {_FIRST}) = 1 AS selected)
        FROM ({rated})"""


def _type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"{_type(kind.value_type)}[]"
    return _TYPES[str(kind)]


def _parts(root: str | Path) -> dict[str, list[str]]:
    """The parts of every table, by the names that DuckDB opens them by."""
    filesystem, path = filesystem_of(root)
    local = isinstance(filesystem, LocalFileSystem)
    parts = {table: live_parts(filesystem, f"{path}/{table}") for table in SCHEMAS}
    return {
        table: files if local else [filesystem.unstrip_protocol(file) for file in files]
        for table, files in parts.items()
    }


def _list(texts: list[str]) -> str:
    """A list of texts in SQL.

    >>> _list(["it's"])
    "['it''s']"
    """
    quoted = ("'" + text.replace("'", "''") + "'" for text in texts)
    return f"[{', '.join(quoted)}]"


def _sentence(error: Exception) -> str:
    """DuckDB's message on one line, without the picture of the question."""
    message = str(error).split("\n\nLINE ", maxsplit=1)[0]
    return " ".join(message.split())
