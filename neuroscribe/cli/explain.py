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
        str,
        typer.Option(
            help="What of a unit the LLM is shown: `token_activation_pairs`, `highlighted_text`, "
            "`token_lookup`, `token_weights`, `logit_evidence`, `contrastive`."
        ),
    ] = "token_activation_pairs",
    exemplars: Annotated[
        str,
        typer.Option(
            help="Which exemplars it is shown: `top`, `quantile`, `random`, `mix`, `teach`."
        ),
    ] = "top",
    form: Annotated[
        str, typer.Option(help="What is asked for: a `phrase`, a `label`, a `sentence`.")
    ] = "phrase",
    candidates: Annotated[
        int,
        typer.Option(help="Explanations asked for; the one that simulates best on `valid` wins."),
    ] = 1,
    revise: Annotated[
        int,
        typer.Option(
            help="Rounds in which the LLM writes sentences that fit, the subject is run on them, "
            "and the explanation is mended."
        ),
    ] = 0,
    simulator: Annotated[
        str, typer.Option(help="What rates candidates and revisions; `auto` for the best.")
    ] = "auto",
    embedder: options.Embedder = "minilm",
    device: options.Device = "auto",
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

    Units that already have an explanation by the same explainer, exemplars, form and LLM are left
    alone; failed ones are tried again. Every answer is journalled, so nothing is paid twice.
    """
    from neuroscribe.llm.settings import ClientSettings
    from neuroscribe.study import LLMOptions, Study

    result = Study.open(directory).explain(
        llm=llm,
        units=units,
        explainer=explainer,
        exemplars=exemplars,
        form=options.form(form),
        candidates=candidates,
        revisions=revise,
        simulator=simulator,
        embedder=embedder,
        device=device,
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
