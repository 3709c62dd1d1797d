"""`neuroscribe mock-server`: the mock LLM on loopback."""

from typing import Annotated

import typer

NAME = "mock-server"


def command(
    *,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 picks a free one.")] = 8421,
    seed: Annotated[int, typer.Option(help="Seed of the mock.")] = 0,
    misbehave: Annotated[
        list[str] | None,
        typer.Option(
            help="Fault and rate, such as `rate_limit=0.1`; repeatable. See docs/llm.md.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Serve a deterministic mock LLM that speaks the OpenAI protocol.

    It explains by the commonest peak tokens and simulates by matching tokens to the explanation.
    Point any command at it with `--llm openai:mock@http://127.0.0.1:8421/v1`.
    """
    from neuroscribe.llm.mock import Misbehaviour, MockLLM
    from neuroscribe.llm.mock.server import serve_forever

    mock = MockLLM(seed, misbehaviour=Misbehaviour.parse(misbehave or []))
    serve_forever(
        mock,
        port=port,
        on_ready=lambda base_url: typer.echo(f"mock LLM at {base_url}; stop it with Ctrl-C"),
    )
