"""How the mock says no: the error object of the OpenAI protocol."""

from typing import NamedTuple


class Rejection(NamedTuple):
    """A request that cannot be answered, with the HTTP status that says so."""

    status: int
    message: str
    param: str | None = None
    code: str | None = None

    def body(self) -> dict[str, object]:
        """The JSON body."""
        return {
            "error": {
                "message": self.message,
                "type": "invalid_request_error" if self.status < 500 else "server_error",
                "param": self.param,
                "code": self.code,
            }
        }


def unsupported(parameter: str) -> Rejection:
    """What a model answers that does not know a parameter."""
    advice = ""
    if parameter in OTHER_LIMIT:
        advice = f" Use '{OTHER_LIMIT[parameter]}' instead."
    message = f"Unsupported parameter: '{parameter}' is not supported with this model.{advice}"
    return Rejection(400, message, parameter, "unsupported_parameter")


OTHER_LIMIT = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}
