"""What Telegram answers when it refuses: status, description, parameters, in its own words."""

from __future__ import annotations

from collections.abc import Mapping


class BotApiError(Exception):
    """One refused call; `description` already has Telegram's leading words."""

    def __init__(
        self, code: int, description: str, parameters: Mapping[str, int] | None = None
    ) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def as_json(self) -> dict[str, object]:
        """Return the answer's body."""
        body: dict[str, object] = {
            "ok": False,
            "error_code": self.code,
            "description": self.description,
        }
        if self.parameters:
            body["parameters"] = dict(self.parameters)
        return body


def bad_request(text: str) -> BotApiError:
    """Return the answer to a call that can never succeed as it is."""
    return BotApiError(400, f"Bad Request: {text}")


def forbidden(text: str) -> BotApiError:
    """Return the answer to a call that a person's choice forbids."""
    return BotApiError(403, f"Forbidden: {text}")


def conflict(text: str) -> BotApiError:
    """Return the answer to a second poller."""
    return BotApiError(409, f"Conflict: {text}")


# The words of Telegram's status codes, for faults and wrong addresses.
STATUS_WORDS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


def of_status(status: int, retry_after_s: int | None = None) -> BotApiError:
    """Return the answer of a bare status; 429 tells how long to wait."""
    words = STATUS_WORDS.get(status, "Internal Server Error")
    if retry_after_s is None:
        return BotApiError(status, words)
    wait = {"retry_after": retry_after_s}
    return BotApiError(status, f"{words}: retry after {retry_after_s}", wait)
