"""The mock's one core: method, path and body in; status, headers and body out.

No sockets and no clock, so the same request gives the same bytes in process and over loopback, in
any order, for any host and model name. Two things cannot be said in bytes, a silence and a dropped
connection; the answer names them and the transport acts them out.
"""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from neuroscribe.llm.mock.abilities import Abilities
from neuroscribe.llm.mock.chat import chat_answer
from neuroscribe.llm.mock.completions import completion_answer
from neuroscribe.llm.mock.decisions import decisions_answer, systemone_answer
from neuroscribe.llm.mock.misbehaviour import Fault, Misbehaviour
from neuroscribe.llm.mock.rejection import Rejection

_HANDLERS = {
    "/v1/chat/completions": chat_answer,
    "/v1/completions": completion_answer,
    "/v1/decisions": decisions_answer,
    "/v1/systemone": systemone_answer,
}
_MODELS = {
    "object": "list",
    "data": [{"id": "mock", "object": "model", "created": 0, "owned_by": "neuroscribe"}],
}
_PAGE = b"<html><body>Service temporarily busy</body></html>"


class Answer(NamedTuple):
    """What goes back, and how."""

    status: int
    headers: dict[str, str]
    body: bytes
    delay_seconds: float = 0.0
    """How long the transport is silent first."""
    dropped: bool = False
    """Whether the transport closes the connection and sends nothing."""


class MockLLM:
    """A deterministic LLM behind the OpenAI protocol.

    Args:
        seed: decides what is left to chance: small predictions, and which requests meet faults.
        misbehaviour: faults; none by default.
        abilities: the kind of endpoint to play; one that can do everything by default.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        misbehaviour: Misbehaviour | None = None,
        abilities: Abilities | None = None,
    ) -> None:
        self.seed = seed
        self.misbehaviour = misbehaviour or Misbehaviour()
        self.abilities = abilities or Abilities()
        self.requests_seen = 0
        """Requests handled so far, retries included."""
        self._attempts: Counter[bytes] = Counter()
        self._lock = threading.Lock()

    def handle(self, method: str, path: str, body: bytes) -> Answer:
        """Answer one HTTP request."""
        if path == "/v1/models" and method == "GET":
            return _json(200, _MODELS)
        if path not in _HANDLERS:
            return _reject(Rejection(404, f"There is no {path} here.", code="not_found"))
        if method != "POST":
            return _reject(Rejection(405, f"{path} takes POST, not {method}."))
        request = _read(body)
        if request is None:
            return _reject(Rejection(400, "The body of the request is no JSON object."))
        answer = self._answer(path, request)
        latency = self.misbehaviour.latency_seconds
        return answer._replace(delay_seconds=answer.delay_seconds + latency)

    def _answer(self, path: str, request: Mapping[str, Any]) -> Answer:
        digest = _digest(path, request)
        faults = self._faults(digest)
        disturbed = self._disturbed(faults)
        if disturbed is not None:
            return disturbed
        answer = _HANDLERS[path](request, seed=self.seed, abilities=self.abilities, faults=faults)
        if isinstance(answer, Rejection):
            return _reject(answer)
        reply = _json(200, {"id": f"mock-{digest.hex()[:24]}", **answer})
        if "truncated_json" in faults:
            return reply._replace(body=reply.body[: len(reply.body) // 2])
        return reply

    def _faults(self, digest: bytes) -> frozenset[Fault]:
        with self._lock:
            self.requests_seen += 1
            attempt = self._attempts[digest]
            self._attempts[digest] += 1
        return self.misbehaviour.faults(self.seed, digest, attempt)

    def _disturbed(self, faults: frozenset[Fault]) -> Answer | None:
        if "drop" in faults:
            return Answer(0, {}, b"", dropped=True)
        if "timeout" in faults:
            busy = _reject(Rejection(503, "The mock slept."))
            return busy._replace(delay_seconds=self.misbehaviour.delay_seconds)
        if "rate_limit" in faults:
            limited = _reject(Rejection(429, "Rate limit reached.", code="rate_limit_exceeded"))
            limited.headers["retry-after"] = f"{self.misbehaviour.retry_after_seconds:g}"
            return limited
        if "server_error" in faults:
            return _reject(Rejection(500, "The mock had an error while answering."))
        if "malformed" in faults:
            return Answer(200, {"content-type": "text/html"}, _PAGE)
        return None


def _read(body: bytes) -> Mapping[str, Any] | None:
    try:
        request = json.loads(body)
    except ValueError:
        return None
    return request if isinstance(request, dict) else None


def _digest(path: str, request: Mapping[str, Any]) -> bytes:
    told = {name: value for name, value in request.items() if name != "model"}
    return hashlib.sha256(path.encode() + json.dumps(told, sort_keys=True).encode()).digest()


def _json(status: int, body: Mapping[str, Any]) -> Answer:
    content = json.dumps(body, separators=(",", ":")).encode()
    return Answer(status, {"content-type": "application/json"}, content)


def _reject(rejection: Rejection) -> Answer:
    return _json(rejection.status, rejection.body())
