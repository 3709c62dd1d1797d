"""What an HTTP error means: the end of the run, or one failed request.

What every later request would meet too (a wrong key, an unknown model, a host that is not there, an
empty account) is an `LLMError`; everything else is a `failed` outcome, and the run goes on. Keys
never show: the endpoint's own words on keys are not repeated, and its other words are redacted.
"""

import httpx2
import openai

from neuroscribe.errors import LLMError
from neuroscribe.llm.connection import retry_after_seconds
from neuroscribe.llm.outcome import Outcome, failed
from neuroscribe.llm.window import LONGEST_HOLD_SECONDS
from neuroscribe.llm.wire.body import shortened


def outcome_of(
    error: openai.APIError,
    *,
    spec: str,
    base_url: str,
    key: str | None,
    reached: bool,
    attempts: int,
    probing: bool = False,
) -> Outcome:
    """The failed outcome for an error that was left after all retries.

    Args:
        error: from the SDK.
        spec: the client's.
        base_url: where the request went.
        key: never to be shown; None where there is none.
        reached: whether the endpoint has answered this client before.
        attempts: how often a request is sent at most.
        probing: whether "no such thing" is an answer.

    Raises:
        LLMError: every other request would fail the same way.
    """
    if isinstance(error, openai.APIStatusError):
        said = _redacted(_message(error), key)
        if error.status_code != 404 or not probing:
            _raise_if_hopeless(error, said, spec, base_url)
        tries = f" after {attempts} attempts" if _retried(error.status_code) else ""
        reason = f"HTTP {error.status_code}{tries}: {said}"
        return Outcome(status="failed", reason=reason, http_status=error.status_code)
    cause = error.__cause__
    if not reached and isinstance(cause, httpx2.ConnectTimeout | httpx2.ConnectError):
        raise LLMError(
            f"no LLM can be reached at {base_url} ({_redacted(str(cause), key)}); "
            "check the address and that the server runs"
        ) from None
    if isinstance(error, openai.APITimeoutError):
        return failed(f"no answer in time, after {attempts} attempts")
    if isinstance(error, openai.APIConnectionError):
        said = _redacted(str(cause or error), key)
        return failed(f"the connection broke, after {attempts} attempts: {said}")
    return failed(f"the SDK could not read the answer: {_redacted(error.message, key)}")


def _raise_if_hopeless(error: openai.APIStatusError, said: str, spec: str, base_url: str) -> None:
    if error.status_code in (401, 403):
        raise LLMError(
            f"{base_url} did not accept the key for {spec} (HTTP {error.status_code}); "
            "set OPENAI_API_KEY to a key that may use this model"
        ) from None
    if error.status_code == 404:
        raise LLMError(f"{base_url} knows no such model or address for {spec}: {said}") from None
    wanted = retry_after_seconds(error.response.headers)
    if error.status_code == 429 and wanted is not None and wanted > LONGEST_HOLD_SECONDS:
        raise LLMError(
            f"{base_url} takes no request for {spec} before {wanted:,.0f} s have passed: {said}; "
            "run the same again later, answers that came are in the journal"
        ) from None
    if error.code == "insufficient_quota":
        raise LLMError(f"the account behind OPENAI_API_KEY has no credit left: {said}") from None


def _message(error: openai.APIStatusError) -> str:
    body = error.body
    message = body.get("message") if isinstance(body, dict) else None
    return str(message or body or error.message)


def _redacted(text: str, key: str | None) -> str:
    return shortened(text.replace(key, "[key]") if key else text)


def _retried(status_code: int) -> bool:
    return status_code in (408, 409, 429) or status_code >= 500
