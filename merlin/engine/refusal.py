"""Small pieces of what calls and files bring: JSON without half a character, contents in parts.

What the engine answers when it refuses: the protocol's error object and its status.

Source: openai/openai-openapi, `openapi.yaml`, Error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence


class HalfCharacter(ValueError):
    """A text holds half of a surrogate pair: JSON's escapes allow it, no encoding of texts does."""


def read_json(content: str) -> object:
    """Read a JSON text. Raises ValueError or RecursionError for what is none, HalfCharacter."""
    read = json.loads(content)
    # Only what was escaped can be broken so.
    if "\\u" in content:
        try:
            json.dumps(read, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise HalfCharacter from error
    return read


def text_of(parts: Sequence[object]) -> str | None:
    """Return the parts' texts, one a line; None when a part is anything but a text."""
    texts = [part.get("text") if isinstance(part, dict) else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        return None
    return "\n".join(str(text) for text in texts)


_CODES = {401: "invalid_api_key"}
_SERVER_FAULT = 500


class Refusal(Exception):
    """One refused call: HTTP status, the protocol's error object, headers where it has some.

    `kind` is the error's type: "" for the one that the status means.
    """

    kind = ""
    headers: Mapping[str, str] | None = None

    def __init__(
        self, status: int, message: str, *, code: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code or _CODES.get(status)
        self.param = param

    def as_json(self) -> dict[str, object]:
        """Return the answer's body."""
        is_ours = self.status >= _SERVER_FAULT
        kind = self.kind or ("server_error" if is_ours else "invalid_request_error")
        error = {"message": str(self), "type": kind, "param": self.param, "code": self.code}
        return {"error": error}


def no_model(name: str) -> Refusal:
    """Return the answer to a model that is not there."""
    text = f"The model `{name}` does not exist; GET /v1/models lists those that do."
    return Refusal(404, text, code="model_not_found", param="model")


def missing(kind: str, name: str, param: str) -> Refusal:
    """Return the answer to a file, job or checkpoint that is not there."""
    return Refusal(404, f"No such {kind}: {name}", param=param)


def bad(param: str, message: str, code: str | None = None) -> Refusal:
    """Return the answer to a field that cannot be used."""
    return Refusal(400, message, param=param, code=code)


def no_file(param: str, file_id: str) -> Refusal:
    """Return the answer to a job on a file that is not there."""
    return bad(param, f"invalid {param}: there is no file {file_id}; upload it first")


def too_long(tokens: int, window: int) -> Refusal:
    """Return the answer to messages that do not fit the model's window."""
    words = (
        f"This model's maximum context length is {window} tokens, your messages have"
        f" {tokens}. Please reduce the length of the messages."
    )
    return bad("messages", words, "context_length_exceeded")
