"""The inference routes /v1/chat/completions, /v1/responses and /v1/completions.

What the engine's own forms of a request can't say is passed on to the server behind the model,
and refused where there is none.

Source: openapi.yaml, CreateChatCompletionRequest; merlin/openai_protocol/responses_api.py.
"""

from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from typing import Literal, TypeVar

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from merlin.core.clock import utc_now
from merlin.core.log import get_logger
from merlin.core.messages import Message
from merlin.core.server import run_while_connected
from merlin.core.web.browser import language_of_header
from merlin.engine.context import get_engine, require_key
from merlin.engine.jobs import MAX_SEED
from merlin.engine.relayed import RelayedChat, RelayedResponses, RelayedText
from merlin.engine.requests import RequestBody
from merlin.engine.serving.base import Finish, GenerationRequest, RelayedRequest
from merlin.openai_protocol.errors import ApiError, bad_field
from merlin.openai_protocol.requests import ChatRequest, Fields, read_body
from merlin.openai_protocol.responses import (
    DONE,
    EVENT_STREAM,
    NO_EXTENSION,
    ChatResponse,
    event,
    usage_object,
)
from merlin.openai_protocol.responses_api import ResponseAnswer, ResponsesRequest

log = get_logger(__name__)
router = APIRouter(prefix="/v1", dependencies=[Depends(require_key)])

T = TypeVar("T")
AnswerStream = AsyncGenerator[str | Finish, None]
Answer = ChatResponse | ResponseAnswer


class ResponseFormat(Fields):
    """The form of an answer."""

    type: Literal["text"] = "text"


class EngineChatRequest(ChatRequest, RequestBody):
    """The body of POST /chat/completions; see the source above."""

    presence_penalty: float | None = Field(default=None, ge=0, le=0)
    frequency_penalty: float | None = Field(default=None, ge=0, le=0)
    response_format: ResponseFormat | None = None  # type: ignore[assignment]

    def to_request(self, language: str) -> GenerationRequest:
        """Return the backend's request."""
        return GenerationRequest(
            messages=[
                Message(
                    "system" if message.role == "developer" else message.role,
                    message.text,
                )
                for message in self.messages
            ],
            most_tokens=self.most_tokens or 0,
            temperature=self.temperature,
            top_p=self.top_p,
            seed=None if self.seed is None else self.seed % (MAX_SEED + 1),
            stops=self.stops,
            language=language,
        )


class EngineResponsesRequest(ResponsesRequest, RequestBody):
    """The body of POST /responses."""


@router.post("/chat/completions")
async def complete(request: Request) -> Response:
    """Answer a conversation; generation stops if the client disconnects."""
    body = await read_body(request)
    try:
        asked = EngineChatRequest.parse(body)
    except ApiError as refusal:
        return await _relay(request, RelayedChat.read(body, refusal))
    answer = ChatResponse(
        asked.model, utc_now().timestamp(), with_usage=asked.wants_usage
    )
    return await _respond(request, asked, answer)


@router.post("/responses")
async def create_response(request: Request) -> Response:
    """Answer as `complete` does."""
    body = await read_body(request)
    try:
        asked = EngineResponsesRequest.parse(body)
        chat = EngineChatRequest.parse(asked.as_chat())
    except ApiError as refusal:
        return await _relay(request, RelayedResponses.read(body, refusal))
    return await _respond(request, chat, ResponseAnswer(asked, utc_now().timestamp()))


@router.post("/completions")
async def complete_text(request: Request) -> Response:
    """Continue a text by the server behind the model."""
    refusal = bad_field(
        "model", "this model has no /v1/completions: ask /v1/chat/completions"
    )
    return await _relay(request, RelayedText.read(await read_body(request), refusal))


async def _relay(request: Request, relayed: RelayedRequest) -> Response:
    """Return what the server behind the model answers."""
    parts = get_engine(request).backends.relay(relayed)
    if not relayed.body.get("stream"):
        async with aclosing(parts):
            return JSONResponse(await _await_connected(request, anext(parts)))
    first = await _await_connected(request, anext(parts))

    async def events() -> AsyncGenerator[bytes, None]:
        async with aclosing(parts):
            yield event(first)
            try:
                async for part in parts:
                    yield event(part)
            except ApiError as error:  # the status was sent with the first event
                log.warning(
                    "an answer broke off", model=relayed.model, reason=str(error)
                )
                yield event(error.as_json())
                return
            if relayed.path != RelayedResponses.path:
                yield DONE

    return StreamingResponse(events(), media_type=EVENT_STREAM)


async def _respond(
    request: Request, asked: EngineChatRequest, answer: Answer
) -> Response:
    language = language_of_header(request.headers.get("accept-language", ""), "")
    parts = get_engine(request).backends.ask(asked.model, asked.to_request(language))
    if asked.stream:
        return await _build_stream_response(request, asked.model, answer, parts)
    async with aclosing(parts):
        completion = await _await_connected(request, _build_completion(answer, parts))
    return JSONResponse(completion)


async def _await_connected(request: Request, work: Awaitable[T]) -> T:
    """Return the result of `work`. Raises ApiError 499 if the client disconnects before."""
    result = await run_while_connected(request, work)
    if result is None:
        raise ApiError(499, "The caller went away before the answer was whole.")
    return result


async def _build_completion(answer: Answer, parts: AnswerStream) -> dict[str, object]:
    """Return the protocol's complete answer, with the extension `merlin` if there is one."""
    *chunks, finish = [part async for part in parts]
    if not isinstance(finish, Finish):
        raise TypeError("the backend ended without a Finish")
    content = "".join(part for part in chunks if isinstance(part, str))
    return answer.completion(content, finish.reason, _usage(finish), _extension(finish))


def _usage(finish: Finish) -> dict[str, object]:
    return usage_object(finish.prompt_tokens, finish.completion_tokens)


def _extension(finish: Finish) -> dict[str, object]:
    return {"merlin": dict(finish.extension)} if finish.extension else NO_EXTENSION


async def _build_stream_response(
    request: Request, model: str, answer: Answer, parts: AnswerStream
) -> Response:
    """Start the response after the first chunk, so that an error has its own HTTP status.

    A caller who leaves before it frees the place in the queue. The extension `merlin` is in the
    chunk with the finish reason.
    """
    first = await _await_connected(request, anext(parts))

    async def events() -> AsyncGenerator[bytes, None]:
        part: str | Finish = first
        async with aclosing(parts):
            yield answer.opening()
            while isinstance(part, str):
                yield answer.piece(part)
                try:
                    part = await anext(parts)
                except ApiError as error:  # the status was sent with the first chunk
                    log.warning("an answer broke off", model=model, reason=str(error))
                    yield answer.failure(error.as_json())
                    return
            yield answer.closing(part.reason, _usage(part), _extension(part))

    return StreamingResponse(events(), media_type=EVENT_STREAM)
