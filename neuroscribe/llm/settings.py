"""How a client behaves: speed, patience, and whether old answers count."""

from dataclasses import dataclass

from neuroscribe.errors import InputError


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """Settings of one client; none of them changes what an answer says except the last."""

    max_in_flight: int = 64
    """Requests that may be under way at once."""
    requests_per_second: float | None = None
    """Most requests sent in a second, retries included; None for no limit."""
    tokens_per_minute: int | None = None
    """Most tokens sent and received in a minute; None for no limit."""
    max_retries: int = 4
    """How often a request is sent again after 429, 5xx, a time-out or a dropped connection."""
    timeout_seconds: float = 120.0
    """How long an answer may take."""
    read_journal: bool = True
    """False asks afresh although an answer is in the journal."""
    reasoning_allowance: int = 4096
    """Extra output tokens for a model that was seen to spend its limit on reasoning."""
    reasoning_effort: str | None = None
    """Sent as it is to models that reason, such as "none" or "low"; part of the journal's key."""

    def __post_init__(self) -> None:
        for name in ("max_in_flight", "requests_per_second", "tokens_per_minute"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise InputError(f"{name} must be more than 0, not {value}")
        if self.max_retries < 0 or self.timeout_seconds <= 0 or self.reasoning_allowance < 0:
            raise InputError(
                "max_retries and reasoning_allowance must be at least 0 and timeout_seconds more, "
                f"not {self.max_retries}, {self.reasoning_allowance} and {self.timeout_seconds}"
            )
