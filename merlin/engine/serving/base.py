"""Requests, response chunks, and the Protocol of serving backends.

One Protocol for `recall`, our own transformers worker, and vLLM.
The engine and its worker exchange JSON lines. To the worker: {"ask": id, "question"},
{"stop": id}. From it: {"ready"}, {"broken": why}, then by id {"piece"},
{"end"}, {"refused"}, {"failed"}, and unsolicited {"figures"}.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydantic import TypeAdapter

from merlin.core.messages import Message
from merlin.openai_protocol.errors import ApiError, bad_field, limit_error


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
    `top_p` None: the base's generation config. `logprobs` None: off; n: the logprob of each token
    and of the top n. `is_json`: the answer must be one JSON object. `language` is that of refusals,
    "" for the engine's.
    """

    messages: Sequence[Message]
    most_tokens: int = 0
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stops: Sequence[str] = ()
    logprobs: int | None = None
    is_json: bool = False
    language: str = ""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One token with its logprob (natural logarithm), and the top tokens at its position.

    `bytes` are its own, perhaps a part of a character; None if it adds none.
    """

    token: str
    logprob: float
    bytes: Sequence[int] | None
    top_logprobs: Sequence[TokenLogprob] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next text of the answer; never a partial character, never part of a stop text."""

    text: str
    logprobs: Sequence[TokenLogprob] = ()


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of the answer. `reason`: "stop" or "length"; tokens by the model's tokenizer.

    `extension` is added to the protocol's response as `merlin`.
    """

    reason: str
    prompt_tokens: int
    completion_tokens: int
    extension: Mapping[str, object] = field(default_factory=dict)


def busy_error(retry_after_s: float) -> ApiError:
    """Return the error for a full queue."""
    message = "Too many questions wait for this model; ask again a little later."
    return limit_error(message, retry_after_s)


class Unavailable(ApiError):
    """The backend cannot answer now; the message says why and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(503, message, code="model_unavailable")


class Backend(Protocol):
    """Serves one base and all of its adapters."""

    def ask(
        self, adapter: Adapter | None, request: GenerationRequest
    ) -> AsyncGenerator[Chunk | Finish, None]:
        """Yield chunks, and a Finish at the end; closing the iterator cancels the request.

        The request starts with the first iteration. Raises Unavailable, and ApiError: 429 if the
        queue is full, 400 "context_length_exceeded" if the messages are too long.
        """

    def figures(self) -> Mapping[str, float]:
        """Return figures for monitoring: running and waiting requests, tokens, adapters."""

    async def close(self) -> None:
        """Release all resources."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The arguments of a worker process.

    `context` 0: the base's own window. `adapters` is the size of the adapter cache.
    """

    folder: str
    context: int
    dtype: str
    quantised: str
    device: str
    adapters: int


MEMORY_ADVICE = (
    "lower engine.answering.at_once or the model's context, set quantised: 4bit, or take a"
    " smaller base"
)
Line = Mapping[str, Any]
Send = Callable[[Line], None]
# Serialisation into lines. A request is for an adapter, or for the base if that is None.
QUESTION = TypeAdapter[tuple[Adapter | None, GenerationRequest]](
    tuple[Adapter | None, GenerationRequest]
)
CHUNK, FINISH = TypeAdapter(Chunk), TypeAdapter(Finish)


def refuse_json(request: GenerationRequest) -> None:
    """Raise ApiError 400 if the answer must be JSON, to which only vLLM can hold a model."""
    if request.is_json:
        message = "response_format.type must be 'text': only a base behind vLLM answers in JSON"
        raise bad_field("response_format", message)


def damaged_model_error(reason: object) -> ApiError:
    """Return the error for a tuned model whose files cannot be used."""
    message = f"this model cannot be used: {reason}; train it again or restore it"
    return bad_field("model", message, "model_damaged")


def build_refusal_line(number: int, refusal: ApiError) -> dict[str, object]:
    """Return the line for an ApiError."""
    fields = {"status": refusal.status, "param": refusal.param, "code": refusal.code}
    return {"refused": number, "words": str(refusal), **fields}


def parse_refusal(line: Mapping[str, Any]) -> ApiError:
    """Return the ApiError of a line."""
    return ApiError(line["status"], line["words"], code=line["code"], param=line["param"])
