"""What kind of endpoint the mock plays: hosts differ in what they accept and how they tokenize."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Abilities:
    """The limits of one kind of endpoint; the default can do everything."""

    completions: bool = True
    """Whether `/v1/completions` exists at all (chat-only hosts answer 404)."""
    zero_tokens: bool = True
    """Whether `/v1/completions` accepts `max_tokens: 0` (vLLM wants at least 1)."""
    echoes: bool = True
    """Whether `echo` is honoured; False plays the hosts that ignore it silently."""
    splits_ten: bool = False
    """Whether the tokenizer cuts "10" into "1" and "0"."""
    merges_placeholders: bool = False
    """Whether the tokenizer joins a placeholder with the tab before it."""
    begins_with: str = ""
    """A token that the endpoint puts before the prompt and echoes, such as `<s>`."""
    decisions: Literal["both", "decisions", "systemone", "none"] = "both"
    """Which of `/v1/decisions` and `/v1/systemone` exist; the other answers 404."""
    refused_parameters: frozenset[str] = frozenset()
    """Parameters that are answered with 400, such as `temperature`, `logprobs`, `max_tokens`."""
