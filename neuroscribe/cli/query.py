"""`neuroscribe query`: ask a study in SQL."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neuroscribe.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from rich.text import Text

NAME = "query"

FORMATS = ("table", "csv", "json", "jsonl", "parquet")
MOST_CHARACTERS = 200
"""Of a value in a table; files hold it whole."""

EXAMPLES = (
    """SELECT site, count(*) AS units, avg(density) AS density FROM units
    GROUP BY site ORDER BY site""",
    """SELECT site, unit, text, value
    FROM scores JOIN explanations USING (explanation_id, site, unit, polarity)
    WHERE metric = 'pearson' AND report_set = 'top_and_random'
    ORDER BY value DESC NULLS LAST LIMIT 20""",
    """SELECT tokens[peak_position + 1] AS token, count(*) AS n, avg(peak_activation) AS mean
    FROM exemplars JOIN sequences USING (sequence_id)
    WHERE site = 'mlp.0' AND unit = 0 GROUP BY token ORDER BY n DESC LIMIT 10""",
)


def command(
    directory: Annotated[
        str, typer.Argument(help="The study's directory, or its URL.", show_default=False)
    ],
    sql: Annotated[
        str | None,
        typer.Argument(help="One SELECT in DuckDB's SQL; left out, the tables are listed."),
    ] = None,
    *,
    format: Annotated[  # noqa: A002 -- the word for it
        str | None,
        typer.Option(
            help="`table`, `csv`, `json`, `jsonl` (one object a line) or `parquet`.",
            show_default="by the name of --out; a table on a terminal, csv into a pipe",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the answer to this file, not there yet.")
    ] = None,
    limit_rows: Annotated[int, typer.Option(min=1, help="Most rows of a printed table.")] = 50,
) -> None:
    """Ask a question of a study's tables in SQL.

    Every table is there by name, with its current rows: `SELECT site, avg(value) FROM scores WHERE
    metric = 'pearson' GROUP BY site`. Questions read the study and nothing else. Needs
    `pip install "neuroscribe[sql]"`.
    """
    from neuroscribe.datasets.sql import query

    form = _form(format, out)
    if sql is None:
        _print_tables(directory)
        return
    if out is not None and out.exists():
        raise InputError(f"{out} is there already; choose another name, or remove it first")
    rows = query(directory, sql)
    if out is not None:
        _write(rows, form, out)
        typer.echo(f"wrote {rows.num_rows:,} rows to {out}")
    elif form == "table":
        _print_table(rows, limit_rows)
    else:
        _print_lines(rows, form)


def _form(stated: str | None, out: Path | None) -> str:
    """How to write the answer.

    Raises:
        InputError: there is no such form, or it cannot go there.
    """
    if stated is None and out is not None:
        stated = out.suffix.removeprefix(".")
        if stated not in FORMATS[1:]:
            raise InputError(
                f"{out} does not say what to write; call it .csv, .json, .jsonl or .parquet, "
                "or state --format"
            )
    form = stated or ("table" if sys.stdout.isatty() else "csv")
    if form not in FORMATS:
        raise InputError(f"no format is called {form!r}; there are: {', '.join(FORMATS)}")
    if form == "parquet" and out is None:
        raise InputError("Parquet is no text to print; name a file with --out")
    if form == "table" and out is not None:
        raise InputError("a table is for reading on the screen; leave out --out, or write csv")
    return form


def _write(rows: "pa.Table", form: str, out: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from neuroscribe.datasets.answer_text import lines
    from neuroscribe.datasets.store import write_atomically

    def write(path: Path) -> None:
        if form == "parquet":
            try:
                pq.write_table(rows, path, compression="zstd")
            except pa.ArrowNotImplementedError as error:
                raise InputError(
                    f"Parquet has no place for a column of the answer ({error}); "
                    "cast it in the question, or write json"
                ) from error
            return
        with path.open("w", encoding="utf-8", newline="") as file:
            file.writelines(f"{line}\n" for line in lines(rows, form))

    write_atomically(out, write)


def _print_lines(rows: "pa.Table", form: str) -> None:
    from neuroscribe.datasets.answer_text import lines
    from neuroscribe.heatmap import visible

    # Into a pipe the answer goes as it is; a terminal might obey control codes in it.
    shown: Callable[[str], str] = visible if sys.stdout.isatty() else str
    for line in lines(rows, form):
        typer.echo(shown(line))


def _print_table(rows: "pa.Table", limit: int) -> None:
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    from neuroscribe.heatmap import visible

    table = Table(*(Column(Text(visible(name))) for name in rows.column_names))
    shown = rows.slice(0, limit)
    cells = [[_cell(value) for value in column.to_pylist()] for column in shown.columns]
    for row in zip(*cells, strict=True):
        table.add_row(*row)
    Console(highlight=False).print(table)
    if rows.num_rows > limit:
        typer.echo(f"the first {limit:,} of {rows.num_rows:,} rows; --limit-rows shows more")
    else:
        typer.echo(f"{rows.num_rows:,} row{'' if rows.num_rows == 1 else 's'}")


def _cell(value: Any) -> "Text":
    import json

    from rich.text import Text

    from neuroscribe.datasets.answer_text import plain
    from neuroscribe.heatmap import visible

    value = plain(value)
    if value is None:
        return Text("null", style="dim italic")
    if isinstance(value, float):
        return Text(f"{value:.6g}")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) > MOST_CHARACTERS:
        text = f"{text[:MOST_CHARACTERS]}…"
    return Text(visible(text))


def _print_tables(directory: str) -> None:
    import shlex

    from neuroscribe.datasets.manifest import read_manifest
    from neuroscribe.datasets.schema import SCHEMAS, describe
    from neuroscribe.datasets.sql import ask, connect

    read_manifest(directory)
    with connect(directory) as connection:
        counts = {
            table: ask(connection, f"SELECT count(*) AS n FROM {table}")["n"][0].as_py()  # noqa: S608
            for table in SCHEMAS
        }
    for table, count in counts.items():
        typer.echo(f"\n{table}: {count:,} rows")
        for name, kind, meaning in describe(table):
            readable = kind.replace("list<element: ", "list<").replace("list<item: ", "list<")
            typer.echo(f"  {name}  {readable}  {meaning}")
    typer.echo("\nask, for example:")
    for question in EXAMPLES:
        typer.echo(f'  neuroscribe query {shlex.quote(directory)} "{question}"\n')
