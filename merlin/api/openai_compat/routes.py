"""GET /v1/models and POST /v1/chat/completions, for any client of the OpenAI protocol.

The model `merlin/<dataset>` is resolved for each question, so a promotion takes effect with the
next one. Errors have the protocol's format (`api.problems.refusal`).
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from merlin.account.api_keys import Scope
from merlin.api.auth import Caller, RequiredAccess
from merlin.api.idempotency import KEY_HEADER, Keep, run_once, run_once_streamed
from merlin.api.openai_compat import requests, responses
from merlin.api.openai_compat.chat import ChatStream
from merlin.api.problems import read_body
from merlin.api.schema import operation_router
from merlin.api.services import ApiServices
from merlin.chat.answer import Reply
from merlin.core.errors import MerlinError
from merlin.core.i18n import text
from merlin.core.log import get_logger, redact
from merlin.core.permissions import Permission
from merlin.openai_protocol.errors import error_object
from merlin.openai_protocol.responses import (
    DONE,
    EVENT_STREAM,
    ChatAnswer,
    event,
    list_object,
    model_object,
)
from merlin.training.models import Origin, find_origin

log = get_logger(__name__)

router = operation_router(prefix="/v1", tags=["openai"])

_UNBUFFERED = {"X-Accel-Buffering": "no"}
Asker = Annotated[Caller, Depends(RequiredAccess(Scope.CHAT_WRITE, Permission.ASK))]


@router.get("/models", summary="List models", responses=responses.LISTED)
async def list_openai_models(caller: Asker) -> Response:
    """Return the available models: the default model, and one per dataset or course."""
    models = await caller.read(requests.list_offered_models)
    return JSONResponse(list_object([_card(name, since) for name, since in models.items()]))


@router.get("/models/{name:path}", summary="Get a model", responses=responses.SHOWN)
async def show_openai_model(caller: Asker, name: str) -> Response:
    """Return one model."""
    models = await caller.read(requests.list_offered_models)
    if name not in models:
        raise requests.unknown_model_error(caller.language, name, models)
    return JSONResponse(_card(name, models[name]))


def _card(name: str, since: datetime | None) -> dict[str, Any]:
    return model_object(name, since.timestamp() if since else 0, "merlin")


@router.post(
    "/chat/completions",
    summary="Create a chat completion",
    responses=responses.ANSWERED,
    openapi_extra=responses.QUESTION_ROUTE,
)
async def create_chat_completion(request: Request, caller: Asker) -> Response:
    """Answer the last message of a conversation, as one response or as a stream."""
    body = await read_body(request, requests.BODY_BYTES)
    read, services = requests.parse_request(body, caller.language), caller.services
    sees = services.config.chat.vision is not None
    question = requests.question_of(read, services.default_dataset, caller.language, sees=sees)
    if read.stream:
        streamed = partial(_stream_answer, request, caller, read, question)
        return await run_once_streamed(request, caller, streamed, body)
    return await run_once(
        request, caller, partial(_complete_answer, request, caller, question), body
    )


async def _complete_answer(
    request: Request, caller: Caller, question: requests.Question, number: int
) -> Response:
    asker = requests.asker_of(caller, number, question.dataset)
    answer = _new_answer(caller, question)
    # A client that sent an idempotency key may fetch the answer later, so it is not stopped.
    is_stoppable = KEY_HEADER not in request.headers
    reply = await ChatStream(request, caller, question, asker, is_stoppable=is_stoppable).reply()
    refused = responses.reply_error(reply, caller.language)
    if refused is not None:
        raise refused
    origin = await read_origin(caller.services, reply.model_id)
    headers = responses.model_headers(reply.choice, reply.model_id, origin)
    answer = _of_origin(answer, origin)
    completion = responses.completion(answer, reply, origin, caller.language)
    return JSONResponse(completion, headers=headers)


async def _stream_answer(
    request: Request,
    caller: Caller,
    read: requests.ChatCompletionRequest,
    question: requests.Question,
    number: int,
    keep: Keep | None,
) -> Response:
    """Return a stream that starts with the first word; an earlier failure has its own status."""
    asker, language = requests.asker_of(caller, number, question.dataset), caller.language
    answer = _new_answer(caller, question, with_usage=read.wants_usage)

    async def keep_whole(reply: Reply) -> None:
        """Store the complete stream for replays, its text in one chunk."""
        if keep is None or responses.reply_error(reply, language) is not None:
            return
        origin = await read_origin(caller.services, reply.model_id)
        chunk_origin = _of_origin(answer, origin)
        last = responses.make_last_chunks(chunk_origin, reply, origin, language)
        content = b"".join(
            [*map(event, [chunk_origin.first_chunk(), chunk_origin.chunk(reply.text), *last]), DONE]
        )
        headers = responses.model_headers(reply.choice, reply.model_id, origin)
        await keep(Response(content, headers=headers, media_type=EVENT_STREAM))

    # A client that sent an idempotency key may fetch the answer later, so it is not stopped.
    stream = ChatStream(
        request, caller, question, asker, is_stoppable=keep is None, then=keep_whole
    )
    await stream.wait_for_text()
    if stream.task.done():
        refused = responses.reply_error(stream.task.result(), language)
        if refused is not None:
            raise refused
    choice = stream.choice
    model_id = choice.model_id if choice is not None else None
    origin = await read_origin(caller.services, model_id)
    headers = {**responses.model_headers(choice, model_id, origin), **_UNBUFFERED}
    events = _events(stream, _of_origin(answer, origin), origin, language)
    return StreamingResponse(events, headers=headers, media_type=EVENT_STREAM)


async def _events(
    stream: ChatStream, answer: ChatAnswer, origin: Origin | None, language: str
) -> AsyncIterator[bytes]:
    try:
        yield event(answer.first_chunk())
        async for piece in stream.pieces():
            yield event(answer.chunk(piece))
        for chunk in responses.make_last_chunks(answer, await stream.reply(), origin, language):
            yield event(chunk)
        yield DONE
    except MerlinError as error:
        log.warning("an answer could not be settled", reason=redact(str(error)))
        message = text(language, "openai-busy")
        yield event(error_object(HTTPStatus.SERVICE_UNAVAILABLE, message, "unavailable"))
    finally:
        if stream.is_stoppable:
            stream.stop.press()


def _new_answer(
    caller: Caller, question: requests.Question, *, with_usage: bool = False
) -> ChatAnswer:
    created_at = caller.services.clock().timestamp()
    return ChatAnswer(question.name, created_at, with_usage=with_usage)


def _of_origin(answer: ChatAnswer, origin: Origin | None) -> ChatAnswer:
    return replace(answer, fingerprint=origin.build if origin else "")


async def read_origin(services: ApiServices, model_id: str | None) -> Origin | None:
    """Return the build a model was tuned on, None for a model that was not tuned here."""
    if not model_id:
        return None
    return await services.store.read(lambda: find_origin(services.db, model_id))
