"""What is said between a dialogue and a client: requests, replies, and the dialogue itself.

Explainers, simulators and judges are generators: they yield requests and are sent replies, and do
no I/O. One driver (`llm.driver`) awaits for them all, so journal, throttle, budget and concurrency
are written once. The shape follows httpx's `auth_flow`.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

from neuroscribe.records import Status

Role = Literal["system", "user", "assistant"]
TopLogprobs = Mapping[str, float]
"""Token text to natural-log probability: the alternatives at one position."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One turn of a chat."""

    role: Role
    content: str


@dataclass(frozen=True, kw_only=True)
class ChatRequest:
    """Ask for the next turn of a chat."""

    messages: tuple[Message, ...]
    max_tokens: int
    """Most tokens the answer may have."""
    schema: Mapping[str, Any] | None = None
    """JSON schema that the answer must follow; None for free text."""
    top_logprobs: int = 0
    """Alternatives wanted at each generated token (at most 20); 0 for none."""
    temperature: float | None = None
    """None leaves it to the endpoint (some models refuse the parameter)."""
    sample: int = 0
    """Distinguishes otherwise equal requests: the second candidate is sample 1."""


@dataclass(frozen=True, kw_only=True)
class PromptLogprobsRequest:
    """Ask which tokens a model expects at given places of a prompt, without generating."""

    prompt: str
    slots: tuple[int, ...]
    """Character offsets in `prompt`, ascending, at which a token begins."""
    top_logprobs: int = 20
    """Alternatives wanted at each slot."""
    sample: int = 0


@dataclass(frozen=True, kw_only=True)
class ContinuationRequest:
    """Ask how much a model is surprised by a text that follows another; nothing is generated."""

    context: str
    """May be empty."""
    continuation: str
    sample: int = 0


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question of a `DecideRequest`."""

    text: str
    options: tuple[str, ...]
    """What can be answered, each once."""


@dataclass(frozen=True, kw_only=True)
class DecideRequest:
    """Ask questions about one input, each answered with a probability per option."""

    input: str
    questions: tuple[Question, ...]
    """Any number: the client splits what an endpoint does not take at once."""
    sample: int = 0


@dataclass(frozen=True, kw_only=True)
class DirectRequest:
    """Ask a simulator model for the levels of all tokens of a text at once.

    Source: Choi et al., 2024: the explanation, then the subject's own token ids.
    """

    explanation: str
    token_ids: tuple[int, ...]
    """The subject's; the simulator model shares its tokenizer."""
    sample: int = 0


Request = ChatRequest | PromptLogprobsRequest | ContinuationRequest | DecideRequest | DirectRequest


@dataclass(frozen=True, kw_only=True)
class GeneratedToken:
    """One token of an answer with its alternatives."""

    text: str
    top: TopLogprobs


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came of a request. Never an exception: a failure is an outcome with a reason."""

    status: Status
    llm: str
    """The spec of the client that answered, such as `openai:gpt-5-mini` or `mock`."""
    created_at: datetime
    """When the answer was given; a journalled answer keeps its first time."""
    text: str = ""
    """What was written, also where log-probabilities were wanted and did not come (`failed`)."""
    generated: tuple[GeneratedToken, ...] | None = None
    """One entry per generated token where `top_logprobs` were asked for and given."""
    slots: tuple[TopLogprobs | None, ...] | None = None
    """One entry per slot of a `PromptLogprobsRequest`, or per token of a `DirectRequest`; None
    where the endpoint gave nothing."""
    loss: float | None = None
    """Of a `ContinuationRequest`: minus the natural-log probability of the continuation."""
    decisions: tuple[Mapping[str, float] | None, ...] | None = None
    """Of a `DecideRequest`: per question the probability of each option; None where the endpoint
    gave none."""
    reason: str | None = None
    """What went wrong where `status` is not `ok`."""
    http_status: int | None = None
    """What the endpoint answered where it answered with an error: 400 and 422 say that it would
    answer the same tomorrow."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    """None where the price of the model is not known."""
    journalled: bool = False
    """Whether the answer came from the journal: nothing was sent or paid."""


ResultT_co = TypeVar("ResultT_co", covariant=True)
Dialogue = Generator[Sequence[Request], Sequence[Reply], ResultT_co]


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What an endpoint has been seen to do."""

    prompt_logprobs: bool
    """Log-probabilities of prompt tokens, one entry per slot."""
    generated_logprobs: bool
    """Log-probabilities of generated tokens."""
    json_schema: bool
    """Answers that follow a JSON schema."""
    splits_ten: bool = False
    """Whether the tokenizer cuts "10" into "1" and "0": prompt log-probabilities cannot undo it."""
    decisions: bool = False
    """Probabilities of the options of typed questions."""
    direct: bool = False
    """Whether it is a simulator model, which gives the levels of all tokens at once."""
    certain: bool = True
    """Whether every probe was answered; if not, what counts as lacking may be there tomorrow."""


@runtime_checkable
class Client(Protocol):
    """An LLM."""

    @property
    def spec(self) -> str:
        """How the user named it, such as `openai:gpt-5-mini`."""

    async def complete(self, requests: Sequence[Request]) -> list[Reply]:
        """Answer all requests, in order; failures are replies with another status than `ok`.

        Raises:
            BudgetReached: never; requests over the budget get the status `skipped`.
        """

    async def capabilities(self) -> Capabilities:
        """What the endpoint can do, asked once."""

    async def aclose(self) -> None:
        """Release connections."""
