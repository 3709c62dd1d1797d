"""Finding out which form of typed questions an endpoint speaks, once, and asking in it.

While nobody knows, one request finds out for all: it tries the forms in turn, and a status that
says "no such address" (`wire.decisions.NOT_THERE`) moves it on. Nothing but an answer settles the
matter. A request with more questions than the endpoint takes at once is asked in parts.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from neuroscribe.llm.gather import gather
from neuroscribe.llm.outcome import Outcome
from neuroscribe.llm.protocol import DecideRequest
from neuroscribe.llm.wire.decisions import FORMS, NOT_THERE, Form, merged, parts
from neuroscribe.llm.wire.dialect import Dialect

AskPart = Callable[[DecideRequest, Form], Coroutine[Any, Any, Outcome]]


async def decide(
    request: DecideRequest, dialect: Dialect, finding_out: asyncio.Lock, ask: AskPart
) -> Outcome:
    """Ask all questions of a request.

    Args:
        request: with any number of questions.
        dialect: learns the form.
        finding_out: held while the form is not known.
        ask: asks one part in one form; an unknown address is a `failed` outcome with its status.

    Returns:
        the merged outcome; where the endpoint speaks no form, that of the first one tried.
    """
    if dialect.decisions is None and not dialect.sought_decisions:
        async with finding_out:
            # Another request may have found out meanwhile; then all go on side by side. So they do
            # where it met a trouble that says nothing: one after the other they would meet it too.
            if dialect.decisions is None and not dialect.sought_decisions:
                try:
                    return await _find_out(request, dialect, ask)
                finally:
                    dialect.sought_decisions = True
    if dialect.decisions is None:
        return await _find_out(request, dialect, ask)
    return await _ask_in(dialect.decisions, request, ask)


async def _find_out(request: DecideRequest, dialect: Dialect, ask: AskPart) -> Outcome:
    tried: list[Outcome] = []
    for form in FORMS:
        outcome = await _ask_in(form, request, ask)
        if outcome.http_status not in NOT_THERE:
            if outcome.came and request.questions:
                dialect.decisions = form
            return outcome
        tried.append(outcome)
    return tried[0]


async def _ask_in(form: Form, request: DecideRequest, ask: AskPart) -> Outcome:
    return merged(await gather(ask(part, form) for part in parts(request, form)))
