"""/v1/chat/completions: answers, whole or streamed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from merlin.engine.answering.asking import Ending, Piece
from merlin.engine.body import json_object
from merlin.engine.caller import let_ask, metered, owner_of
from merlin.engine.chat import Question, question_of
from merlin.engine.completion import chunks, completion
from merlin.engine.refusal import Refusal
from merlin.engine.services import engine_of

router = APIRouter()

Answering = AsyncGenerator[Piece | Ending, None]


@router.post("/chat/completions")
async def create(request: Request) -> Response:
    """Let a model go on with a conversation; who goes away stops it."""
    question = question_of(await json_object(request), owner_of(request))
    await let_ask(request, question.model)
    asked = engine_of(request).desk.ask(question.model, question.asking)
    answering = metered(request, question.asking, asked)
    if question.is_stream:
        return await _streamed(question, answering)
    async with aclosing(answering):
        return JSONResponse(await _whole(request, question, answering))


async def _whole(request: Request, question: Question, answering: Answering) -> dict[str, object]:
    answer = asyncio.ensure_future(completion(question.model, answering))
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise Refusal(499, "The caller went away before the answer was whole.")
        return answer.result()
    finally:
        for task in (answer, gone):
            task.cancel()
        await asyncio.gather(answer, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _streamed(question: Question, answering: Answering) -> Response:
    """Answer once the first piece is there: what refuses the question has its own status."""
    first = await anext(answering)

    async def events() -> AsyncGenerator[str, None]:
        async with aclosing(answering):
            told = chunks(question.model, first, answering, with_usage=question.is_usage_wanted)
            async for event in told:
                yield event

    return StreamingResponse(events(), media_type="text/event-stream")
