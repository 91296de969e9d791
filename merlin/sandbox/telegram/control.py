"""The control side: what the page, the demo and checkers ask of the stand-in."""

from __future__ import annotations

from collections.abc import Awaitable

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from merlin.core.errors import MerlinError, NotFound
from merlin.sandbox.fault_routes import fault_routes
from merlin.sandbox.faults import Faults
from merlin.sandbox.telegram.acting import Acting
from merlin.sandbox.telegram.events import Events
from merlin.sandbox.telegram.page import SAFETY, Page
from merlin.sandbox.telegram.views import Views
from merlin.sandbox.telegram.wishes import Wishes
from merlin.sandbox.telegram.world import World


class ControlSide:
    """ASGI application of `/control/…` and of the page."""

    def __init__(self, world: World, faults: Faults, pipeline_url: str, language: str) -> None:
        acting = Acting(world)
        self._wishes = Wishes(acting)
        self._views = Views(world, acting)
        self._events = Events(world)
        self._page = Page(world, pipeline_url, language)
        self._app = Starlette(
            routes=[
                Route("/control/send", self._send, methods=["POST"]),
                Route("/control/log", self._log),
                Route("/control/chats", self._chats),
                Route("/control/menu", self._menu),
                Route("/control/inline", self._inline),
                Route("/control/wallet", self._wallet),
                Route("/control/invoice", self._invoice),
                Route("/control/events", self._stream),
                *fault_routes(faults),
                *self._page.routes(),
            ]
        )

    async def open(self) -> None:
        """Begin."""
        await self._page.open()

    async def close(self) -> None:
        """End the streams."""
        self._events.close()
        await self._page.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call; every answer forbids what the page does not need."""

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFETY.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_safely)

    async def _send(self, request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin and origin.partition("://")[2] != request.headers.get("host"):
            return JSONResponse({"error": "another site may not write here"}, 403)
        return await self._answered(self._wishes.act(request))

    async def _answered(self, coming: Awaitable[object]) -> Response:
        try:
            return JSONResponse(await coming)
        except MerlinError as error:
            return JSONResponse({"error": str(error)}, 404 if isinstance(error, NotFound) else 400)

    async def _log(self, request: Request) -> Response:
        return await self._answered(self._views.log(request.query_params.get("chat", "")))

    async def _chats(self, _request: Request) -> Response:
        return await self._answered(self._views.chats())

    async def _menu(self, request: Request) -> Response:
        return await self._answered(self._views.menu(request.query_params.get("person", "")))

    async def _inline(self, request: Request) -> Response:
        asked = request.query_params
        return await self._answered(
            self._views.inline(asked.get("person", ""), asked.get("query", ""))
        )

    async def _wallet(self, request: Request) -> Response:
        return await self._answered(self._views.wallet(request.query_params.get("person", "")))

    async def _invoice(self, request: Request) -> Response:
        return await self._answered(self._views.invoice(request.query_params.get("slug", "")))

    async def _stream(self, _request: Request) -> Response:
        headers = {"Cache-Control": "no-store"}
        stream = self._events.stream()
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)
