"""Answers from any server of the OpenAI protocol, in pieces for a chat.

Fulfils Answerer. How often to try again is the caller's to decide.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence

from merlin.adapters import openai_shapes as shapes
from merlin.adapters.openai_calls import Calls, call_errors
from merlin.adapters.openai_events import Events
from merlin.adapters.openai_faults import Garbage, of_words
from merlin.chat.answerer import Piece
from merlin.core.errors import ProviderBusy, ProviderError
from merlin.core.message import Message, Usage
from merlin.job.provider import ModelCard

TOTAL_S = 120.0
BETWEEN_BYTES_S = 30.0
ANSWERS = "/chat/completions"
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
        self._calls = Calls(base_url, credential)
        self._total_s = total_s
        self._in_pieces = in_pieces

    async def stream(self, model_id: str, messages: Sequence[Message]) -> AsyncIterator[Piece]:
        if not self._in_pieces:
            yield await self._whole(model_id, messages)
            return
        usage: Usage | None = None
        is_whole = False
        with call_errors():
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

    async def _whole(self, model_id: str, messages: Sequence[Message]) -> Piece:
        asked = {"model": model_id, "messages": wire(messages)}
        with call_errors():
            answer = shapes.answer(await self._calls.json(ANSWERS, asked, self._total_s))
        return Piece(answer.text, answer.usage, answer.known, answer.finish_reason)

    async def _chunks(self, model_id: str, messages: Sequence[Message]) -> AsyncIterator[Json]:
        """Yield the chunks of an answer. Raises ProviderError for an error among them."""
        asked = {
            "model": model_id,
            "messages": wire(messages),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        left_s, events = self._total_s, Events()
        begun = time.monotonic()
        async with self._calls.send(ANSWERS, asked, left_s, BETWEEN_BYTES_S) as answer:
            async for told in answer.content.iter_any():
                left_s -= time.monotonic() - begun
                if left_s < 0:
                    raise TimeoutError
                for chunk in events.feed(told):
                    if chunk.get("error"):
                        raise of_words(chunk["error"], ProviderBusy)
                    yield chunk
                begun = time.monotonic()

    async def first_model(self) -> str:
        cards = await self.models()
        if not cards:
            raise ProviderError("the provider lists no model")
        return cards[0].model_id

    async def models(self) -> list[ModelCard]:
        with call_errors():
            told = await self._calls.json("/models", None, self._total_s)
            return [shapes.model_card(row) for row in shapes.rows(told)]

    async def aclose(self) -> None:
        """Let all connections go; to be awaited in the loop that asked."""
        await self._calls.aclose()


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


def wire(messages: Sequence[Message]) -> list[dict[str, object]]:
    """Return the messages as the protocol has them; `weight` is for training alone."""
    told = [message.as_json() for message in messages]
    return [{key: row[key] for key in row if key != "weight"} for row in told]
