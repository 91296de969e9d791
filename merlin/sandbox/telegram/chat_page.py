"""The chat page: its HTML, texts, static files, what people and the bot sent, a commit's way.

`Events` is what the page hears at once: a stream of server-sent events.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from merlin.core.i18n import LANGUAGES, keys, language_of, text
from merlin.sandbox.telegram.world import BOT_NAME, PEOPLE, World

WEB = Path(__file__).parents[2] / "web"
PREFIX = "chat-page-"
THEMES = ("light", "dark")
YEAR_S = 365 * 24 * 3600
PIPELINE_S = 2.0
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


class Page:
    """The routes of the page; reads the world, changes nothing."""

    def __init__(self, world: World, pipeline_url: str, language: str) -> None:
        self._world = world
        self._pipeline_url = pipeline_url
        self._language = language
        self._session: aiohttp.ClientSession | None = None

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
            Mount("/static/sandbox", StaticFiles(directory=WEB / "sandbox" / "static")),
            Mount("/static", StaticFiles(directory=WEB / "static")),
        ]

    async def open(self) -> None:
        """Make ready to ask for the pipeline."""
        if self._pipeline_url:
            timeout = aiohttp.ClientTimeout(total=PIPELINE_S)
            self._session = aiohttp.ClientSession(timeout=timeout)

    async def close(self) -> None:
        """Let go of the connection to the pipeline."""
        if self._session is not None:
            await self._session.close()

    async def _show(self, request: Request) -> Response:
        """Answer the page in the person's language and theme; `?lang=` is remembered."""
        wanted = request.query_params.get("lang")
        language = language_of(wanted, self._language_of(request))
        theme = request.cookies.get("merlin_theme", "")
        response = HTMLResponse(
            _template().render(
                language=language,
                other_language=next(one for one in LANGUAGES if one != language),
                people=[person.name for person in PEOPLE],
                bot_name=BOT_NAME,
                theme=theme if theme in THEMES else "",
                has_pipeline=bool(self._pipeline_url),
                t=lambda name: text(language, PREFIX + name),
            )
        )
        if wanted in LANGUAGES:
            response.set_cookie("merlin_language", language, max_age=YEAR_S, samesite="lax")
        return response

    def _language_of(self, request: Request) -> str:
        return language_of(request.cookies.get("merlin_language"), self._language)

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
        """Hand over what the pipeline says, so that the page asks nobody but us."""
        if self._session is None:
            return JSONResponse({"error": "no pipeline"}, 404)
        asked = {"lang": self._language_of(request)}
        try:
            async with self._session.get(self._pipeline_url, params=asked) as answer:
                answer.raise_for_status()
                said = await answer.json()
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return JSONResponse({"error": "the pipeline does not answer"}, 502)
        return JSONResponse(said)


@cache
def _template() -> Template:
    """Return the page's template, compiled once a process."""
    templates = Environment(
        loader=FileSystemLoader(WEB / "sandbox" / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
    )
    icons = (WEB / "static" / "icons.svg").read_text(encoding="utf-8")
    # One hidden drawing a page; its symbols are used by name.
    drawing = icons.replace("<svg ", "<svg hidden ", 1)
    templates.globals["icons"] = Markup(drawing)  # noqa: S704 - our own file
    return templates.get_template("chat.html")


MOST_WAITING = 1000
KEEP_ALIVE_S = 15.0
# Other kinds of change are the bot's business, not the page's.
_SHOWN = frozenset(
    {
        *("message", "edit", "delete", "reaction", "action", "draft", "answer", "inline"),
        *("group", "topic", "setting", "stars"),
    }
)


class Events:
    """One queue for each open page; a page that does not read is cut off."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._queues: set[asyncio.Queue[str | None]] = set()
        world.listeners.append(self._hear)

    def close(self) -> None:
        """End every stream."""
        self._world.listeners.remove(self._hear)
        for queue in self._queues:
            queue.put_nowait(None)

    def _hear(self, kind: str, change: Mapping[str, Any]) -> None:
        if kind not in _SHOWN or not self._queues:
            return
        # Of a setting only the name: its value can be a secret.
        told = {"name": change["name"]} if kind == "setting" else change
        line = f"event: {kind}\ndata: {json.dumps(told, ensure_ascii=False)}\n\n"
        for queue in list(self._queues):
            if queue.qsize() >= MOST_WAITING:
                self._queues.discard(queue)
            queue.put_nowait(line if queue in self._queues else None)

    async def stream(self) -> AsyncIterator[str]:
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
