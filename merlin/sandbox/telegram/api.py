"""The Bot API over HTTP: `/bot<token>/<method>` and `/file/bot<token>/<path>`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from merlin.core.clock import iso, utc_now
from merlin.sandbox.telegram.arguments import Arguments, read_arguments
from merlin.sandbox.telegram.errors import BotApiError, of_status
from merlin.sandbox.telegram.files import by_path
from merlin.sandbox.telegram.logged import Call
from merlin.sandbox.telegram.methods import METHODS, Method
from merlin.sandbox.telegram.updates import Updates
from merlin.sandbox.telegram.webhook import Webhook
from merlin.sandbox.telegram.world import World

_ADDRESS = re.compile(r"/bot([^/]+)/([A-Za-z]+)/?")
_FILE_ADDRESS = re.compile(r"/file/bot([^/]+)/(.+)")
_TOKEN = re.compile(r"\d+:[A-Za-z0-9_-]{30,}")


class BotApi:
    """ASGI application of the addresses that a bot calls."""

    def __init__(self, world: World, token: str) -> None:
        self.world = world
        self.updates = Updates(world)
        self.webhook = Webhook(world)
        self._token = token
        self._methods = {name.lower(): (name, method) for name, method in METHODS.items()}
        own: Mapping[str, Method] = {
            "getUpdates": lambda _world, arguments: self.updates.poll(arguments),
            "setWebhook": lambda _world, arguments: self.webhook.set(arguments),
            "deleteWebhook": lambda _world, arguments: self.webhook.delete(arguments),
            "getWebhookInfo": self._webhook_told,
        }
        self._methods |= {name.lower(): (name, method) for name, method in own.items()}

    async def open(self) -> None:
        """Push on where a webhook was set before."""
        self.webhook.resume()

    async def close(self) -> None:
        """End long polls and pushes."""
        self.updates.close()
        await self.webhook.close()

    async def _webhook_told(self, _world: World, _arguments: Arguments) -> dict[str, Any]:
        return self.webhook.describe()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call of the bot."""
        request = Request(scope, receive)
        if scope["path"].startswith("/file/"):
            response = self._download(scope["path"])
        else:
            response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        arguments = Arguments()
        name = ""
        try:
            name, method = self._find(request.scope["path"])
            arguments = await read_arguments(request)
            coming = method(self.world, arguments)
            if name == "getUpdates":
                coming = _while_there(request, coming)
            result = await coming
        except BotApiError as error:
            self._note(name, arguments, error.code, error.description)
            return JSONResponse(error.as_json(), error.code)
        self._note(name, arguments, 200, "")
        return JSONResponse({"ok": True, "result": result})

    def _find(self, path: str) -> tuple[str, Method]:
        """Return the method at an address. Raises BotApiError 401 or 404 as Telegram does."""
        address = _ADDRESS.fullmatch(path)
        if address is None:
            raise of_status(404)
        self._check_token(address[1])
        found = self._methods.get(address[2].lower())
        if found is None:
            raise BotApiError(404, "Not Found: method not found")
        return found

    def _check_token(self, token: str) -> None:
        if token != self._token:
            raise of_status(401 if _TOKEN.fullmatch(token) else 404)

    def _note(self, name: str, arguments: Arguments, status: int, description: str) -> None:
        call = Call(iso(utc_now()), name, arguments.values, status, description)
        self.world.calls.append(call)
        self.world.tell("call", {"call": call})

    def _download(self, path: str) -> Response:
        address = _FILE_ADDRESS.fullmatch(path)
        try:
            self._check_token(address[1] if address else "")
            file_id = by_path(self.world, address[2]) if address else None
            if file_id is None:
                raise of_status(404)
        except BotApiError as error:
            return JSONResponse(error.as_json(), error.code)
        return Response(self.world.content(file_id), media_type="application/octet-stream")


async def _while_there(request: Request, poll: Awaitable[Any]) -> Any:
    """Return what a long poll brings; end it when the bot's connection is gone."""
    polling = asyncio.ensure_future(poll)
    leaving = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait([polling, leaving], return_when=asyncio.FIRST_COMPLETED)
        return polling.result() if polling.done() else []
    finally:
        polling.cancel()
        leaving.cancel()


def method_of(path: str) -> str | None:
    """Return the method that an address names, None for addresses that are no bot's."""
    address = _ADDRESS.fullmatch(path)
    if address:
        return address[2]
    return "downloadFile" if path.startswith("/file/bot") else None
