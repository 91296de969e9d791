"""/v1/models, /v1/chat/completions and /v1/responses, for any client of the OpenAI protocol.

The model `merlin/<dataset>` is resolved for each question, so a promotion takes effect with the
next one. Errors have the protocol's format (`api.problems.refusal`).
"""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from merlin.account.api_keys import Scope
from merlin.api.auth import Caller, RequiredAccess
from merlin.api.openai_compat import requests, responses
from merlin.api.problems import read_body
from merlin.api.question_stream import QuestionStream
from merlin.api.schema import operation_router
from merlin.core.errors import MerlinError
from merlin.core.i18n import text
from merlin.core.log import get_logger, redact
from merlin.core.permissions import Permission
from merlin.openai_protocol.errors import error_object
from merlin.openai_protocol.responses import (
    EVENT_STREAM,
    ChatResponse,
    list_object,
    model_object,
)
from merlin.openai_protocol.responses_api import ResponseAnswer
from merlin.training.models import Origin, find_origin

log = get_logger(__name__)

router = operation_router(prefix="/v1", tags=["openai"], responses={})

_UNBUFFERED = {"X-Accel-Buffering": "no"}
Answer = ChatResponse | ResponseAnswer
Asker = Annotated[Caller, Depends(RequiredAccess(Scope.CHAT_WRITE, Permission.ASK))]


@router.get("/models", summary="List models", responses=responses.LISTED)
async def list_openai_models(caller: Asker) -> Response:
    """Return the available models: the default model, and one per dataset or course."""
    models = await caller.read(requests.list_offered_models, caller.actor)
    return JSONResponse(
        list_object([_card(name, since) for name, since in models.items()])
    )


@router.get("/models/{name:path}", summary="Get a model", responses=responses.LISTED)
async def show_openai_model(caller: Asker, name: str) -> Response:
    """Return one model."""
    models = await caller.read(requests.list_offered_models, caller.actor)
    if name not in models:
        raise requests.unknown_model_error(caller.language, name, models)
    return JSONResponse(_card(name, models[name]))


def _card(name: str, since: datetime | None) -> dict[str, Any]:
    return model_object(name, since.timestamp() if since else 0, "merlin")


def _body_of(schema: str) -> dict[str, Any]:
    content = {
        "application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    }
    return {"requestBody": {"required": True, "content": content}}


@router.post(
    "/chat/completions",
    summary="Create a chat completion",
    responses=responses.ANSWERED,
    openapi_extra=_body_of("ChatCompletionRequest"),
)
async def create_chat_completion(request: Request, caller: Asker) -> Response:
    """Answer the last message of a conversation, as one response or as a stream.

    A stream starts with the first word; an earlier failure has its own status.
    """
    read = requests.parse_request(
        await read_body(request, requests.BODY_BYTES), caller.language
    )
    created_at = caller.services.clock().timestamp()

    def build_answer(build: str) -> ChatResponse:
        return ChatResponse(
            read.model, created_at, fingerprint=build, with_usage=read.wants_usage
        )

    return await _respond(request, caller, read, build_answer)


@router.post(
    "/responses",
    summary="Create a response",
    responses=responses.ANSWERED,
    openapi_extra=_body_of("ResponsesRequest"),
)
async def create_response(request: Request, caller: Asker) -> Response:
    """Answer as a chat completion does, in the form that newer clients ask for first.

    Nothing is stored: send the whole conversation as `input`.
    """
    body = await read_body(request, requests.BODY_BYTES)
    asked, read = requests.parse_responses_request(body, caller.language)
    answer = ResponseAnswer(asked, caller.services.clock().timestamp())
    return await _respond(request, caller, read, lambda _build: answer)


async def _respond(
    request: Request,
    caller: Caller,
    read: requests.ChatCompletionRequest,
    build_answer: Callable[[str], Answer],
) -> Response:
    language = caller.language
    question = await caller.read(requests.read_question, caller, read)
    asking = QuestionStream(request, question)
    if read.stream:
        await asking.wait_for_text()
    is_whole = asking.task.done() or not read.stream
    reply = (await asking.answer()).reply if is_whole else None
    if (
        reply is not None
        and (refused := responses.reply_error(reply, language)) is not None
    ):
        raise refused
    asked = reply.model_id if reply else asking.choice and asking.choice.model_id
    origin = (
        await caller.read(lambda ctx: find_origin(ctx.db, asked)) if asked else None
    )
    answer = build_answer(origin.build if origin else "")
    if reply is None or read.stream:
        events = _events(asking, answer, origin, language)
        return StreamingResponse(events, headers=_UNBUFFERED, media_type=EVENT_STREAM)
    reason = responses.finish_reason(reply)
    usage = responses.usage_of(reply)
    extension = {"merlin": responses.merlin_extension(reply, origin, language)}
    return JSONResponse(answer.completion(reply.text, reason, usage, extension))


async def _events(
    asking: QuestionStream,
    answer: Answer,
    origin: Origin | None,
    language: str,
) -> AsyncIterator[bytes]:
    try:
        yield answer.opening()
        async for piece in asking.pieces():
            yield answer.piece(piece)
        reply = (await asking.answer()).reply
        extension = {"merlin": responses.merlin_extension(reply, origin, language)}
        reason = responses.finish_reason(reply)
        usage = responses.usage_of(reply)
        yield answer.closing(reason, usage, extension)
    except MerlinError as error:
        log.warning("an answer could not be settled", reason=redact(str(error)))
        message = text(language, "openai-busy")
        yield answer.failure(
            error_object(HTTPStatus.SERVICE_UNAVAILABLE, message, "unavailable")
        )
    finally:
        asking.stop.press()
