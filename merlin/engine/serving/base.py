"""What a model is asked, what comes back, and the Protocol of those who answer.

One Protocol for `recall`, our own transformers process, and servers of others (vLLM, llama.cpp).
The engine and its own process speak in JSON, a line each. To the process: {"ask": id, "question"},
{"embed": id, "texts"}, {"stop": id}. From it: {"ready"}, {"broken": why}, then by id {"piece"},
{"end"}, {"vectors"}, {"refused"}, {"failed"}, and {"figures"} of its own accord.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydantic import TypeAdapter

from merlin.core.messages import Message
from merlin.openai_protocol.errors import ApiError, bad_field


@dataclass(frozen=True, slots=True)
class Adapter:
    """What was trained onto a base: a folder in PEFT's layout, named by what it holds.

    `digest` is the sha256 of its weights in hex: one digest never means two adapters, so a
    backend that has loaded it needs not look again.
    """

    digest: str
    path: Path


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A conversation to go on with, and how.

    `most_tokens` 0: up to the window's end. `temperature` 0: greedy; None, as
    `top_p`: as the base's own generation config has it. `logprobs` None: not wanted;
    n: each token's own and those of the n likeliest. `is_json`: the answer must be one JSON
    object. `asker` is who asks, so that nobody's many questions hold up another's one.
    """

    messages: Sequence[Message]
    most_tokens: int = 0
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stops: Sequence[str] = ()
    logprobs: int | None = None
    is_json: bool = False
    asker: str = ""


@dataclass(frozen=True, slots=True)
class TokenChance:
    """One token with its natural logarithm of probability, and the likeliest in its place."""

    token: str
    logprob: float
    likeliest: Sequence[tuple[str, float]] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some more of the answer; never a part of a character, never a part of a stop."""

    text: str
    chances: Sequence[TokenChance] = ()


@dataclass(frozen=True, slots=True)
class Finish:
    """The answer is whole. `reason`: "stop" or "length". Tokens by the model's own tokenizer.

    `extension` is what the engine adds to the protocol's answer under `merlin`.
    """

    reason: str
    prompt_tokens: int
    completion_tokens: int
    extension: Mapping[str, object] = field(default_factory=dict)


# A vector a text, and how many tokens the texts have.
Embedded = tuple[Sequence[Sequence[float]], int]


class Busy(Exception):
    """The queue is full; `retry_after_s` is when it is worth asking again."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"busy; again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Unavailable(Exception):
    """The backend cannot answer now; the text says why and what to do."""


class Backend(Protocol):
    """Who answers for one base and every adapter trained onto it."""

    def ask(
        self, adapter: Adapter | None, asking: GenerationRequest
    ) -> AsyncGenerator[Chunk | Finish, None]:
        """Answer in pieces, an Ending last; closing the iterator stops the work on it.

        The model starts to answer when the first piece is asked for. Raises Busy, Unavailable, and
        ApiError 400 "context_length_exceeded" where the messages are too long.
        """

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Return a vector a text, and how many tokens they have. Raises as `ask`.

        ApiError 400 where the base cannot.
        """

    def figures(self) -> Mapping[str, float]:
        """Return what there is to watch: requests running and waiting, tokens made, adapters."""

    async def close(self) -> None:
        """Let go of what it holds."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a process is started with.

    `context` 0: the base's own window. So many `adapters` are kept in memory.
    """

    folder: str
    context: int
    dtype: str
    quantised: str
    is_embedding: bool
    device: str
    adapters: int


# How each of these is written into a line, and read from it. A question is asked of an adapter, or
# of the base alone.
QUESTION = TypeAdapter[tuple[Adapter | None, GenerationRequest]](
    tuple[Adapter | None, GenerationRequest]
)
CHUNK, FINISH = TypeAdapter(Chunk), TypeAdapter(Finish)


def too_long(window: int, longest: int) -> ApiError:
    """Return the refusal of a text that is to become a vector; both in tokens."""
    words = f"This model reads at most {window} tokens a text; one has {longest}."
    return bad_field("input", words, "context_length_exceeded")


def refused_line(number: int, refusal: ApiError) -> dict[str, object]:
    """Return a refusal as it is sent."""
    fields = {"status": refusal.status, "param": refusal.param, "code": refusal.code}
    return {"refused": number, "words": str(refusal), **fields}


def refusal_of(line: Mapping[str, Any]) -> ApiError:
    """Read a refusal."""
    return ApiError(line["status"], line["words"], code=line["code"], param=line["param"])
