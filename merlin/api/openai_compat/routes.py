"""GET /v1/models and POST /v1/chat/completions, for any client of the OpenAI protocol.

The model `merlin/<dataset>` is resolved for each question, so a promotion takes effect with the
next one. Errors have the protocol's format (`api.problems.refusal`).
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from merlin.account.api_keys import Scope
from merlin.api.auth import Caller, RequiredAccess
from merlin.api.openai_compat import requests, responses
from merlin.api.openai_compat.chat import ChatStream
from merlin.api.problems import read_body
from merlin.api.schema import operation_router
from merlin.app.ask import make_call_number
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
    models = await caller.read(requests.list_offered_models, caller.actor)
    return JSONResponse(list_object([_card(name, since) for name, since in models.items()]))


@router.get("/models/{name:path}", summary="Get a model", responses=responses.SHOWN)
async def show_openai_model(caller: Asker, name: str) -> Response:
    """Return one model."""
    models = await caller.read(requests.list_offered_models, caller.actor)
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
    question = requests.question_of(read, services.default_dataset, caller.language)
    if read.stream:
        return await _stream_answer(request, caller, read, question)
    return await _complete_answer(request, caller, question)


async def _complete_answer(
    request: Request, caller: Caller, question: requests.Question
) -> Response:
    asker = requests.asker_of(caller, make_call_number(), question.dataset)
    answer = ChatAnswer(question.name, caller.services.clock().timestamp())
    reply = await ChatStream(request, caller, question, asker, is_stoppable=True).reply()
    refused = responses.reply_error(reply, caller.language)
    if refused is not None:
        raise refused
    answer, origin = await _name_model(caller, answer, reply.model_id)
    return JSONResponse(responses.completion(answer, reply, origin, caller.language))


async def _stream_answer(
    request: Request,
    caller: Caller,
    read: requests.ChatCompletionRequest,
    question: requests.Question,
) -> Response:
    """Return a stream that starts with the first word; an earlier failure has its own status."""
    asker = requests.asker_of(caller, make_call_number(), question.dataset)
    language = caller.language
    created_at = caller.services.clock().timestamp()
    answer = ChatAnswer(question.name, created_at, with_usage=read.wants_usage)

    stream = ChatStream(request, caller, question, asker, is_stoppable=True)
    await stream.wait_for_text()
    if stream.task.done():
        refused = responses.reply_error(stream.task.result(), language)
        if refused is not None:
            raise refused
    model_id = stream.choice.model_id if stream.choice is not None else None
    streamed, origin = await _name_model(caller, answer, model_id)
    events = _events(stream, streamed, origin, language)
    return StreamingResponse(events, headers=_UNBUFFERED, media_type=EVENT_STREAM)


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
        stream.stop.press()


async def _name_model(
    caller: Caller, answer: ChatAnswer, model_id: str | None
) -> tuple[ChatAnswer, Origin | None]:
    """Return an answer that names its model's build, and the build; None: not tuned here."""
    db, origin = caller.services.db, None
    if model_id:
        origin = await caller.services.store.read(lambda: find_origin(db, model_id))
    return replace(answer, fingerprint=origin.build if origin else ""), origin
