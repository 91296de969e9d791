"""What another server refused, in the words and kinds of ours.

Sources: vllm-project/vllm 0.33.0, entrypoints/serve/exception_handling/error_response.py;
ggml-org/llama.cpp, tools/server/README.md, "API errors".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from merlin.engine.answering.asking import Busy, Unavailable
from merlin.engine.refusal import Refusal

_BUSY, _NO_KEY, _UNKNOWN = (429, 503), (401, 403), 404
_REFUSED = (400, 413, 422)
_LONGEST = 400
_SOON_S = 1
# vLLM names the parameter, llama.cpp the type.
_TOO_LONG = ("context length", "exceed_context_size_error", "context size")


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer of the server `who` at `url`."""

    who: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def words(self) -> str:
        """Return what it says, one line, not over 400 characters."""
        return said_in(self.body)

    @property
    def is_unknown_model(self) -> bool:
        """Return whether the model that was asked is not there."""
        return self.status == _UNKNOWN

    @property
    def is_too_long(self) -> bool:
        """Return whether the messages do not fit into the window."""
        told = self.body.decode(errors="replace")
        return self.status in _REFUSED and any(mark in told for mark in _TOO_LONG)

    def refusal(self) -> Exception:
        """Return what to raise: Busy, Unavailable or Refusal."""
        if self.status in _BUSY:
            return Busy(_seconds(self.headers.get("Retry-After", "")))
        if self.is_too_long:
            return Refusal(400, self.words, code="context_length_exceeded", param="messages")
        if self.status in _REFUSED:
            return Refusal(400, f"{self.who} refuses: {self.words}")
        if self.status in _NO_KEY:
            text = f"{self.who} at {self.url} refuses the engine's key: set the credential."
            return Unavailable(text)
        return Unavailable(f"{self.who} at {self.url} answered {self.status}: {self.words}")


def said_in(body: bytes) -> str:
    """Return the words of an error's body, one line, not over 400 characters."""
    text = body.decode(errors="replace")
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, dict):
        error = told.get("error", told)
        text = str(error.get("message", error) if isinstance(error, dict) else error)
    return " ".join(text.split())[:_LONGEST]


def _seconds(told: str) -> int:
    return max(int(told), _SOON_S) if told.isdecimal() else _SOON_S
