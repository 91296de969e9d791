"""What YooKassa answers when it refuses.

Source: yookassa.ru/developers/using-api/response-handling, "Формат ответа", "Коды ответа HTTP".
"""

from __future__ import annotations

import uuid
from typing import Any

_CODES = {
    400: "invalid_request",
    401: "invalid_credentials",
    403: "forbidden",
    404: "not_found",
    429: "too_many_requests",
    500: "internal_server_error",
}
PROCESSING = 202
RETRY_AFTER_MS = 1800


class ShopError(Exception):
    """One refused call: HTTP status and the vendor's error object."""

    def __init__(self, status: int, description: str, *, parameter: str = "") -> None:
        super().__init__(description)
        self.status = status
        self.parameter = parameter

    def as_json(self) -> dict[str, Any]:
        """Return the answer's body; 202 is not an error but "not done yet"."""
        if self.status == PROCESSING:
            told = {"type": "processing", "description": str(self)}
            return {**told, "retry_after": RETRY_AFTER_MS}
        error = {
            "type": "error",
            "id": str(uuid.uuid4()),
            "code": _CODES.get(self.status, "internal_server_error"),
            "description": str(self),
        }
        return {**error, "parameter": self.parameter} if self.parameter else error


def bad_request(parameter: str, description: str) -> ShopError:
    """Return the answer to a field that cannot be used."""
    return ShopError(400, description, parameter=parameter)


def missing(kind: str, name: str) -> ShopError:
    """Return the answer to a payment, refund or receipt that is not there."""
    return ShopError(404, f"{kind} {name} doesn't exist or is not yours", parameter=f"{kind}_id")
