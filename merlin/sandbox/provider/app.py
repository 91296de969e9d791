"""The provider's stand-in: chat, plain or streamed, audio and models, run in a thread."""

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from merlin.core.file_kind import recording_extension
from merlin.core.i18n import text
from merlin.openai_protocol.errors import ApiError, bad_field, unknown_model
from merlin.openai_protocol.requests import read_body
from merlin.openai_protocol.responses import (
    EVENT_STREAM,
    ChatResponse,
    Json,
    list_object,
    model_object,
    usage_object,
)
from merlin.sandbox import speech_samples
from merlin.sandbox.provider.chat import (
    answer,
    count_tokens,
    cut_answer,
    prompt_tokens,
    read_messages,
    split_pieces,
)
from merlin.sandbox.server import ApiRoute, ApiStandIn

CHAT_MODEL = "stand-in-chat"
VOICE_MODEL = "stand-in-transcribe"
# Pictures are part of a question.
MAX_QUESTION_BYTES = 64_000_000
CREATED_AT = 1_790_000_000


class ProviderStandIn(ApiStandIn):
    """A stand-in of a provider; `with ProviderStandIn() as provider:`.

    `piece_s` passes between an answer's words. With a `key` every request needs it as a bearer
    token; without one any token is accepted, but one is required.
    """

    context_window = 16_000

    def __init__(self, piece_s: float = 0.0, *, key: str = "", port: int = 0) -> None:
        self._piece_s = piece_s
        self._key = key
        super().__init__(port, self._routes())

    def check_key(self, request: Request) -> None:
        """Raise ApiError 401 without the key."""
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not key:
            raise ApiError(401, "You didn't provide an API key.")
        if self._key and not hmac.compare_digest(key.encode(), self._key.encode()):
            raise ApiError(401, "Incorrect API key provided.")

    def _routes(self) -> list[ApiRoute]:
        """Return the API's routes."""
        return [
            ("chat.create", "POST", "/v1/chat/completions", self._create_completion),
            ("audio.transcribe", "POST", "/v1/audio/transcriptions", self._transcribe),
            ("models.list", "GET", "/v1/models", lambda: list_object(self._models())),
            ("models.retrieve", "GET", "/v1/models/{name:path}", self._model),
        ]

    def _models(self) -> list[dict[str, Any]]:
        """Return every available model; the chat model first."""
        window = self.context_window
        describe = partial(model_object, owner="stand-in", context_window=window)
        return [describe(name, CREATED_AT) for name in (CHAT_MODEL, VOICE_MODEL)]

    def _model(self, name: str) -> dict[str, Any]:
        for model in self._models():
            if model["id"] == name:
                return model
        raise unknown_model(name)

    async def pause(self, before: str) -> None:
        """Sleep before an `answer` or a `piece` of it."""
        await asyncio.sleep(self._piece_s if before == "piece" else 0)

    def count_usage(self, prompt: int, completion: int) -> Json:
        """Return the token counts of an answer."""
        return usage_object(prompt, completion)

    def extend(self) -> Json:
        """Return the fields of an answer that the protocol does not have."""
        return {}

    def read_recording(self, content: bytes) -> str:
        """Return the text of a recording, "" for none."""
        return speech_samples.transcript_of(content)

    async def _create_completion(self, request: Request) -> Response:
        """Answer POST /v1/chat/completions."""
        body = await read_body(request, MAX_QUESTION_BYTES)
        if body.get("model") != CHAT_MODEL:
            raise unknown_model(str(body.get("model", "")))
        messages = read_messages(body.get("messages"))
        return await self.respond(body, messages, answer(messages))

    async def respond(
        self,
        body: Mapping[str, Any],
        messages: Sequence[Mapping[str, Any]],
        answer_text: str,
    ) -> Response:
        """Return the response with this answer, plain or streamed. Raises ApiError."""
        content, reason = cut_answer(answer_text, body)
        usage = self.count_usage(prompt_tokens(messages), count_tokens(content))
        options = body.get("stream_options") or {}
        with_usage = bool(body.get("stream") and options.get("include_usage"))
        chat_answer = ChatResponse(body["model"], time.time(), with_usage=with_usage)
        if body.get("stream"):
            events = self._stream(chat_answer, content, usage, reason)
            return StreamingResponse(events, media_type=EVENT_STREAM)
        await self.pause("answer")
        return JSONResponse(
            chat_answer.completion(content, reason, usage, self.extend())
        )

    async def _stream(
        self, chat_answer: ChatResponse, content: str, usage: Json, reason: str
    ) -> AsyncIterator[bytes]:
        await self.pause("answer")
        yield chat_answer.opening()
        for piece in split_pieces(content):
            yield chat_answer.piece(piece)
            await self.pause("piece")
        yield chat_answer.closing(reason, usage, self.extend())

    async def _transcribe(self, request: Request) -> Response:
        """Answer POST /v1/audio/transcriptions with the text embedded in the file."""
        async with request.form() as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise bad_field("file", "Missing required parameter: 'file'")
            content = await file.read()
            model = str(form.get("model") or "")
            language = str(form.get("language") or "ru")
        if model != VOICE_MODEL:
            raise unknown_model(model)
        if not recording_extension(content):
            raise bad_field(
                "file", "Invalid file format. Supported formats here: oga, mp4"
            )
        words = self.read_recording(content) or text(language, "stand-in-no-words")
        await self.pause("answer")
        usage = {"type": "duration", "seconds": speech_samples.seconds(content)}
        return JSONResponse({"text": words, "usage": usage})
