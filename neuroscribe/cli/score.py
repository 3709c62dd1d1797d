"""`neuroscribe score`: explanations to simulations and scores."""

from typing import Annotated

import typer

from neuroscribe.cli import options
from neuroscribe.cli.stage import report

NAME = "score"


def command(
    directory: options.Directory,
    *,
    llm: options.Llm,
    scorer: Annotated[
        list[str] | None,
        typer.Option(
            help="Repeatable: `simulation`, `ablation`, `detection`, `fuzzing`, `embedding`, "
            "`surprisal`, `intruder`, `generation`, or `all`.",
            show_default="simulation",
        ),
    ] = None,
    simulator: Annotated[
        str,
        typer.Option(
            help="`prompt_logprobs`, `decisions`, `generated_logprobs`, `structured`, "
            "`token_by_token`, `direct`, `token_lookup`; `auto` takes the best that the LLM serves."
        ),
    ] = "auto",
    negatives: Annotated[
        str,
        typer.Option(
            help="Silent sequences that judges are shown: `random`, `hard` (near in meaning), "
            "`near_miss` (a correlated unit fires)."
        ),
    ] = "random",
    embedder: options.Embedder = "minilm",
    device: options.Device = "auto",
    units: options.Units = None,
    max_cost: options.MaxCost = None,
    max_requests: options.MaxRequests = None,
    prices: options.Prices = None,
    requests_per_second: options.RequestsPerSecond = None,
    tokens_per_minute: options.TokensPerMinute = None,
    concurrency: options.Concurrency = 64,
    timeout: options.Timeout = 120.0,
    retries: options.Retries = 4,
    journal_read: options.JournalRead = True,
    dry_run: options.DryRun = False,
) -> int:
    """Measure on held-out texts how well each explanation says what its unit does.

    Scores come from `test` sequences, which no explainer has seen, with a 95% interval, the chance
    level and three baselines. Without `--scorer`, `simulation` runs: activations are predicted from
    the explanation alone and compared with the truth.
    """
    from neuroscribe.llm.settings import ClientSettings
    from neuroscribe.study import LLMOptions, Study

    result = Study.open(directory).score(
        *_scorers(scorer),
        llm=llm,
        simulator=simulator,
        negatives=negatives,
        embedder=embedder,
        device=device,
        units=units,
        dry_run=dry_run,
        options=LLMOptions(
            max_cost_usd=max_cost,
            max_requests=max_requests,
            prices=prices,
            settings=ClientSettings(
                requests_per_second=requests_per_second,
                tokens_per_minute=tokens_per_minute,
                max_in_flight=concurrency,
                timeout_seconds=timeout,
                max_retries=retries,
                read_journal=journal_read,
            ),
        ),
    )
    return report(result, next_step=f"neuroscribe status {directory}")


def _scorers(wanted: list[str] | None) -> list[str]:
    from neuroscribe import registry

    if wanted and "all" in wanted:
        return registry.names("scorer")
    return wanted or ["simulation"]
