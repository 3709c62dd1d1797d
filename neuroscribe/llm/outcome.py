"""What came of one request, before the client signs it; and what of that is worth keeping.

An outcome is a reply without its sender, time and price. The journal stores outcomes, so an answer
given twice is the same to the last digit: log-probabilities are rounded once, on arrival, to
1e-4 (a hundredth of a per cent of a probability), which halves the journal, and probabilities to
1e-6.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

from neuroscribe.llm.protocol import GeneratedToken, TopLogprobs
from neuroscribe.records import Status

LOGPROB_DIGITS = 4
PROBABILITY_DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The fields mean what they mean in `protocol.Reply`."""

    status: Status
    text: str = ""
    generated: tuple[GeneratedToken, ...] | None = None
    slots: tuple[TopLogprobs | None, ...] | None = None
    loss: float | None = None
    decisions: tuple[Mapping[str, float] | None, ...] | None = None
    reason: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    http_status: int | None = None
    """What the endpoint answered where it answered with an error."""

    @property
    def came(self) -> bool:
        """Whether the endpoint answered: only such outcomes are journalled."""
        return self.status in ("ok", "refused", "unparsed")


class Counted(TypedDict, total=False):
    """Tokens that an endpoint counted."""

    input_tokens: int
    output_tokens: int


def failed(reason: str, **counted: Unpack[Counted]) -> Outcome:
    """No answer, or none that can be used; `counted` tokens were paid all the same."""
    return Outcome(status="failed", reason=reason, **counted)


def rounded(alternatives: Mapping[Any, Any]) -> dict[str, float]:
    """The alternatives that are finite numbers, rounded.

    >>> rounded({"1": -0.123456, "2": float("-inf"), "3": None})
    {'1': -0.1235}
    """
    return {
        str(word): round(float(value), LOGPROB_DIGITS)
        for word, value in alternatives.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
