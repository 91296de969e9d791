"""The inference route /v1/chat/completions.

Source: openapi.yaml, CreateChatCompletionRequest.
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
from merlin.engine.requests import RequestBody
from merlin.engine.serving.base import Finish, GenerationRequest
from merlin.openai_protocol.errors import ApiError
from merlin.openai_protocol.requests import ChatRequest, Fields, read_body
from merlin.openai_protocol.responses import DONE, EVENT_STREAM, ChatAnswer, event, usage_object

log = get_logger(__name__)
router = APIRouter(prefix="/v1", dependencies=[Depends(require_key)])

T = TypeVar("T")
AnswerStream = AsyncGenerator[str | Finish, None]


class ResponseFormat(Fields):
    """The form of an answer."""

    type: Literal["text", "json_object"] = "text"


class EngineChatRequest(ChatRequest, RequestBody):
    """The body of POST /chat/completions; see the source above."""

    presence_penalty: float | None = Field(default=None, ge=0, le=0)
    frequency_penalty: float | None = Field(default=None, ge=0, le=0)
    response_format: ResponseFormat | None = None  # type: ignore[assignment]

    def to_request(self, language: str) -> GenerationRequest:
        """Return the backend's request."""
        return GenerationRequest(
            messages=[
                Message("system" if message.role == "developer" else message.role, message.text)
                for message in self.messages
            ],
            most_tokens=self.most_tokens or 0,
            temperature=self.temperature,
            top_p=self.top_p,
            seed=None if self.seed is None else self.seed % (MAX_SEED + 1),
            stops=self.stops,
            is_json=self.response_format == ResponseFormat(type="json_object"),
            language=language,
        )


@router.post("/chat/completions")
async def complete(request: Request) -> Response:
    """Answer a conversation; generation stops if the client disconnects."""
    chat_request = EngineChatRequest.parse(await read_body(request))
    language = language_of_header(request.headers.get("accept-language", ""), "")
    model = chat_request.model
    answer = get_engine(request).backends.ask(model, chat_request.to_request(language))
    if chat_request.stream:
        return await _build_stream_response(request, chat_request, answer)
    async with aclosing(answer):
        completion = await _await_connected(request, _build_completion(model, answer))
    return JSONResponse(completion)


async def _await_connected(request: Request, work: Awaitable[T]) -> T:
    """Return the result of `work`. Raises ApiError 499 if the client disconnects before."""
    result = await run_while_connected(request, work)
    if result is None:
        raise ApiError(499, "The caller went away before the answer was whole.")
    return result


async def _build_completion(model: str, answer: AnswerStream) -> dict[str, object]:
    """Return the protocol's ChatCompletion, with the extension `merlin` if there is one."""
    *chunks, finish = [part async for part in answer]
    if not isinstance(finish, Finish):
        raise TypeError("the backend ended without a Finish")
    content = "".join(part for part in chunks if isinstance(part, str))
    usage = usage_object(finish.prompt_tokens, finish.completion_tokens)
    answer_object = ChatAnswer(model, utc_now().timestamp())
    completion = answer_object.completion(content, finish.reason, usage)
    return {**completion, "merlin": dict(finish.extension)} if finish.extension else completion


async def _build_stream_response(
    request: Request, chat_request: ChatRequest, parts: AnswerStream
) -> Response:
    """Start the response after the first chunk, so that an error has its own HTTP status.

    A caller who leaves before it frees the place in the queue. The extension `merlin` is in the
    chunk with the finish reason.
    """
    with_usage = chat_request.wants_usage
    first = await _await_connected(request, anext(parts))

    async def events() -> AsyncGenerator[bytes, None]:
        answer = ChatAnswer(chat_request.model, utc_now().timestamp(), with_usage=with_usage)
        part: str | Finish = first
        async with aclosing(parts):
            yield event(answer.first_chunk())
            while isinstance(part, str):
                yield event(answer.chunk(part))
                try:
                    part = await anext(parts)
                except ApiError as error:  # the status was sent with the first chunk
                    log.warning("an answer broke off", model=answer.model, reason=str(error))
                    yield event(error.as_json())
                    return
            last = answer.last_chunk(part.reason)
            yield event({**last, "merlin": dict(part.extension)} if part.extension else last)
            if with_usage:
                usage = usage_object(part.prompt_tokens, part.completion_tokens)
                yield event(answer.usage_chunk(usage))
            yield DONE

    return StreamingResponse(events(), media_type=EVENT_STREAM)
