"""/v1/chat/completions: answers, whole or streamed."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from merlin.engine.body import json_object
from merlin.engine.chat import chunks, completion, question_of, reply_to
from merlin.engine.services import engine_of

router = APIRouter()


@router.post("/chat/completions")
async def create(request: Request) -> Response:
    """Answer the last question of a conversation."""
    engine = engine_of(request)
    question = question_of(await json_object(request))
    reply = await run_in_threadpool(reply_to, question, engine.serving, engine.settings.language)
    if not question.is_stream:
        return JSONResponse(completion(reply))
    events = chunks(reply, with_usage=question.is_usage_wanted)
    return StreamingResponse(events, media_type="text/event-stream")
