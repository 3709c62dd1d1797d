"""What a client has done so far: for progress bars and `status`."""

from collections import Counter
from dataclasses import dataclass, field

from neuroscribe.llm.protocol import Reply


@dataclass
class Tally:
    """Counts that grow while a client works."""

    replies: int = 0
    journalled: int = 0
    """Replies that came from the journal."""
    http_requests: int = 0
    """Requests on the wire, retries included."""
    http_answers: int = 0
    """Answers on the wire, whatever their status."""
    by_status: Counter[str] = field(default_factory=Counter)
    input_tokens: int = 0
    """Tokens of new answers; journalled ones are not counted again."""
    output_tokens: int = 0
    cost_usd: float | None = 0.0
    """Cost of new answers; None once one came whose price is not known."""

    def add(self, reply: Reply) -> None:
        """Count one reply."""
        self.replies += 1
        self.by_status[reply.status] += 1
        if reply.journalled:
            self.journalled += 1
            return
        self.input_tokens += reply.input_tokens
        self.output_tokens += reply.output_tokens
        if reply.cost_usd is None or self.cost_usd is None:
            self.cost_usd = None
        else:
            self.cost_usd += reply.cost_usd
