"""What a model was found to refuse, learnt from its first 400 and remembered.

Hosts and models differ in the parameters they take, and no list of models stays right for long. So
everything is sent once; a 400 that names an optional parameter drops it for the rest of the
client's life. Source: METHODS section 4, "What hosts give".
"""

import re
from dataclasses import dataclass, field
from typing import Any

from neuroscribe.llm.wire.decisions import Form

OPTIONAL = ("temperature", "seed", "reasoning_effort")
"""Parameters that an answer is possible without."""
LIMITS = ("max_tokens", "max_completion_tokens")
"""The two names of the limit on the answer's length."""
ESSENTIAL = ("top_logprobs", "logprobs", "response_format")
"""Parameters without which the answer would not be what was asked for."""

_UNKNOWN_PARAMETER = re.compile(
    r"not (supported|permitted|allowed)|unsupported|unrecogni[sz]ed|unknown|extra", re.IGNORECASE
)
"""How hosts say that they do not take a parameter at all, rather than not this value."""


@dataclass
class Dialect:
    """How one model wants to be asked."""

    limit: str
    """Which of `LIMITS` it takes."""
    refused: set[str] = field(default_factory=set)
    zero_tokens: bool = True
    """Whether `/completions` takes `max_tokens: 0`."""
    decisions: Form | None = None
    """Which form of typed questions it takes; None while nobody has found out."""
    sought_decisions: bool = False
    """Whether a request has tried to find out."""
    reasons: bool = False
    """Whether it was seen to spend its whole limit on reasoning."""

    def learn(self, sent: dict[str, Any], parameter: str | None, message: str) -> bool:
        """Take in a 400.

        Args:
            sent: the parameters of the request.
            parameter: which one the endpoint says is wrong, if it says so.
            message: what it says.

        Returns:
            whether the same request, put differently, may succeed.
        """
        named = self._named(sent, parameter, message)
        if named == "max_tokens" and "prompt" in sent:
            self.zero_tokens = False
            return bool(sent["max_tokens"] == 0)
        if named in LIMITS:
            return self._turn_from(named, message)
        if named is not None:
            self.refused.add(named)
        # Requests under way together all learn the same; each is worth sending again.
        return named in OPTIONAL

    def _turn_from(self, limit: str, message: str) -> bool:
        if not _UNKNOWN_PARAMETER.search(message):
            return False
        self.refused.add(limit)
        other = LIMITS[1 - LIMITS.index(limit)]
        if other in self.refused:
            return False
        self.limit = other
        return True

    @staticmethod
    def _named(sent: dict[str, Any], parameter: str | None, message: str) -> str | None:
        known = [name for name in (*LIMITS, *OPTIONAL, *ESSENTIAL) if name in sent]
        if parameter in known:
            return parameter
        mentioned = [name for name in known if name in message]
        return mentioned[0] if mentioned else None
