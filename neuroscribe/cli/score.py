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
    scorer: Annotated[list[str] | None, typer.Option(help="Scorers; repeatable.")] = None,
    simulator: Annotated[
        str,
        typer.Option(help="`prompt_logprobs`, `generated_logprobs`, `structured`, or `auto`."),
    ] = "auto",
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
    """Predict held-out activations from each explanation alone, and compare with the truth.

    Scores come from `test` sequences, which no explainer has seen, with a 95% interval, the chance
    level and three baselines. Without `--scorer`, `simulation` runs.
    """
    from neuroscribe.llm.settings import ClientSettings
    from neuroscribe.study import LLMOptions, Study

    result = Study.open(directory).score(
        *(scorer or ["simulation"]),
        llm=llm,
        simulator=simulator,
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
