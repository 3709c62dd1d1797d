"""Options that several commands share, so that they are named and explained once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuroscribe.errors import InputError

if TYPE_CHECKING:
    from neuroscribe.records import Form

Directory = Annotated[Path, typer.Argument(help="The study's directory.", show_default=False)]
Llm = Annotated[
    str,
    typer.Option(
        help="LLM: `openai:MODEL`, `openai:MODEL@BASE_URL`, `local:PATH_OR_NAME`, `mock` or "
        "`mock:SEED`. "
        "Keys come from the environment (OPENAI_API_KEY)."
    ),
]
Units = Annotated[
    str | None,
    typer.Option(
        help="Units: `mlp.*`, `mlp.5[:100]`, `mlp.5/3,17,1021`, `@random:200`, `@top-density:50`; "
        "several joined by `;`.",
        show_default="all",
    ),
]
Embedder = Annotated[
    str,
    typer.Option(help="Sentence encoder, where one is needed: `minilm`, or a name or path."),
]
Device = Annotated[
    str, typer.Option(help="Where the subject and the encoder run, where they are needed.")
]
MaxCost = Annotated[
    float | None, typer.Option(help="Stop at this cost in USD; resumable.", show_default="none")
]
MaxRequests = Annotated[
    int | None,
    typer.Option(help="Stop after this many requests; resumable.", show_default="none"),
]
Prices = Annotated[
    Path | None,
    typer.Option(help="TOML file of prices per million tokens, over those that come along."),
]
RequestsPerSecond = Annotated[
    float | None, typer.Option(help="Most requests sent in a second.", show_default="no limit")
]
TokensPerMinute = Annotated[
    int | None, typer.Option(help="Most tokens in a minute.", show_default="no limit")
]
Concurrency = Annotated[int, typer.Option(help="Requests under way at once.")]
Timeout = Annotated[float, typer.Option(help="Seconds an answer may take.")]
Retries = Annotated[int, typer.Option(help="Times a failed request is sent again.")]
JournalRead = Annotated[
    bool,
    typer.Option(
        "--journal-read/--no-journal-read",
        help="Reuse journalled answers, or ask everything afresh.",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Print requests, tokens and cost; send nothing."),
]


def form(text: str) -> "Form":
    """The form of explanation that a user named.

    Raises:
        InputError: there is no such form.
    """
    from neuroscribe.records import FORMS

    for known in FORMS:
        if text == known:
            return known
    raise InputError(f"no form of explanation is called {text!r}; there are: {', '.join(FORMS)}")
