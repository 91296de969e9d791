"""What the OpenAI protocol answers when it refuses."""

from __future__ import annotations

from typing import Any

_TYPES = {401: "invalid_request_error", 429: "rate_limit_exceeded"}
_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
_SERVER_FAULT = 500


class ProtocolError(Exception):
    """One refused call: HTTP status and the protocol's error object."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param

    def as_json(self) -> dict[str, Any]:
        """Return the answer's body."""
        server = self.status >= _SERVER_FAULT
        kind = "server_error" if server else _TYPES.get(self.status, "invalid_request_error")
        code = self.code or _CODES.get(self.status)
        error = {"message": str(self), "type": kind, "param": self.param, "code": code}
        return {"error": error}


def no_model(name: str) -> ProtocolError:
    """Return the answer to a model that is not there."""
    text = f"The model `{name}` does not exist or you do not have access to it."
    return ProtocolError(404, text, code="model_not_found", param="model")


def missing(kind: str, name: str) -> ProtocolError:
    """Return the answer to a file or job that is not there."""
    return ProtocolError(404, f"No such {kind}: {name}", param="id")


def bad_field(param: str, message: str) -> ProtocolError:
    """Return the answer to a field that cannot be used."""
    return ProtocolError(400, message, param=param)
