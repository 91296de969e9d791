"""Answers from any server of the OpenAI protocol, in pieces for a chat.

Fulfils Answerer. How often to try again is the caller's to decide.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import aiohttp

from merlin.adapters import openai_shapes as shapes
from merlin.adapters.openai_steering import (
    NEW_LIMIT,
    OLD_LIMIT,
    blamed,
    fields_of,
    wants_new_limit,
)
from merlin.chat.answerer import Piece
from merlin.chat.steering import FREELY, Steering, WishRefused
from merlin.core.errors import ProviderBusy, ProviderError
from merlin.core.message import Message, Usage
from merlin.job.provider import ModelCard
from merlin.openai_protocol.client import (
    ProtocolClient,
    call_errors,
    json_object,
    read_events,
    read_whole,
)
from merlin.openai_protocol.errors import InvalidResponse, error_of_object

TOTAL_S = 120.0
BETWEEN_BYTES_S = 30.0
ANSWERS = "/chat/completions"
# Characters; the longest answers of models have a tenth of it.
LONGEST_TEXT = 4_000_000
Json = Mapping[str, object]


class OpenAIChat:
    """One account at one server, asked by one event loop."""

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
        self._client = ProtocolClient(base_url, credential)
        self._total_s = total_s
        self._in_pieces = in_pieces
        self._limit = OLD_LIMIT

    async def stream(
        self, model_id: str, messages: Sequence[Message], steering: Steering = FREELY
    ) -> AsyncIterator[Piece]:
        asked: Json = {"model": model_id, "messages": wire(messages)}
        if not self._in_pieces:
            yield await self._whole(asked, steering)
            return
        usage: Usage | None = None
        is_whole, length = False, 0
        with call_errors():
            async for chunk in self._chunks(asked, steering):
                piece = _piece(chunk)
                usage = piece.usage or usage
                length += len(piece.text)
                if length > LONGEST_TEXT:
                    raise InvalidResponse("a text without an end")
                is_whole = is_whole or piece.finish_reason is not None
                if piece.text or piece.known is not None or piece.finish_reason:
                    yield Piece(piece.text, None, piece.known, piece.finish_reason)
        if not is_whole:
            raise ProviderBusy("the answer ends in the middle")
        if usage is not None:
            yield Piece(usage=usage)

    async def _whole(self, asked: Json, steering: Steering) -> Piece:
        with call_errors():
            async with asyncio.timeout(self._total_s):
                # The first byte comes with the last: silence is no sign here.
                async with self._sent(asked, steering, self._total_s) as told:
                    answer = shapes.answer(json_object(await read_whole(told)))
        return Piece(answer.text, answer.usage, answer.known, answer.finish_reason)

    async def _chunks(self, asked: Json, steering: Steering) -> AsyncIterator[Json]:
        """Yield the chunks of an answer. Raises ProviderError for an error among them."""
        asked = {**asked, "stream": True, "stream_options": {"include_usage": True}}
        async with (
            self._sent(asked, steering, BETWEEN_BYTES_S) as answer,
            aclosing(read_events(answer, self._total_s)) as chunks,
        ):
            async for chunk in chunks:
                if chunk.get("error"):
                    raise error_of_object(chunk["error"], ProviderBusy)
                yield chunk

    @asynccontextmanager
    async def _sent(
        self, asked: Json, steering: Steering, between_s: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield what answers a question; what was learnt of the limit's name is used at once."""
        # Another question may learn it while this one is on its way.
        limit = self._limit
        async with AsyncExitStack() as held:
            try:
                answer = await self._call(held, asked, fields_of(steering, limit), between_s)
            except WishRefused as refused:
                if limit == NEW_LIMIT or not wants_new_limit(refused):
                    raise
                self._limit = NEW_LIMIT
                wishes = fields_of(steering, NEW_LIMIT)
                answer = await self._call(held, asked, wishes, between_s)
            yield answer

    async def _call(
        self, held: AsyncExitStack, asked: Json, wishes: Json, between_s: float
    ) -> aiohttp.ClientResponse:
        sending = self._client.send(ANSWERS, {**asked, **wishes}, self._total_s, between_s)
        try:
            return await held.enter_async_context(sending)
        except ProviderError as error:
            refused = blamed(error, wishes)
            if refused is None:
                raise
            raise refused from error

    async def first_model(self) -> str:
        cards = await self.models()
        if not cards:
            raise ProviderError("the provider lists no model")
        return cards[0].model_id

    async def models(self) -> list[ModelCard]:
        with call_errors():
            told = await self._client.json("/models", None, self._total_s)
            return [shapes.model_card(row) for row in shapes.rows(told)]

    async def aclose(self) -> None:
        """Let all connections go; to be awaited in the loop that asked."""
        await self._client.aclose()


def _piece(chunk: Json) -> Piece:
    """Read one chunk. Raises InvalidResponse for one that is none."""
    choices = chunk.get("choices")
    if not isinstance(choices, list):
        raise InvalidResponse(f"a chunk without choices: {chunk!r:.60}")
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


def wire(messages: Sequence[Message]) -> list[dict[str, object]]:
    """Return the messages as the protocol has them; `weight` is for training alone."""
    told = [message.as_json() for message in messages]
    return [{key: row[key] for key in row if key != "weight"} for row in told]
