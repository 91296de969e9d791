"""Chat completions, plain and streamed, and transcriptions."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from merlin.chat.kind import is_sound
from merlin.core.text import text
from merlin.sandbox import voice
from merlin.sandbox.provider import chat
from merlin.sandbox.provider.errors import ProtocolError, bad_field, no_model
from merlin.sandbox.provider.training import Account

CHAT_MODEL = "stand-in-chat"
VOICE_MODEL = "stand-in-transcribe"
BASE_MODEL = "stand-in-base"
_WORD = re.compile(r"\s*\S+\s*?(?=\s|$)|\s+$")


class Completions:
    """The addresses that answer people."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def model_objects(self) -> list[dict[str, Any]]:
        """Return every model that can be asked; the chat model first."""
        tuned = self._account.models()
        names = [CHAT_MODEL, VOICE_MODEL, BASE_MODEL, *tuned]
        window = self._account.behaviour.context_window
        return [
            {
                "id": name,
                "object": "model",
                "created": int(tuned[name].created_at) if name in tuned else 1_790_000_000,
                "owned_by": "stand-in",
                "context_window": window,
            }
            for name in names
        ]

    async def create(self, request: Request) -> Response:
        """Answer POST /v1/chat/completions."""
        asked = await json_object(request)
        messages = chat.read_messages(asked.get("messages"))
        whole = self._answer(str(asked.get("model", "")), messages)
        said, reason = chat.ended(whole, asked)
        used = self._usage(messages, said)
        head = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": asked["model"],
        }
        if asked.get("stream"):
            options = asked.get("stream_options") or {}
            usage = used if options.get("include_usage") else None
            return StreamingResponse(
                self._stream(head, said, usage, reason), media_type="text/event-stream"
            )
        await self._account.pause("think_s")
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": said, "refusal": None},
            "logprobs": None,
            "finish_reason": reason,
        }
        return JSONResponse(
            {**head, "object": "chat.completion", "choices": [choice], "usage": used}
        )

    def _answer(self, model: str, messages: list[Mapping[str, Any]]) -> str:
        maker = self._account.maker(model)
        if maker is None and model not in {CHAT_MODEL, BASE_MODEL}:
            raise no_model(model)
        if model != CHAT_MODEL and chat.has_images(messages):
            words = "Invalid content type. image_url is only supported by certain models."
            raise bad_field("messages", words)
        if self._account.behaviour.fixed_answer:
            return self._account.behaviour.fixed_answer
        if maker is not None:
            known = self._account.taught_answer(maker, chat.last_question(messages))
            if known:
                return chat.taught(known)
        return chat.answer(messages)

    def _usage(self, messages: list[Mapping[str, Any]], said: str) -> dict[str, Any]:
        prompt = chat.prompt_tokens(messages)
        window = self._account.behaviour.context_window
        if prompt > window:
            words = (
                f"This model's maximum context length is {window} tokens. However, your messages"
                f" resulted in {prompt} tokens. Please reduce the length of the messages."
            )
            raise ProtocolError(400, words, code="context_length_exceeded", param="messages")
        answered = chat.count_tokens(said)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": answered,
            "total_tokens": prompt + answered,
        }

    async def _stream(
        self, head: Mapping[str, Any], said: str, usage: Mapping[str, Any] | None, reason: str
    ) -> AsyncIterator[str]:
        base = {**head, "object": "chat.completion.chunk"}
        await self._account.pause("think_s")
        yield _chunk(base, {"role": "assistant", "content": ""}, None)
        for piece in _WORD.findall(said):
            yield _chunk(base, {"content": piece}, None)
            await self._account.pause("piece_s")
        yield _chunk(base, {}, reason)
        if usage is not None:
            yield _event({**base, "choices": [], "usage": usage})
        yield "data: [DONE]\n\n"

    async def transcribe(self, request: Request) -> Response:
        """Answer POST /v1/audio/transcriptions with the words kept in the file."""
        async with request.form() as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise bad_field("file", "Missing required parameter: 'file'")
            content = await file.read()
            model = str(form.get("model") or "")
            language = str(form.get("language") or "ru")
            shape = str(form.get("response_format") or "json")
        if model != VOICE_MODEL:
            raise no_model(model)
        if not is_sound(content):
            raise bad_field("file", "Invalid file format. Supported formats here: oga, mp4")
        words = self._heard(content) or text(language, "stand-in-no-words")
        await self._account.pause("think_s")
        if shape == "text":
            return PlainTextResponse(words)
        used = {"type": "duration", "seconds": voice.seconds(content)}
        return JSONResponse({"text": words, "usage": used})

    def _heard(self, content: bytes) -> str:
        return self._account.behaviour.fixed_transcript or voice.kept_words(content)


def _chunk(base: Mapping[str, Any], delta: Mapping[str, Any], finish: str | None) -> str:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return _event({**base, "choices": [choice]})


def _event(body: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"


async def json_object(request: Request) -> dict[str, Any]:
    """Return a request's JSON object. Raises ProtocolError 400 when it is none."""
    try:
        asked = await request.json()
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise ProtocolError(400, "We could not parse the JSON body of your request.")
    return asked
