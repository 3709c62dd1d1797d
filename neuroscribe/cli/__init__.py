"""The command line: one module per command, and no logic of its own.

Settings come from a flag, else from the TOML file named by `--config` (one table per command), else
from the default. torch and pyarrow are imported only by the commands that need them, so `--help`
answers at once. Errors of ours become one sentence and an exit code: 0 done, 1 finished with failed
items, 2 bad usage or input (nothing changed), 3 budget reached, 130 interrupted; the last two can
be resumed by the same command.
"""

import functools
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from neuroscribe._version import __version__
from neuroscribe.cli import (
    compact,
    compare,
    demo,
    explain,
    export,
    import_,
    merge,
    mock_server,
    query,
    record,
    score,
    show,
    site,
    status,
    verify,
    view,
)
from neuroscribe.errors import InputError, NeuroscribeError

INTERRUPTED = 130


def _guarded(command: Callable[..., int | None]) -> Callable[..., None]:
    """Turn the command's result, our errors and an interruption into an exit code."""

    @functools.wraps(command)
    def run(*args: object, **kwargs: object) -> None:
        try:
            code = command(*args, **kwargs)
        except NeuroscribeError as error:
            typer.echo(f"error: {error}", err=True)
            code = error.exit_code
        except KeyboardInterrupt:
            typer.echo("interrupted; the same command goes on from here", err=True)
            code = INTERRUPTED
        if code:
            raise typer.Exit(code)

    return run


main = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Explain the units of neural networks, and measure how good each explanation is.",
)
for module in (
    *(demo, record, merge, explain, score, compare, status, show, site, view),
    *(query, export, import_, verify, compact, mock_server),
):
    main.command(name=module.NAME)(_guarded(module.command))


@main.callback()
@_guarded
def _settings(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(help="TOML file with one table of settings per command.")
    ] = None,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if config is not None:
        context.default_map = _read_config(config)


def _read_config(path: Path) -> dict[str, dict[str, object]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the settings in {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"the settings in {path} are not TOML: {error}") from error
    known = [str(command.name) for command in main.registered_commands]
    for table, values in content.items():
        if table not in known or not isinstance(values, dict):
            raise InputError(
                f"{path} has a setting {table!r}; write one table per command: "
                f"{', '.join(f'[{name}]' for name in known)}"
            )
    return {
        table: {name.replace("-", "_"): value for name, value in values.items()}
        for table, values in content.items()
    }
