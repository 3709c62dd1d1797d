"""`neuroscribe explain`: exemplars to explanations."""

from typing import Annotated

import typer

from neuroscribe.cli import options
from neuroscribe.cli.stage import report

NAME = "explain"


def command(
    directory: options.Directory,
    *,
    llm: options.Llm,
    units: options.Units = None,
    explainer: Annotated[
        str, typer.Option(help="How exemplars are shown to the LLM.")
    ] = "token_activation_pairs",
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
    """Ask an LLM what each unit fires on.

    Units that already have an explanation by the same explainer and LLM are left alone; failed ones
    are tried again. Every answer is journalled, so nothing is paid twice.
    """
    from neuroscribe.llm.settings import ClientSettings
    from neuroscribe.study import LLMOptions, Study

    result = Study.open(directory).explain(
        llm=llm,
        units=units,
        explainer=explainer,
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
    return report(result, next_step=f"neuroscribe score {directory} --llm {llm}")
