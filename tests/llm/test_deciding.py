"""Finding out how an endpoint takes typed questions, with a function in place of the endpoint."""

import asyncio

from neuroscribe.llm.deciding import decide
from neuroscribe.llm.outcome import Outcome
from neuroscribe.llm.protocol import DecideRequest, Question
from neuroscribe.llm.wire.dialect import Dialect

N_REQUESTS = 20


class Watched:
    """An endpoint that answers with a status, or well where it is None; counts who asks at once."""

    def __init__(self, status: int | None) -> None:
        self.status = status
        self.asked = self.within = self.most = 0

    async def ask(self, part, form) -> Outcome:
        self.asked += 1
        self.within += 1
        self.most = max(self.most, self.within)
        await asyncio.sleep(0.01)
        self.within -= 1
        if self.status is not None:
            return Outcome(status="failed", reason="down", http_status=self.status)
        return Outcome(status="ok", decisions=({"yes": 1.0, "no": 0.0},) * len(part.questions))


def run(endpoint, dialect):
    questions = (Question(text="rain?", options=("yes", "no")),)
    requests = [DecideRequest(input=str(n), questions=questions) for n in range(N_REQUESTS)]

    async def whole():
        finding_out = asyncio.Lock()
        asked = [decide(request, dialect, finding_out, endpoint.ask) for request in requests]
        return await asyncio.wait_for(asyncio.gather(*asked), 5)

    return asyncio.run(whole())


def test_questions_are_asked_side_by_side_while_an_endpoint_is_down():
    down, dialect = Watched(500), Dialect(limit="max_tokens")
    assert {outcome.http_status for outcome in run(down, dialect)} == {500}
    # One tries it for all; none of the others waits for any other.
    assert (down.asked, down.most) == (N_REQUESTS, N_REQUESTS - 1)
    # When the endpoint is back, its form is found out all the same.
    assert dialect.decisions is None
    assert {outcome.status for outcome in run(Watched(None), dialect)} == {"ok"}
    assert dialect.decisions == "decisions"
