"""What the engine and its answering process say to one another: JSON, a line each.

To the process: {"ask": id, …}, {"embed": id, "texts"}, {"stop": id}. From it: {"ready"},
{"broken": why}, then by id {"piece"}, {"end"}, {"vectors"}, {"refused"}, {"failed"}, and
{"figures"} of its own accord.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from merlin.core.messages import Message
from merlin.engine.serving.base import Adapter, Chunk, Finish, GenerationRequest, TokenChance
from merlin.openai_protocol.errors import ApiError


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


def question_line(
    number: int, adapter: Adapter | None, asking: GenerationRequest
) -> dict[str, object]:
    """Return a question as it is sent."""
    line = asdict(asking) | {"messages": [_plain(message) for message in asking.messages]}
    kept = {"digest": adapter.digest, "path": str(adapter.path)} if adapter else None
    return line | {"ask": number, "adapter": kept}


def _plain(message: Message) -> dict[str, object]:
    return {"role": message.role, "content": message.content, "extra": dict(message.extra)}


def asking_of(line: Mapping[str, Any]) -> tuple[Adapter | None, GenerationRequest]:
    """Read a question as it was sent."""
    kept = line["adapter"]
    adapter = Adapter(kept["digest"], Path(kept["path"])) if kept else None
    fields = {name: line[name] for name in GenerationRequest.__slots__}
    return adapter, GenerationRequest(
        **fields | {"messages": [Message(**one) for one in line["messages"]]}
    )


def piece_line(number: int, piece: Chunk) -> dict[str, object]:
    """Return a piece of an answer as it is sent."""
    chances = [[one.token, one.logprob, one.likeliest] for one in piece.chances]
    return {"piece": number, "text": piece.text, "chances": chances}


def piece_of(line: Mapping[str, Any]) -> Chunk:
    """Read a piece."""
    chances = [
        TokenChance(token, chance, [(other, one) for other, one in likeliest])
        for token, chance, likeliest in line["chances"]
    ]
    return Chunk(line["text"], chances)


def ending_line(number: int, ending: Finish) -> dict[str, object]:
    """Return how an answer ended as it is sent."""
    counts = {"prompt_tokens": ending.prompt_tokens, "completion_tokens": ending.completion_tokens}
    return {"end": number, "reason": ending.reason, **counts}


def ending_of(line: Mapping[str, Any]) -> Finish:
    """Read how an answer ended."""
    return Finish(line["reason"], line["prompt_tokens"], line["completion_tokens"])


def refused_line(number: int, refusal: ApiError) -> dict[str, object]:
    """Return a refusal as it is sent."""
    fields = {"status": refusal.status, "param": refusal.param, "code": refusal.code}
    return {"refused": number, "words": str(refusal), **fields}


def refusal_of(line: Mapping[str, Any]) -> ApiError:
    """Read a refusal."""
    return ApiError(line["status"], line["words"], code=line["code"], param=line["param"])
