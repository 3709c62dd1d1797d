"""`neuroscribe record`: subject and corpus to exemplars and statistics."""

from typing import Annotated

import typer

from neuroscribe.cli.options import Directory

NAME = "record"


def command(
    directory: Directory,
    *,
    subject: Annotated[
        str, typer.Option(help="Model: a Hugging Face name or path, `minilm` or `tinypython`.")
    ] = "minilm",
    corpus: Annotated[
        str,
        typer.Option(
            help="`stdlib`, `text:PATH`, `jsonl:PATH`, `parquet:PATH` or `hf:NAME[:CONFIG]`."
        ),
    ] = "stdlib",
    sites: Annotated[
        str,
        typer.Option(
            help="Sites: `mlp`, `mlp.3`, `resid.0`, `attn.2`, `module:PATH[:in]`; commas."
        ),
    ] = "mlp",
    top_k: Annotated[int, typer.Option(help="Top exemplars per unit, split and sign.")] = 20,
    n_random: Annotated[int, typer.Option(help="Random exemplars per split.")] = 10,
    n_quantile: Annotated[
        int, typer.Option(help="Exemplars from each of five bands of a unit's peaks, per split.")
    ] = 3,
    sequence_length: Annotated[int, typer.Option(help="Tokens per sequence.")] = 64,
    minimum_length: Annotated[
        int | None,
        typer.Option(help="Keep document tails from this length.", show_default="whole only"),
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(help="Stop after this many tokens.", show_default="all")
    ] = None,
    polarity: Annotated[
        str, typer.Option(help="`positive`, `both`, or `auto`: both where values have two signs.")
    ] = "auto",
    batch_size: Annotated[int, typer.Option(help="Sequences per forward pass.")] = 64,
    seed: Annotated[int, typer.Option(help="Seed of splits and random exemplars.")] = 0,
    histogram_every: Annotated[
        int, typer.Option(help="Count one sequence in so many in the histograms.")
    ] = 8,
    keep_vectors: Annotated[
        int, typer.Option(help="Keep all units' activations at so many drawn tokens.")
    ] = 0,
    keep_bits: Annotated[
        bool, typer.Option("--keep-bits", help="Keep which units fire on which sequence.")
    ] = False,
    compiled: Annotated[
        bool,
        typer.Option("--compiled", help="Compile the pass over the activations (a C++ compiler)."),
    ] = False,
    fused_activation: Annotated[
        bool,
        typer.Option(
            "--fused-activation", help="Compute `gelu_new` in one pass; differs by rounding."
        ),
    ] = False,
    rows_memory_mb: Annotated[
        int | None,
        typer.Option(
            help="Memory for the exemplars' activations; what does not fit is run a second time.",
            show_default="half of what is free",
        ),
    ] = None,
    checkpoint_seconds: Annotated[
        float, typer.Option(help="Time that a kill may cost at most.")
    ] = 120.0,
    shard: Annotated[
        str | None,
        typer.Option(help="Record the I-th of N parts, `I/N`; see `merge`.", show_default="all"),
    ] = None,
    processes: Annotated[int, typer.Option(help="Record in so many processes at once.")] = 1,
    engine: Annotated[
        str, typer.Option(help="`local`, or `ray` to spread the processes over a cluster.")
    ] = "local",
    device: Annotated[str, typer.Option(help="`auto`, `cpu`, `cuda`, `cuda:1`.")] = "auto",
    dtype: Annotated[
        str | None,
        typer.Option(
            help="`float32`, `bfloat16` or `float16`.",
            show_default="float32 on a CPU, else the checkpoint's",
        ),
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="Revision of the model on the hub.", show_default="main")
    ] = None,
) -> None:
    """Run a model over a corpus once, and keep every unit's exemplars and statistics.

    A recording that was interrupted goes on from its last checkpoint when the same command is run
    again. The tables land in DIRECTORY; explain them next.
    """
    from neuroscribe.records import SPLITS
    from neuroscribe.study import Study

    study = Study.create(
        directory,
        subject=subject,
        corpus=corpus,
        device=device,
        dtype=dtype,
        revision=revision,
    )
    study.record(
        sites=sites,
        top_k=top_k,
        n_random=n_random,
        n_quantile=n_quantile,
        sequence_length=sequence_length,
        minimum_length=minimum_length,
        max_tokens=max_tokens,
        polarity=polarity,
        batch_size=batch_size,
        seed=seed,
        histogram_every=histogram_every,
        keep_vectors=keep_vectors,
        keep_bits=keep_bits,
        compiled=compiled,
        fused_activation=fused_activation,
        rows_memory_mb=rows_memory_mb,
        checkpoint_seconds=checkpoint_seconds,
        shard=shard,
        processes=processes,
        engine=engine,
    )
    if shard is not None:
        typer.echo(
            f"recorded shard {shard} into {directory}\n"
            "next, when all shards are there: neuroscribe merge STUDY SHARD..."
        )
        return
    recorded = study.manifest["recorded"]
    there = set(study.table("sequences").to_arrow(columns=["split"])["split"].to_pylist())
    if missing := [split for split in SPLITS if split not in there]:
        typer.echo(
            f"no document fell into {', '.join(missing)}: the corpus has too few documents "
            "to score explanations on held-out text",
            err=True,
        )
    typer.echo(
        f"recorded {sum(study.widths.values()):,} units of {len(study.widths)} sites on "
        f"{recorded['tokens']:,} tokens into {directory}\n"
        f"next: neuroscribe explain {directory} --llm mock"
    )
