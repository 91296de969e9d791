"""Answers from any server of the OpenAI protocol: whole for the proof, in pieces for the chat.

Fulfils Asker and Answerer. How often to try again is the caller's to decide.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any, TypeVar, cast

from merlin.adapters import openai_shapes as shapes
from merlin.adapters.openai_errors import Garbage, provider_errors
from merlin.adapters.openai_wire import async_client, json_object, patience, sync_client
from merlin.chat.answerer import Piece
from merlin.core.errors import ProviderBusy, ProviderError
from merlin.core.message import Message, Usage
from merlin.model.evaluate import Answer

TOTAL_S = 120.0
_KEEP = 4
T = TypeVar("T")


class OpenAIChat:
    """One account at one server, asked by threads (`ask`) and by one event loop (the rest)."""

    def __init__(
        self, base_url: str, credential: str, parallel: int = 200, total_s: float = TOTAL_S
    ) -> None:
        """Take one entry of `providers`; `parallel`: how many answers are written at once.

        `total_s` bounds the waiting for one streamed answer as a whole.
        """
        self._sync = sync_client(base_url, credential, total_s, keep=_KEEP)
        self._async = async_client(base_url, credential, total_s, parallel)
        self._total_s = total_s

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
        budget = _Budget(self._total_s)
        usage: Usage | None = None
        is_whole = False
        with provider_errors():
            chunks = await budget.wait(self._begin(model_id, messages))
            try:
                while (chunk := await budget.wait(_next(chunks))) is not None:
                    piece = _piece(chunk)
                    usage = piece.usage or usage
                    is_whole = is_whole or piece.finish_reason is not None
                    if piece.text or piece.known is not None or piece.finish_reason:
                        yield Piece(piece.text, None, piece.known, piece.finish_reason)
            finally:
                await chunks.close()
        if not is_whole:
            raise ProviderBusy("the answer ends in the middle")
        if usage is not None:
            yield Piece(usage=usage)

    async def _begin(self, model_id: str, messages: Sequence[Message]) -> Any:
        return await self._async.chat.completions.create(
            model=model_id,
            messages=_wire(messages),
            stream=True,
            stream_options={"include_usage": True},
        )

    async def first_model(self) -> str:
        with provider_errors():
            raw = await _Budget(self._total_s).wait(self._async.models.with_raw_response.list())
            cards = [shapes.model_card(row) for row in shapes.rows(json_object(raw))]
        if not cards:
            raise ProviderError("the provider lists no model")
        return cards[0].model_id

    def close(self) -> None:
        """Let the connections of `ask` go."""
        self._sync.close()

    async def aclose(self) -> None:
        """Let all connections go; to be awaited in the loop that streamed."""
        self.close()
        await self._async.close()


class _Budget:
    """How much waiting is left; what the reader of the answer does meanwhile is not counted."""

    def __init__(self, total_s: float) -> None:
        self._left_s = total_s

    async def wait(self, step: Awaitable[T]) -> T:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, self._left_s)):
                return await step
        finally:
            self._left_s -= time.monotonic() - begun


async def _next(chunks: AsyncIterator[object]) -> object | None:
    try:
        return await anext(chunks)
    except StopAsyncIteration:
        return None
    except ValueError as error:  # what stands in the stream is no JSON
        raise Garbage(str(error)) from error


def _piece(chunk: object) -> Piece:
    """Read one chunk; the SDK hands over whatever JSON the server sent."""
    choices = getattr(chunk, "choices", None)
    if not isinstance(choices, list):
        raise Garbage(f"a chunk without choices: {chunk!r:.60}")
    first = choices[0] if choices else None
    text = getattr(getattr(first, "delta", None), "content", None)
    reason = getattr(first, "finish_reason", None)
    extension = getattr(chunk, "model_extra", None) or {}
    counted = getattr(getattr(chunk, "usage", None), "__dict__", None)
    return Piece(
        text=text if isinstance(text, str) else "",
        usage=shapes.usage(counted),
        known=shapes.known(extension.get("merlin")),
        finish_reason=reason if isinstance(reason, str) else None,
    )


def _wire(messages: Sequence[Message]) -> Any:
    """Return the messages as the protocol has them; `weight` is for training alone."""
    told = [message.as_json() for message in messages]
    return cast("Any", [{key: row[key] for key in row if key != "weight"} for row in told])
