"""The chat page: its HTML, texts, files that people and the bot sent, a commit's progress.

What changes is sent to the page at once, as a stream of server-sent events.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from merlin.core.errors import MerlinError
from merlin.core.i18n import keys, language_of, text
from merlin.sandbox.telegram.world import BOT_NAME, PEOPLE, World
from merlin.sandbox.web import Pages, static_routes

PREFIX = "chat-page-"
# Shown in the page; anything else is only handed over as a download.
SHOWN_TYPES = frozenset(
    {
        *("image/png", "image/jpeg", "image/gif", "image/webp"),
        *("audio/ogg", "audio/mpeg", "video/mp4", "video/webm"),
    }
)
SAFETY = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
MOST_WAITING = 1000
KEEP_ALIVE_S = 15.0
# Other kinds of change are the bot's business, not the page's.
_SHOWN = frozenset(
    {
        *("message", "edit", "delete", "reaction", "action", "draft", "answer", "inline"),
        *("group", "topic", "setting", "stars"),
    }
)
# From a language: the newest commit's progress, for the page's right side.
PipelineReader = Callable[[str], Mapping[str, object]]


class ChatPage:
    """The routes of the page; reads the world, changes nothing.

    There is one queue of events for each open page; a page that does not read is cut off.
    """

    def __init__(self, world: World, read_pipeline: PipelineReader | None, language: str) -> None:
        self._world = world
        self._read_pipeline = read_pipeline
        self._pages = Pages(PREFIX, language)
        self._queues: set[asyncio.Queue[str | None]] = set()
        world.listeners.append(self._hear)

    def routes(self) -> list[BaseRoute]:
        """Return the page's routes."""
        return [
            Route("/", self._show),
            # Where links open the bot, as t.me/<bot>?start=… does.
            Route(f"/{BOT_NAME}", self._show),
            # Where invoices open that a bot made links to.
            Route("/invoice/{slug}", self._show),
            Route("/texts/{language}.json", self._texts),
            Route("/control/files/{file_id}", self._file),
            Route("/control/pipeline", self._pipeline),
            Route("/control/events", self._events),
            *static_routes(),
        ]

    def close(self) -> None:
        """End every stream."""
        self._world.listeners.remove(self._hear)
        for queue in self._queues:
            queue.put_nowait(None)

    async def _show(self, request: Request) -> Response:
        return self._pages.render(
            request,
            "chat.html",
            people=[person.name for person in PEOPLE],
            bot_name=BOT_NAME,
            has_pipeline=self._read_pipeline is not None,
        )

    async def _texts(self, request: Request) -> Response:
        language = language_of(request.path_params["language"])
        mine = sorted(key for key in keys(language) if key.startswith(PREFIX))
        return JSONResponse({key.removeprefix(PREFIX): text(language, key) for key in mine})

    async def _file(self, request: Request) -> Response:
        file = self._world.files.get(request.path_params["file_id"])
        if file is None:
            return JSONResponse({"error": "no such file"}, 404)
        content = self._world.content(file["file_id"])
        if file["mime"] in SHOWN_TYPES:
            return Response(content, media_type=file["mime"])
        headers = {"Content-Disposition": "attachment"}
        return Response(content, media_type="application/octet-stream", headers=headers)

    async def _pipeline(self, request: Request) -> Response:
        if self._read_pipeline is None:
            return JSONResponse({"error": "no pipeline"}, 404)
        language = self._pages.language_of(request)
        try:
            return JSONResponse(await run_in_threadpool(self._read_pipeline, language))
        except MerlinError as error:
            return JSONResponse({"error": str(error)}, 503)

    def _hear(self, kind: str, change: Mapping[str, Any]) -> None:
        if kind not in _SHOWN or not self._queues:
            return
        # Of a setting only the name: its value can be a secret.
        data = {"name": change["name"]} if kind == "setting" else change
        line = f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
        for queue in list(self._queues):
            if queue.qsize() >= MOST_WAITING:
                self._queues.discard(queue)
            queue.put_nowait(line if queue in self._queues else None)

    async def _events(self, _request: Request) -> Response:
        headers = {"Cache-Control": "no-store"}
        return StreamingResponse(self._stream(), media_type="text/event-stream", headers=headers)

    async def _stream(self) -> AsyncIterator[str]:
        """Yield events until the page goes or the stand-in ends."""
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._queues.add(queue)
        try:
            yield "retry: 500\n\n"
            while True:
                try:
                    line = await asyncio.wait_for(queue.get(), KEEP_ALIVE_S)
                except TimeoutError:
                    line = ": still here\n\n"
                if line is None:
                    return
                yield line
        finally:
            self._queues.discard(queue)
