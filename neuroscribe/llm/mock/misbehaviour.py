"""How the mock misbehaves on demand: the faults that real endpoints have shown.

Which requests are hit is decided by a hash of seed, request and kind of fault, so a run with faults
is as reproducible as one without, in any order and over any transport. Transient faults (429, 500,
time-out, drop) can be limited to the first attempts of each request, so that retries succeed.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal, get_args

from neuroscribe.errors import InputError

Fault = Literal[
    "rate_limit",
    "server_error",
    "timeout",
    "drop",
    "truncated_json",
    "malformed",
    "refusal",
    "wrong_length",
    "missing_logprobs",
    "missing_slots",
    "ignored_schema",
]
FAULTS: tuple[Fault, ...] = get_args(Fault)
TRANSIENT: frozenset[Fault] = frozenset({"rate_limit", "server_error", "timeout", "drop"})


@dataclass(frozen=True, kw_only=True)
class Misbehaviour:
    """Shares of requests that meet each fault, from 0 (never) to 1 (always).

    >>> Misbehaviour.parse(["rate_limit=0.1", "refusal"]).refusal
    1.0
    """

    rate_limit: float = 0.0
    """429 with a Retry-After header."""
    server_error: float = 0.0
    """500."""
    timeout: float = 0.0
    """No answer before `delay_seconds` have passed."""
    drop: float = 0.0
    """The connection closes without an answer."""
    truncated_json: float = 0.0
    """200 with the first half of the body."""
    malformed: float = 0.0
    """200 with a page of HTML in place of JSON."""
    refusal: float = 0.0
    """The model declines to answer, every question of a decision too."""
    wrong_length: float = 0.0
    """One value, line, entry or decision too few."""
    missing_logprobs: float = 0.0
    """200 with `logprobs: null`, and decisions without probabilities."""
    missing_slots: float = 0.0
    """200 with every third placeholder's alternatives missing, and an option of every third
    decision."""
    ignored_schema: float = 0.0
    """Prose where a JSON schema was asked for."""
    first_attempts: int | None = None
    """Attempts of each request that transient faults may hit; None for all."""
    retry_after_seconds: float = 1.0
    """What the Retry-After header says."""
    delay_seconds: float = 600.0
    """How long a time-out lasts."""
    latency_seconds: float = 0.0
    """How long every answer takes, good or bad: what the network and the model cost."""

    def __post_init__(self) -> None:
        for fault in FAULTS:
            rate = getattr(self, fault)
            if not 0 <= rate <= 1:
                raise InputError(f"misbehaviour {fault} is a share from 0 to 1, not {rate}")
        if self.retry_after_seconds <= 0 or self.delay_seconds <= 0:
            raise InputError("retry_after_seconds and delay_seconds must be more than 0")
        if not self.latency_seconds >= 0:
            raise InputError(f"latency_seconds must be at least 0, not {self.latency_seconds}")

    @classmethod
    def parse(cls, options: Iterable[str]) -> "Misbehaviour":
        """Read `NAME=VALUE` options; a name alone means always.

        Raises:
            InputError: an unknown name or a value that is no number.
        """
        known = {field.name for field in fields(cls)}
        settings: dict[str, float | int] = {}
        for option in options:
            name, _, value = option.partition("=")
            if name not in known:
                raise InputError(
                    f"the mock has no misbehaviour {name!r}; there are: {', '.join(sorted(known))}"
                )
            try:
                number = float(value or 1)
            except ValueError:
                raise InputError(
                    f"misbehaviour {option!r} must be NAME=NUMBER, such as rate_limit=0.1"
                ) from None
            settings[name] = int(number) if name == "first_attempts" else number
        return cls(**settings)  # type: ignore[arg-type]

    def faults(self, seed: int, request: bytes, attempt: int) -> frozenset[Fault]:
        """What goes wrong with one attempt.

        Args:
            seed: the mock's.
            request: a digest of the request, without what differs between hosts.
            attempt: 0 for the first time this request is seen.
        """
        spared = self.first_attempts is not None and attempt >= self.first_attempts
        return frozenset(
            fault
            for fault in FAULTS
            if getattr(self, fault) > _share(seed, request, fault)
            and not (spared and fault in TRANSIENT)
        )


def _share(seed: int, request: bytes, fault: str) -> float:
    digest = hashlib.sha256(f"{seed}:{fault}:".encode() + request).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
