"""What is answered to POST /chat/completions: the protocol's objects, whole or in chunks."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from merlin.core.clock import utc_now
from merlin.engine.answering.asking import Ending, Piece, TokenChance

Answering = AsyncIterator[Piece | Ending]


@dataclass(frozen=True, slots=True)
class Head:
    """What every chunk of one answer says of itself."""

    model: str
    answer_id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(utc_now().timestamp()))

    def of(self, kind: str) -> dict[str, object]:
        """Return the fields of an object of the protocol; none of them may be null there."""
        return {
            "id": self.answer_id,
            "object": kind,
            "created": self.created,
            "model": self.model,
        }


async def completion(model: str, answering: Answering) -> dict[str, object]:
    """Return the protocol's ChatCompletion, with the extension `merlin` where there is one."""
    said: list[Piece] = []
    ending: Ending | None = None
    async for part in answering:
        if isinstance(part, Ending):
            ending = part
        else:
            said.append(part)
    if ending is None:
        raise RuntimeError("the backend ended without an Ending")
    chances = [chance for piece in said for chance in piece.chances]
    message: dict[str, object] = {
        "role": "assistant",
        "content": "".join(piece.text for piece in said),
        "refusal": None,
        "annotations": [],
    }
    choice = {
        "index": 0,
        "message": message,
        "logprobs": _logprobs(chances),
        "finish_reason": ending.reason,
    }
    head = Head(model).of("chat.completion")
    whole = {**head, "choices": [choice], "usage": usage_of(ending)}
    return {**whole, "merlin": dict(ending.extension)} if ending.extension else whole


async def chunks(
    model: str, first: Piece | Ending, rest: Answering, *, with_usage: bool
) -> AsyncGenerator[str, None]:
    """Yield the answer as server-sent events; `first` is what came first.

    The extension `merlin` stands in the chunk that says why the answer ended; with usage every
    chunk carries the field, null but in the last. Source: openapi.yaml,
    ChatCompletionStreamOptions.
    """
    head = Head(model).of("chat.completion.chunk") | ({"usage": None} if with_usage else {})
    yield _event(_chunk(head, {"role": "assistant", "content": "", "refusal": None}))
    part: Piece | Ending = first
    while isinstance(part, Piece):
        yield _event(_chunk(head, {"content": part.text}, chances=part.chances))
        part = await anext(rest)
    last = _chunk(head, {}, part.reason)
    yield _event({**last, "merlin": dict(part.extension)} if part.extension else last)
    if with_usage:
        yield _event({**head, "choices": [], "usage": usage_of(part)})
    yield "data: [DONE]\n\n"


def usage_of(ending: Ending) -> dict[str, int]:
    """Return the protocol's CompletionUsage."""
    asked, made = ending.prompt_tokens, ending.completion_tokens
    return {"prompt_tokens": asked, "completion_tokens": made, "total_tokens": asked + made}


def _chunk(
    head: Mapping[str, object],
    delta: Mapping[str, object],
    reason: str | None = None,
    chances: Sequence[TokenChance] = (),
) -> dict[str, object]:
    choice = {
        "index": 0,
        "delta": delta,
        "logprobs": _logprobs(chances),
        "finish_reason": reason,
    }
    return {**head, "choices": [choice]}


def _logprobs(chances: Sequence[TokenChance]) -> dict[str, object] | None:
    if not chances:
        return None
    return {"content": [_chance(each) for each in chances], "refusal": None}


def _chance(chance: TokenChance) -> dict[str, object]:
    shown = [_token(token, logprob) for token, logprob in chance.likeliest]
    return {**_token(chance.token, chance.logprob), "top_logprobs": shown}


def _token(token: str, logprob: float) -> dict[str, object]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


def _event(body: Mapping[str, object]) -> str:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"
