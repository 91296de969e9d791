"""Asking models: /v1/chat/completions, /v1/embeddings and /v1/audio/transcriptions.

Source: openapi.yaml, CreateChatCompletionRequest, CreateEmbeddingRequest.
"""

from __future__ import annotations

import asyncio
import struct
import tempfile
from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from merlin.core.clock import utc_now
from merlin.core.messages import Message
from merlin.engine.auth import AnswerStream, check_model, metered, metered_vectors, owner_of
from merlin.engine.context import Engine, engine_of
from merlin.engine.jobs import MOST_SEED
from merlin.engine.requests import (
    form_of,
    json_object,
    number,
    required_model,
    whole_number,
    write_upload,
)
from merlin.engine.serving.base import Chunk, Embedded, Finish, GenerationRequest, TokenChance
from merlin.engine.training_file import ROLES, text_of
from merlin.engine.transcription import FORMATS, TranscriptionRequest
from merlin.openai_protocol.errors import ApiError, bad_field
from merlin.openai_protocol.responses import (
    DONE,
    EVENT_STREAM,
    ChatAnswer,
    event,
    usage_object,
)

router = APIRouter()

MOST_STOPS, MOST_LIKELIEST = 4, 20
MOST_TEXTS = 2048
MOST_SOUND = 25_000_000
_TOOLS = ("tools", "functions")
_ANSWER_FORMATS = {"": False, "text": False, "json_object": True}
_VECTOR_FORMATS = ("float", "base64")
_GRANULARITIES = ("segment", "word")
_VERBOSE = "verbose_json"
# What would change a transcript's form and is not here: better refused than left out in silence.
_UNSUPPORTED = ("stream", "include[]", "chunking_strategy")


@router.post("/chat/completions")
async def complete(request: Request) -> Response:
    """Let a model go on with a conversation; who goes away stops it."""
    body = await json_object(request)
    model, question = required_model(body), read_question(body, owner_of(request))
    await check_model(request, model)
    answer = metered(request, question, engine_of(request).backends.ask(model, question))
    if body.get("stream"):
        return await _streamed(body, model, answer)
    async with aclosing(answer):
        return JSONResponse(await _whole(request, model, answer))


def read_question(body: Mapping[str, object], asker: str = "") -> GenerationRequest:
    """Read the body of `asker`'s call. Raises ApiError 400 that names the field."""
    if body.get("n") not in (None, 1):
        raise bad_field("n", "n must be 1: this engine gives one answer to a question")
    for name in _TOOLS:
        if body.get(name):
            words = f"{name}: the models of this engine call no tools; leave the field out"
            raise bad_field(name, words)
    seed_words = "of at most 64 bits"
    seed = whole_number(body, "seed", -(2**63) + 1, 2**63 - 1, seed_words)
    return GenerationRequest(
        messages=_messages(body.get("messages")),
        most_tokens=_limit(body),
        temperature=number(body, "temperature", 0.0, 2.0),
        top_p=number(body, "top_p", 0.0, 1.0),
        seed=None if seed is None else seed % (MOST_SEED + 1),
        stops=_stops(body.get("stop")),
        logprobs=_logprobs(body),
        is_json=_is_json(body.get("response_format")),
        asker=asker,
    )


def _is_json(response_format: object) -> bool:
    shape = response_format or {}
    kind = shape.get("type", "") if isinstance(shape, dict) else None
    if not isinstance(kind, str) or kind not in _ANSWER_FORMATS:
        raise bad_field("response_format", "response_format.type must be 'text' or 'json_object'")
    return _ANSWER_FORMATS[kind]


def _logprobs(body: Mapping[str, object]) -> int | None:
    if body.get("logprobs"):
        return whole_number(body, "top_logprobs", 0, MOST_LIKELIEST) or 0
    if body.get("top_logprobs") is not None:
        raise bad_field("top_logprobs", "top_logprobs needs logprobs: true")
    return None


def _limit(body: Mapping[str, object]) -> int:
    newer = whole_number(body, "max_completion_tokens", 1, float("inf"), "of at least 1")
    return newer or whole_number(body, "max_tokens", 1, float("inf"), "of at least 1") or 0


def _stops(stop: object) -> list[str]:
    stops = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(stops, list) or len(stops) > MOST_STOPS:
        raise bad_field("stop", f"stop must be a text or a list of at most {MOST_STOPS} texts")
    if not all(isinstance(each, str) for each in stops):
        raise bad_field("stop", "stop must be a text or a list of texts")
    return [each for each in stops if each]


def _messages(messages: object) -> list[Message]:
    if not isinstance(messages, list) or not messages:
        raise bad_field("messages", "messages must be a list of at least one message")
    return [_message(f"messages[{number}]", message) for number, message in enumerate(messages)]


def _message(place: str, message: object) -> Message:
    if not isinstance(message, dict):
        raise bad_field(place, f"{place} must be an object")
    role = message.get("role")
    if role not in ROLES:
        raise bad_field(f"{place}.role", f"{place}.role must be one of {', '.join(ROLES)}")
    is_needed = role != "assistant"
    content = _content(f"{place}.content", message.get("content"), is_needed=is_needed)
    return Message("system" if role == "developer" else role, content)


def _content(place: str, content: object, *, is_needed: bool) -> str:
    if isinstance(content, str):
        return content
    if content is None and not is_needed:
        return ""
    if not isinstance(content, list):
        raise bad_field(place, f"{place} must be a text or a list of text parts")
    joined = text_of(content)
    if joined is None:
        raise bad_field(place, f"{place}: this model reads parts of type 'text' alone")
    return joined


async def _completion(model: str, answer: AnswerStream) -> dict[str, object]:
    """Return the protocol's ChatCompletion, with the extension `merlin` where there is one."""
    *chunks, finish = [part async for part in answer]
    if not isinstance(finish, Finish):
        raise TypeError("the backend ended without a Finish")
    texts = [part for part in chunks if isinstance(part, Chunk)]
    logprobs = _logprobs_object([chance for part in texts for chance in part.chances])
    content, usage = "".join(part.text for part in texts), _usage(finish)
    whole = ChatAnswer(model, utc_now().timestamp()).completion(
        content, finish.reason, usage, logprobs
    )
    return {**whole, "merlin": dict(finish.extension)} if finish.extension else whole


async def _chunks(
    model: str, first: Chunk | Finish, rest: AnswerStream, *, with_usage: bool
) -> AsyncGenerator[bytes, None]:
    """Yield the answer as server-sent events; `first` is what came first.

    The extension `merlin` stands in the chunk that says why the answer ended.
    """
    answer = ChatAnswer(model, utc_now().timestamp(), with_usage=with_usage)
    yield event(answer.first_chunk())
    part: Chunk | Finish = first
    while isinstance(part, Chunk):
        yield event(answer.chunk(part.text, _logprobs_object(part.chances)))
        part = await anext(rest)
    last = answer.last_chunk(part.reason)
    yield event({**last, "merlin": dict(part.extension)} if part.extension else last)
    if with_usage:
        yield event(answer.usage_chunk(_usage(part)))
    yield DONE


def _usage(finish: Finish) -> dict[str, int]:
    return usage_object(finish.prompt_tokens, finish.completion_tokens)


def _logprobs_object(chances: Sequence[TokenChance]) -> dict[str, object] | None:
    if not chances:
        return None
    content = [
        {
            **_token(chance.token, chance.logprob),
            "top_logprobs": [_token(token, logprob) for token, logprob in chance.likeliest],
        }
        for chance in chances
    ]
    return {"content": content, "refusal": None}


def _token(token: str, logprob: float) -> dict[str, object]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


async def _whole(request: Request, model: str, answer: AnswerStream) -> dict[str, object]:
    completion = asyncio.ensure_future(_completion(model, answer))
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({completion, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not completion.done():
            raise ApiError(499, "The caller went away before the answer was whole.")
        return completion.result()
    finally:
        for task in (completion, gone):
            task.cancel()
        await asyncio.gather(completion, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _streamed(body: Mapping[str, object], model: str, answer: AnswerStream) -> Response:
    """Answer once the first piece is there: what refuses the question has its own status."""
    options = body.get("stream_options")
    with_usage = isinstance(options, dict) and bool(options.get("include_usage"))
    first = await anext(answer)

    async def events() -> AsyncGenerator[bytes, None]:
        async with aclosing(answer):
            async for each in _chunks(model, first, answer, with_usage=with_usage):
                yield each

    return StreamingResponse(events(), media_type=EVENT_STREAM)


@router.post("/embeddings")
async def embed(request: Request) -> Response:
    """Return a vector for every text, by a base that can."""
    body, engine = await json_object(request), engine_of(request)
    model = required_model(body)
    if body.get("dimensions") is not None:
        raise bad_field("dimensions", "dimensions cannot be chosen: a base has as many as it has")
    encoding = body.get("encoding_format", "float")
    if encoding not in _VECTOR_FORMATS:
        words = f"encoding_format must be one of {', '.join(_VECTOR_FORMATS)}"
        raise bad_field("encoding_format", words)
    texts = _texts(body.get("input"))
    await check_model(request, model)
    if model not in engine.bases:
        await run_in_threadpool(_refuse_tuned, engine, model)
    vectors = await metered_vectors(request, texts, engine.backends.backend_of(model).embed)
    answer = await run_in_threadpool(
        _embeddings_object, model, vectors, is_base64=encoding == "base64"
    )
    return JSONResponse(answer)


def _refuse_tuned(engine: Engine, name: str) -> None:
    base = engine.repositories.models.get(name)["base"]
    words = f"A tuned model answers questions alone; embeddings come from bases: {base}"
    raise bad_field("model", words)


def _texts(value: object) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not 0 < len(texts) <= MOST_TEXTS:
        raise bad_field("input", f"input must be a text or a list of 1 to {MOST_TEXTS} texts")
    if not all(isinstance(text, str) and text for text in texts):
        raise bad_field("input", "input must hold texts that are not empty; tokens are not taken")
    return texts


def _embeddings_object(model: str, embedded: Embedded, *, is_base64: bool) -> dict[str, object]:
    """Return the protocol's CreateEmbeddingResponse; base64 is of little-endian 32 bit floats."""
    vectors, used = embedded
    written: Sequence[object] = vectors
    if is_base64:
        written = [b64encode(struct.pack(f"<{len(each)}f", *each)).decode() for each in vectors]
    rows = [
        {"object": "embedding", "index": number, "embedding": vector}
        for number, vector in enumerate(written)
    ]
    usage = {"prompt_tokens": used, "total_tokens": used}
    return {"object": "list", "data": rows, "model": model, "usage": usage}


@router.post("/audio/transcriptions")
async def transcribe(request: Request) -> Response:
    """Write a recording down."""
    transcriber = engine_of(request).transcriber
    async with form_of(request, MOST_SOUND, "'file' and 'model'") as form:
        transcriber.check(_field(form, "model"))
        upload = form.get("file")
        if not isinstance(upload, UploadFile):
            raise bad_field("file", "Missing required parameter: 'file' must be a recording.")
        answer_format = _transcript_format(form)
        with tempfile.TemporaryDirectory(prefix="merlin-heard-") as folder:
            sound = Path(folder) / "sound"
            await write_upload(upload, sound)
            asked = TranscriptionRequest(
                sound=str(sound),
                language=_field(form, "language").lower(),
                prompt=_field(form, "prompt"),
                temperature=_temperature(_field(form, "temperature")),
                wants_words="word" in _granularities(form),
            )
            transcript = await transcriber.transcribe(asked)
    return FORMATS[answer_format](transcript)


def _transcript_format(form: FormData) -> str:
    """Return the answer's form, once everything that bears on it is read."""
    for name in _UNSUPPORTED:
        if _field(form, name) not in ("", "false"):
            raise bad_field(name.removesuffix("[]"), f"{name} is not supported: leave it out")
    name = _field(form, "response_format") or "json"
    if name not in FORMATS:
        raise bad_field("response_format", f"response_format must be one of {', '.join(FORMATS)}")
    wanted = _granularities(form)
    if not set(wanted) <= set(_GRANULARITIES) or (wanted and name != _VERBOSE):
        words = f"must be {' or '.join(_GRANULARITIES)}, with response_format {_VERBOSE}"
        raise bad_field("timestamp_granularities", f"timestamp_granularities[] {words}")
    return name


def _granularities(form: FormData) -> list[object]:
    return list(form.getlist("timestamp_granularities[]"))


def _temperature(value: str) -> float:
    try:
        temperature = float(value or 0)
    except ValueError:
        temperature = -1
    if not 0 <= temperature <= 1:
        raise bad_field("temperature", "temperature must be a number from 0 to 1")
    return temperature


def _field(form: Mapping[str, object], name: str) -> str:
    value = form.get(name, "")
    if not isinstance(value, str):
        raise bad_field(name, f"{name} must be a text")
    return value
