"""Answers from any server of the OpenAI protocol: whole for the proof, in pieces for the chat.

Fulfils Asker and Answerer. How often to try again is the caller's to decide.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, cast

import httpx2
import openai

from merlin.adapters import openai_shapes as shapes
from merlin.adapters.openai_errors import Garbage, provider_errors
from merlin.adapters.openai_events import Events
from merlin.adapters.openai_wire import (
    BETWEEN_BYTES_S,
    async_client,
    json_object,
    patience,
    sync_client,
)
from merlin.chat.answerer import Piece
from merlin.core.errors import ProviderBusy, ProviderError
from merlin.core.message import Message, Usage
from merlin.job.provider import ModelCard
from merlin.model.evaluate import Answer

TOTAL_S = 120.0
_KEEP = 4
Json = Mapping[str, object]


class OpenAIChat:
    """One account at one server, asked by threads (`ask`) and by one event loop (the rest)."""

    def __init__(
        self,
        base_url: str,
        credential: str,
        total_s: float = TOTAL_S,
        *,
        in_pieces: bool = True,
    ) -> None:
        """Take one entry of `providers`.

        `total_s` bounds the waiting for one streamed answer as a whole. Without `in_pieces` the
        answer is asked for whole and comes as one piece.
        """
        self._sync = sync_client(base_url, credential, total_s, keep=_KEEP)
        self._async = async_client(base_url, credential, total_s)
        self._total_s = total_s
        self._in_pieces = in_pieces

    def ask(self, model_id: str, messages: Sequence[Message], timeout_s: float = 60.0) -> Answer:
        """Return the whole answer, at most `timeout_s` from now."""
        completions = self._sync.chat.completions.with_raw_response
        with provider_errors():
            raw = completions.create(
                model=model_id,
                messages=_wire(messages),
                # The first byte comes when the last word is found: silence is no sign here.
                timeout=patience(timeout_s, between_s=timeout_s),
            )
            return shapes.answer(json_object(raw))

    async def stream(self, model_id: str, messages: Sequence[Message]) -> AsyncIterator[Piece]:
        if not self._in_pieces:
            for piece in await self._whole(model_id, messages):
                yield piece
            return
        usage: Usage | None = None
        is_whole = False
        with provider_errors():
            async for chunk in self._chunks(model_id, messages):
                piece = _piece(chunk)
                usage = piece.usage or usage
                is_whole = is_whole or piece.finish_reason is not None
                if piece.text or piece.known is not None or piece.finish_reason:
                    yield Piece(piece.text, None, piece.known, piece.finish_reason)
        if not is_whole:
            raise ProviderBusy("the answer ends in the middle")
        if usage is not None:
            yield Piece(usage=usage)

    async def _whole(self, model_id: str, messages: Sequence[Message]) -> list[Piece]:
        with provider_errors():
            async with asyncio.timeout(self._total_s):
                response = await self._post({"model": model_id, "messages": _wire(messages)})
                answer = shapes.answer(json_object(response))
        told = Piece(answer.text, answer.usage, answer.known, answer.finish_reason)
        return [told]

    async def _chunks(self, model_id: str, messages: Sequence[Message]) -> AsyncIterator[Json]:
        """Yield the chunks of an answer. Raises openai.APIError for an error among them."""
        asked = {
            "model": model_id,
            "messages": _wire(messages),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        left_s = self._total_s
        begun = time.monotonic()
        async with asyncio.timeout(left_s):
            response = await self._post(asked, is_stream=True)
        events = Events()
        try:
            async for told in cast("httpx2.AsyncByteStream", response.stream):
                left_s -= time.monotonic() - begun
                if left_s < 0:
                    raise TimeoutError
                for chunk in events.feed(told):
                    if chunk.get("error"):
                        raise _told_error(chunk, response.request)
                    yield chunk
                begun = time.monotonic()
        finally:
            await response.aclose()

    async def _post(self, asked: Json, *, is_stream: bool = False) -> httpx2.Response:
        # The first byte of a whole answer comes with its last: silence is no sign there.
        between_s = BETWEEN_BYTES_S if is_stream else self._total_s
        # The SDK's typed `create` walks every message by its annotations: 3 ms for 20 turns.
        return await self._async.post(
            "/chat/completions",
            cast_to=httpx2.Response,
            body=asked,
            options={"timeout": patience(self._total_s, between_s)},
            stream=is_stream,
        )

    async def first_model(self) -> str:
        cards = await self.models()
        if not cards:
            raise ProviderError("the provider lists no model")
        return cards[0].model_id

    async def models(self) -> list[ModelCard]:
        with provider_errors():
            async with asyncio.timeout(self._total_s):
                raw = await self._async.models.with_raw_response.list()
            return [shapes.model_card(row) for row in shapes.rows(json_object(raw))]

    def close(self) -> None:
        """Let the connections of `ask` go."""
        self._sync.close()

    async def aclose(self) -> None:
        """Let all connections go; to be awaited in the loop that streamed."""
        self.close()
        await self._async.close()


def _told_error(chunk: Json, request: httpx2.Request) -> openai.APIError:
    error = chunk["error"]
    message = error.get("message") if isinstance(error, Mapping) else None
    words = message if isinstance(message, str) else "an error in the stream"
    return openai.APIError(words, request, body=error)


def _piece(chunk: Json) -> Piece:
    """Read one chunk. Raises Garbage for one that is none."""
    choices = chunk.get("choices")
    if not isinstance(choices, list):
        raise Garbage(f"a chunk without choices: {chunk!r:.60}")
    first = choices[0] if choices and isinstance(choices[0], dict) else {}
    delta = first.get("delta")
    text = delta.get("content") if isinstance(delta, dict) else None
    reason = first.get("finish_reason")
    return Piece(
        text=text if isinstance(text, str) else "",
        usage=shapes.usage(chunk.get("usage")),
        known=shapes.known(chunk.get("merlin")),
        finish_reason=reason if isinstance(reason, str) else None,
    )


def _wire(messages: Sequence[Message]) -> Any:
    """Return the messages as the protocol has them; `weight` is for training alone."""
    told = [message.as_json() for message in messages]
    return cast("Any", [{key: row[key] for key in row if key != "weight"} for row in told])
