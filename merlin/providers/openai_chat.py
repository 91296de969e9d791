"""Streamed answers and transcription by any server of the OpenAI protocol.

Nothing here retries: how often to try again is the caller's to decide.
Source: openai/openai-openapi, `openapi.yaml`, CreateChatCompletionRequest.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass

import aiohttp

from merlin.core.errors import ProviderBusy, ProviderError
from merlin.core.formatted_text import join_surrogates
from merlin.core.messages import FREELY, Message, ParameterRefused, SamplingParams, Usage
from merlin.openai_protocol.client import (
    ProtocolClient,
    call_errors,
    json_object,
    read_events,
    read_whole,
)
from merlin.openai_protocol.errors import InvalidResponse, error_of_object
from merlin.providers import openai_objects as shapes
from merlin.providers.base import AnswerChunk, ModelCard

# An hour of speech is written down in a minute or two.
TRANSCRIPTION_TOTAL_S = 180.0


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in a voice; `text` "" is silence, `seconds` 0 where nobody tells."""

    text: str
    seconds: float = 0.0


class OpenAIAudio:
    """One model that hears, at one account of one server."""

    def __init__(
        self, base_url: str, credential: str, model_id: str, total_s: float = TRANSCRIPTION_TOTAL_S
    ) -> None:
        """Take one entry of `providers` and the model; `total_s` bounds one call as a whole."""
        self._client = ProtocolClient(base_url, credential)
        self._model_id = model_id
        self._total_s = total_s

    async def transcribe(self, sound: bytes, name: str, language: str | None = None) -> Transcript:
        """Return the words of a recording; `language` ("ru") is a hint.

        `name` ends as the kind of sound says (`voice.oga`, `note.mp4`). Raises as an Answerer.
        """
        form = aiohttp.FormData()
        form.add_field("model", self._model_id)
        if language:
            form.add_field("language", language)
        form.add_field("response_format", "json")
        form.add_field("file", sound, filename=name)
        with call_errors():
            return _heard(await self._client.json("/audio/transcriptions", form, self._total_s))

    async def aclose(self) -> None:
        """Let all connections go; to be awaited in the loop that transcribed."""
        await self._client.aclose()


def _heard(told: Mapping[str, object]) -> Transcript:
    """Read an answer. Source: openai/openai-openapi, CreateTranscriptionResponseJson."""
    text = told.get("text")
    if not isinstance(text, str):
        raise InvalidResponse(f"a transcription without text: {told!r:.60}")
    used = told.get("usage")
    seconds = used.get("seconds") if isinstance(used, Mapping) else told.get("duration")
    return Transcript(
        join_surrogates(text.strip()),
        max(float(seconds), 0.0) if isinstance(seconds, int | float) else 0.0,
    )


# Every server of the protocol knows the old name but OpenAI for its newer models, and says so.
OLD_LIMIT, NEW_LIMIT = "max_tokens", "max_completion_tokens"
# Whichever is said, it is one wish.
_LIMITS = {NEW_LIMIT: OLD_LIMIT}
_REFUSED = (400, 422)
_PLAIN = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed")


def fields_of(steering: SamplingParams, limit: str = OLD_LIMIT) -> dict[str, object]:
    """Return what a question says of its answer; nothing where nothing is wished."""
    told: dict[str, object] = {name: getattr(steering, name) for name in _PLAIN}
    told[limit] = steering.most_tokens
    told["stop"] = list(steering.stops) or None
    told["response_format"] = steering.response_format
    return {name: value for name, value in told.items() if value is not None}


def blamed(error: ProviderError, sent: Mapping[str, object]) -> ParameterRefused | None:
    """Return a refusal as that of one of the wishes that were `sent`, None where it is not.

    Some servers name the field, some only speak of it.
    """
    if error.status not in _REFUSED:
        return None
    field = error.param.partition(".")[0]
    if not field:
        field = next((name for name in sent if re.search(rf"\b{name}\b", str(error))), "")
    wished = {_LIMITS.get(name, name) for name in sent}
    field = _LIMITS.get(field, field)
    return ParameterRefused(field, str(error)) if field in wished else None


def wants_new_limit(error: ParameterRefused) -> bool:
    """Return whether the server knows the limit by its new name alone."""
    return error.field == OLD_LIMIT and NEW_LIMIT in str(error)


ANSWER_TOTAL_S = 120.0
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
        total_s: float = ANSWER_TOTAL_S,
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
        self, model_id: str, messages: Sequence[Message], steering: SamplingParams = FREELY
    ) -> AsyncIterator[AnswerChunk]:
        asked: Json = {"model": model_id, "messages": request_messages(messages)}
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
                    yield AnswerChunk(piece.text, None, piece.known, piece.finish_reason)
        if not is_whole:
            raise ProviderBusy("the answer ends in the middle")
        if usage is not None:
            yield AnswerChunk(usage=usage)

    async def _whole(self, asked: Json, steering: SamplingParams) -> AnswerChunk:
        with call_errors():
            async with asyncio.timeout(self._total_s):
                # The first byte comes with the last: silence is no sign here.
                async with self._sent(asked, steering, self._total_s) as told:
                    answer = shapes.answer(json_object(await read_whole(told)))
        return AnswerChunk(answer.text, answer.usage, answer.known, answer.finish_reason)

    async def _chunks(self, asked: Json, steering: SamplingParams) -> AsyncIterator[Json]:
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
        self, asked: Json, steering: SamplingParams, between_s: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield what answers a question; what was learnt of the limit's name is used at once."""
        # Another question may learn it while this one is on its way.
        limit = self._limit
        async with AsyncExitStack() as held:
            try:
                answer = await self._call(held, asked, fields_of(steering, limit), between_s)
            except ParameterRefused as refused:
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


def _piece(chunk: Json) -> AnswerChunk:
    """Read one chunk. Raises InvalidResponse for one that is none."""
    choices = chunk.get("choices")
    if not isinstance(choices, list):
        raise InvalidResponse(f"a chunk without choices: {chunk!r:.60}")
    first = choices[0] if choices and isinstance(choices[0], dict) else {}
    delta = first.get("delta")
    text = delta.get("content") if isinstance(delta, dict) else None
    reason = first.get("finish_reason")
    return AnswerChunk(
        text=text if isinstance(text, str) else "",
        usage=shapes.usage(chunk.get("usage")),
        known=shapes.extension_known(chunk.get("merlin")),
        finish_reason=reason if isinstance(reason, str) else None,
    )


def request_messages(messages: Sequence[Message]) -> list[dict[str, object]]:
    """Return the messages as the protocol has them; `weight` is for training alone."""
    told = [message.as_json() for message in messages]
    return [{key: row[key] for key in row if key != "weight"} for row in told]
