"""Streamed answers and transcription by any server of the OpenAI protocol, and its JSON objects.

Without the `openai` package (40 MB). Of an object, what is needed must be there and of the right
kind, or InvalidResponse is raised; what is extra or missing by custom of some servers is
overlooked. Nothing here retries: how often to try again is the caller's to decide.

Source: openai/openai-openapi, `openapi.yaml`, 2026-08-21; CreateChatCompletionRequest.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime

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
from merlin.providers.base import (
    NOT_COUNTED,
    Answer,
    Checkpoint,
    JobEvent,
    JobReport,
    ModelCard,
)

Json = Mapping[str, object]
# How servers of the protocol call a model's context length; the protocol itself has no word.
_CONTEXT_WORDS = ("context_window", "context_length", "max_model_len", "max_context_length")
# A hundred times what any model takes; a database could not add up numbers without bounds.
_MAX_TOKENS = 1_000_000_000
# Of what a server offers with a refusal, as many as fit under an answer; characters of one.
MAX_OFFERS, MAX_OFFER_LENGTH = 3, 300


def must_text(raw: Json, key: str) -> str:
    """Return a text that cannot be done without."""
    value = raw.get(key)
    if not isinstance(value, str) or not value:
        raise InvalidResponse(f"{key} is {value!r:.60}")
    return value


def rows(raw: Json) -> list[Json]:
    """Return the objects of a list's page."""
    data = raw.get("data")
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise InvalidResponse(f"data is {data!r:.60}")
    return data


def job_report(raw: Json) -> JobReport:
    """Return how a job stands; `status` is the server's own word."""
    error = raw.get("error")
    return JobReport(
        provider_job_id=must_text(raw, "id"),
        status=must_text(raw, "status"),
        model_id=_text(raw, "fine_tuned_model") or None,
        trained_tokens=int(_number(raw, "trained_tokens") or 0),
        error=_error(error) if isinstance(error, Mapping) else str(error or ""),
        created_at=moment(raw, "created_at"),
        finished_at=moment(raw, "finished_at"),
        metadata=metadata(raw),
    )


def metadata(raw: Json) -> dict[str, str]:
    """Return a job's metadata, empty where the server keeps none."""
    values = raw.get("metadata")
    return {str(k): str(v) for k, v in values.items()} if isinstance(values, Mapping) else {}


def job_event(raw: Json) -> JobEvent:
    """Return one line of a job's diary."""
    data = raw.get("data")
    return JobEvent(
        event_id=must_text(raw, "id"),
        at=moment(raw, "created_at") or datetime.fromtimestamp(0, UTC),
        level=_text(raw, "level") or "info",
        message=_text(raw, "message"),
        kind=_text(raw, "type") or "message",
        data=dict(data) if isinstance(data, Mapping) else {},
    )


def checkpoint(raw: Json) -> Checkpoint:
    """Return a checkpoint; only metrics that are numbers are kept."""
    raw_metrics = raw.get("metrics")
    metrics = raw_metrics if isinstance(raw_metrics, Mapping) else {}
    return Checkpoint(
        model_id=must_text(raw, "fine_tuned_model_checkpoint"),
        step=int(_number(raw, "step_number") or 0),
        metrics={key: number for key in metrics if (number := _number(metrics, key)) is not None},
    )


def model_card(raw: Json) -> ModelCard:
    """Return what a list says of one model."""
    sizes = (_number(raw, word) for word in _CONTEXT_WORDS)
    context = next((int(size) for size in sizes if size and 0 < size <= _MAX_TOKENS), None)
    return ModelCard(must_text(raw, "id"), _day(_text(raw, "shutdown_date")), context)


def answer(raw: Json) -> Answer:
    """Return a whole chat completion; a refusal is its text where there is no other."""
    choices = raw.get("choices")
    first = choices[0] if isinstance(choices, Sequence) and choices else None
    message = first.get("message") if isinstance(first, Mapping) else None
    if not isinstance(first, Mapping) or not isinstance(message, Mapping):
        raise InvalidResponse(f"choices is {choices!r:.60}")
    return Answer(
        text=_text(message, "content") or _text(message, "refusal"),
        usage=usage(raw.get("usage")),
        known=extension_known(raw.get("merlin")),
        finish_reason=_text(first, "finish_reason") or "stop",
        nearest=extension_nearest(raw.get("merlin")),
    )


def usage(raw: object) -> Usage:
    """Return counted tokens, none where the server did not count, or told what cannot be."""
    if not isinstance(raw, Mapping):
        return NOT_COUNTED
    both = [int(_number(raw, name) or 0) for name in ("prompt_tokens", "completion_tokens")]
    is_counted = any(both) and all(0 <= each <= _MAX_TOKENS for each in both)
    return Usage(*both) if is_counted else NOT_COUNTED


def extension_known(extension: object) -> bool | None:
    """Return what our engine's extension `merlin` says of an answer."""
    is_known = extension.get("known") if isinstance(extension, Mapping) else None
    return is_known if isinstance(is_known, bool) else None


def extension_nearest(extension: object) -> tuple[str, ...]:
    """Return the taught questions that the extension offers with a refusal, a line each."""
    nearest = extension.get("nearest") if isinstance(extension, Mapping) else None
    listed = nearest if isinstance(nearest, list) else []
    lines = (" ".join(each.split()) for each in listed if isinstance(each, str))
    return tuple(line for line in lines if 0 < len(line) <= MAX_OFFER_LENGTH)[:MAX_OFFERS]


def _error(error: Json) -> str:
    parts = (_text(error, "code"), _text(error, "message"), _text(error, "param"))
    code, message, param = parts
    where = f" ({param})" if param and message else ""
    return f"{code}: {message}{where}" if code and message else f"{message or code}{where}"


def _text(raw: Json, key: str) -> str:
    value = raw.get(key)
    return value if isinstance(value, str) else ""


def _number(raw: Json, key: str) -> float | int | None:
    value = raw.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if abs(value) < float("inf") else None


def moment(raw: Json, key: str) -> datetime | None:
    """Return a moment that is told in Unix seconds, None where none is."""
    seconds = _number(raw, key)
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (ValueError, OverflowError, OSError):
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        return None


# An hour of speech is written down in a minute or two.
TRANSCRIPTION_TOTAL_S = 180.0


class OpenAIAudio:
    """One model that hears, at one account of one server."""

    def __init__(
        self, base_url: str, credential: str, model_id: str, total_s: float = TRANSCRIPTION_TOTAL_S
    ) -> None:
        """Take one entry of `providers` and the model; `total_s` bounds one call as a whole."""
        self._client = ProtocolClient(base_url, credential)
        self._model_id = model_id
        self._total_s = total_s

    async def transcribe(self, sound: bytes, name: str) -> str:
        """Return the words of a recording, "" for silence.

        `name` ends as the kind of sound says (`voice.oga`, `note.mp4`). Raises as an OpenAIChat.
        Source: openai/openai-openapi, CreateTranscriptionResponseJson.
        """
        form = aiohttp.FormData()
        form.add_field("model", self._model_id)
        form.add_field("response_format", "json")
        form.add_field("file", sound, filename=name)
        with call_errors():
            body = await self._client.json("/audio/transcriptions", form, self._total_s)
            text = body.get("text")
            if not isinstance(text, str):
                raise InvalidResponse(f"a transcription without text: {body!r:.60}")
            return join_surrogates(text.strip())

    async def aclose(self) -> None:
        """Let all connections go; to be awaited in the loop that transcribed."""
        await self._client.aclose()


OLD_LIMIT, NEW_LIMIT = "max_tokens", "max_completion_tokens"
# Whichever is said, it is one wish.
_LIMITS = {NEW_LIMIT: OLD_LIMIT}
_REFUSED = (400, 422)
_PLAIN = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed")


def fields_of(steering: SamplingParams, limit: str = OLD_LIMIT) -> dict[str, object]:
    """Return what a question says of its answer; nothing where nothing is wished."""
    values: dict[str, object] = {name: getattr(steering, name) for name in _PLAIN}
    values[limit] = steering.most_tokens
    values["stop"] = list(steering.stops) or None
    values["response_format"] = steering.response_format
    return {name: value for name, value in values.items() if value is not None}


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


ANSWER_TOTAL_S = 120.0
BETWEEN_BYTES_S = 30.0
ANSWERS = "/chat/completions"
# Characters; the longest answers of models have a tenth of it.
MAX_TEXT_LENGTH = 4_000_000


class OpenAIChat:
    """One account at one server, asked by one event loop.

    Each method raises ModelGone when the provider does not know the model (any more),
    ProviderBusy when the same call may pass later (down, overloaded, silent, unreadable or cut
    off in the middle), ProviderError when asking again changes nothing.
    """

    def __init__(
        self,
        base_url: str,
        credential: str,
        total_s: float = ANSWER_TOTAL_S,
        *,
        in_pieces: bool = True,
        project: str = "",
    ) -> None:
        """Take one entry of `providers`.

        `total_s` bounds the waiting for one streamed answer as a whole. Without `in_pieces` the
        answer is asked for whole and comes as one piece.
        """
        self._client = ProtocolClient(base_url, credential, project)
        self._total_s = total_s
        self._in_pieces = in_pieces
        self._limit = OLD_LIMIT

    async def stream(
        self, model_id: str, messages: Sequence[Message], steering: SamplingParams = FREELY
    ) -> AsyncIterator[Answer]:
        """Yield the answer as it is written. Raises ParameterRefused too, before the first piece.

        An error after the first piece means that the answer is cut off: what came is all there
        is of it. An iterator that ends without an error has brought the whole answer.
        """
        json: Json = {"model": model_id, "messages": request_messages(messages)}
        if not self._in_pieces:
            yield await self._whole(json, steering)
            return
        json = {**json, "stream": True, "stream_options": {"include_usage": True}}
        usage = NOT_COUNTED
        is_whole, length = False, 0
        with call_errors():
            async with (
                self._sent(json, steering, BETWEEN_BYTES_S) as response,
                aclosing(read_events(response, self._total_s)) as chunks,
            ):
                async for chunk in chunks:
                    if chunk.get("error"):
                        raise error_of_object(chunk["error"], ProviderBusy)
                    piece = _piece(chunk)
                    usage = usage if piece.usage is NOT_COUNTED else piece.usage
                    length += len(piece.text)
                    if length > MAX_TEXT_LENGTH:
                        raise InvalidResponse("a text without an end")
                    is_whole = is_whole or piece.finish_reason is not None
                    if piece.text or piece.known is not None or piece.finish_reason:
                        counted = piece.usage is not NOT_COUNTED
                        yield replace(piece, usage=NOT_COUNTED) if counted else piece
        if not is_whole:
            raise ProviderBusy("the answer ends in the middle")
        if usage is not NOT_COUNTED:
            yield Answer(usage=usage)

    async def _whole(self, json: Json, steering: SamplingParams) -> Answer:
        with call_errors():
            async with asyncio.timeout(self._total_s):
                # The first byte comes with the last: silence is no sign here.
                async with self._sent(json, steering, self._total_s) as response:
                    return answer(json_object(await read_whole(response)))

    @asynccontextmanager
    async def _sent(
        self, json: Json, steering: SamplingParams, between_s: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield what answers a question; what was learnt of the limit's name is used at once."""
        # Another question may learn it while this one is on its way.
        limit = self._limit
        async with AsyncExitStack() as held:
            while True:
                wishes = fields_of(steering, limit)
                sending = self._client.send(ANSWERS, {**json, **wishes}, self._total_s, between_s)
                try:
                    answer = await held.enter_async_context(sending)
                except ProviderError as error:
                    refused = blamed(error, wishes)
                    if refused is None:
                        raise
                    # OpenAI's newer models know the limit by its new name alone, and say so.
                    if (
                        limit == NEW_LIMIT
                        or refused.field != OLD_LIMIT
                        or NEW_LIMIT not in str(refused)
                    ):
                        raise refused from error
                    self._limit = limit = NEW_LIMIT
                else:
                    yield answer
                    return

    async def first_model(self) -> str:
        """Return the first model that the provider lists."""
        cards = await self.models()
        if not cards:
            raise ProviderError("the provider lists no model")
        return cards[0].model_id

    async def models(self) -> list[ModelCard]:
        """Return the models that the provider lists, in its own order."""
        with call_errors():
            body = await self._client.json("/models", None, self._total_s)
            return [model_card(row) for row in rows(body)]

    async def aclose(self) -> None:
        """Let all connections go; to be awaited in the loop that asked."""
        await self._client.aclose()


def _piece(chunk: Json) -> Answer:
    """Read one chunk. Raises InvalidResponse for one that is none."""
    choices = chunk.get("choices")
    if not isinstance(choices, list):
        raise InvalidResponse(f"a chunk without choices: {chunk!r:.60}")
    first = choices[0] if choices and isinstance(choices[0], dict) else {}
    delta = first.get("delta")
    text = delta.get("content") if isinstance(delta, dict) else None
    reason = first.get("finish_reason")
    return Answer(
        text=text if isinstance(text, str) else "",
        usage=usage(chunk.get("usage")),
        known=extension_known(chunk.get("merlin")),
        finish_reason=reason if isinstance(reason, str) else None,
        nearest=extension_nearest(chunk.get("merlin")),
    )


def request_messages(messages: Sequence[Message]) -> list[dict[str, object]]:
    """Return the messages as the protocol has them; `weight` is for training alone."""
    records = [message.as_json() for message in messages]
    return [{key: row[key] for key in row if key != "weight"} for row in records]
