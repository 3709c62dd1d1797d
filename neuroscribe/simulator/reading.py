"""Ask for one sequence, read the answer, and say what came of it.

All simulators share this dialogue, so each states only its request and how its answer is read. An
answer that cannot be read is asked for afresh (as the next sample of the same request) where a
second answer may differ; after that the prediction is `unparsed` and every value is missing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from neuroscribe.llm.protocol import Dialogue, Reply, Request
from neuroscribe.records import Prediction, Status


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was read from one answer."""

    expected: tuple[float | None, ...] = ()
    folded: int = 0
    problem: str | None = None
    """Why the answer cannot be read; then it holds no values."""


def ask(
    request: Request,
    read: Callable[[Reply], Reading],
    *,
    simulator: str,
    n_tokens: int,
    attempts: int,
) -> Dialogue[Prediction]:
    """Ask up to `attempts` times until an answer can be read.

    An answer in which no token has a value cannot be read either: the endpoint left out what was
    asked for. A reply that is not `ok` ends the dialogue with its status, because the client has
    retried already.
    """
    for attempt in range(attempts):
        (reply,) = yield [replace(request, sample=request.sample + attempt)]
        if reply.status != "ok":
            status: Status = reply.status
            reason = reply.reason or reply.text or f"the reply is {status!r}"
            break
        reading = read(reply)
        problem = reading.problem
        if problem is None and not any(value is not None for value in reading.expected):
            problem = "no number from 0 to 10 is among the alternatives of any token"
        if problem is None:
            return Prediction(
                status="ok",
                expected=reading.expected,
                simulator=simulator,
                llm=reply.llm,
                folded=reading.folded,
            )
        status, reason = "unparsed", problem
    return Prediction(
        status=status,
        expected=(None,) * n_tokens,
        simulator=simulator,
        llm=reply.llm,
        reason=reason,
    )
