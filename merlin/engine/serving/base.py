"""Requests, response chunks, and the Protocol of serving backends.

One Protocol for `recall`, the transformers worker, and vLLM.
"""

import math
import signal
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import TypeAdapter

from merlin.core.messages import Message
from merlin.openai_protocol.errors import ApiError, Json, bad_field, limit_error


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter: a folder in PEFT's layout.

    `digest` is the sha256 of its weights in hex. It identifies the adapter, so a backend that has
    loaded it need not reload it.
    """

    digest: str
    path: Path


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A conversation to complete, with sampling parameters.

    `most_tokens` 0: up to the end of the context window. `temperature` 0: greedy; `temperature` and
    `top_p` None: the base's generation config.
    `language` is that of refusals where the questions tell none, "" for the engine's.
    """

    messages: Sequence[Message]
    most_tokens: int = 0
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stops: Sequence[str] = ()
    language: str = ""


# The forms of an answer, in chats and responses, that are no forms.
_PLAIN_FORMS = ({"type": "text"}, {"format": {"type": "text"}})


@dataclass(frozen=True, slots=True)
class RelayedRequest:
    """A request that only a server of the protocol can answer, which gets it as it is.

    Schemas and tools, for example. `path` is that of the protocol ("/responses"), `body` has the
    checked fields without `model`, the caller's name of it. `refusal` is the error of all others.
    """

    model: str
    path: str
    body: Json
    refusal: ApiError

    @property
    def is_formed(self) -> bool:
        """Return whether the answer has a form that no taught answer has: JSON, a tool."""
        asked = (self.body.get(name) for name in ("tools", "response_format", "text"))
        return any(each and each not in _PLAIN_FORMS for each in asked)


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of the answer. `reason`: "stop" or "length"; tokens by the model's tokenizer.

    `extension` is added to the protocol's response as `merlin`.
    """

    reason: str
    prompt_tokens: int
    completion_tokens: int
    extension: Mapping[str, object] = field(default_factory=dict)


# The extension of answers with an adapter whose proof decides that it is applied.
APPLIED: Mapping[str, object] = {"applied": True}


def busy_error(retry_after_s: float) -> ApiError:
    """Return the error for a full queue."""
    message = "Too many questions wait for this model; ask again a little later."
    return limit_error(message, retry_after_s)


class Unavailable(ApiError):
    """The backend cannot answer now; the message says why and what to do.

    `retry_after_s` are the seconds until it can, 0 if that is unknown.
    """

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(503, message, code="model_unavailable")
        if retry_after_s:
            self.headers = {"retry-after": str(math.ceil(retry_after_s))}


class Backend(Protocol):
    """Serves one base and all of its adapters."""

    def ask(
        self, adapter: Adapter | None, request: GenerationRequest
    ) -> AsyncGenerator[str | Finish, None]:
        """Yield the answer's text in pieces, and a Finish; closing the iterator cancels it.

        A piece is never a partial character, never part of a stop text.

        The request starts with the first iteration. Raises Unavailable, and ApiError: 429 if the
        queue is full, 400 "context_length_exceeded" if the messages are too long.
        """

    def relay(
        self, adapter: Adapter | None, request: RelayedRequest
    ) -> AsyncGenerator[Json, None]:
        """Yield the server's own events, or its whole answer if it is not streamed.

        Raises as `ask` does, and the request's refusal if the backend is not such a server.
        """

    def figures(self) -> Mapping[str, float]:
        """Return figures for monitoring: running and waiting requests, restarts, adapters."""

    async def close(self) -> None:
        """Release all resources."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What the process is started with.

    `context` 0: the base's own window. `adapters` is the size of the adapter cache.
    """

    folder: str
    context: int
    dtype: str
    quantised: str
    device: str
    adapters: int


# What the engine sends to the worker: for an adapter, or for the base if that is None.
QUESTION = TypeAdapter[tuple[Adapter | None, GenerationRequest]](
    tuple[Adapter | None, GenerationRequest]
)

MEMORY_ADVICE = "lower the model's context, set quantised: 4bit, or take a smaller base"


def ended_error(name: str, code: int, reason: str = "") -> Unavailable:
    """Return the error for a base whose process has ended; the next question starts it again."""
    why = reason or f"its process ended with code {code}; its log says more"
    if code == -signal.SIGKILL and not reason:
        why = f"its process was killed, most likely for want of memory; {MEMORY_ADVICE}"
    return Unavailable(f"{name} cannot answer: {why}")


def damaged_model_error(reason: object) -> ApiError:
    """Return the error for a tuned model whose files cannot be used."""
    message = f"this model cannot be used: {reason}; train it again or restore it"
    return bad_field("model", message, "model_damaged")
