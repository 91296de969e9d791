"""The control side: what the page, the demo and checkers ask of the stand-in."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from merlin.core.errors import MerlinError, NotFound, Refused
from merlin.sandbox.fault_routes import fault_routes
from merlin.sandbox.faults import Faults
from merlin.sandbox.telegram.acting import Acting
from merlin.sandbox.telegram.arguments import Upload
from merlin.sandbox.telegram.events import Events
from merlin.sandbox.telegram.page import SAFETY, Page
from merlin.sandbox.telegram.world import World
from merlin.sandbox.voice import SAMPLE, SAMPLE_MIME, sample_voice, seconds


class ControlSide:
    """ASGI application of `/control/…` and of the page."""

    def __init__(self, world: World, faults: Faults, pipeline_url: str, language: str) -> None:
        self._world = world
        self._acting = Acting(world)
        self._events = Events(world)
        self._page = Page(world, pipeline_url, language)
        self._app = Starlette(
            routes=[
                Route("/control/send", self._send, methods=["POST"]),
                Route("/control/log", self._log),
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
        try:
            return JSONResponse({"update_id": await self._act(request)})
        except MerlinError as error:
            return JSONResponse({"error": str(error)}, 404 if isinstance(error, NotFound) else 400)

    async def _act(self, request: Request) -> int:
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            return await self._act_file(request)
        wish = await _json_object(request)
        who = wish.get("person", "")
        message_id = int(wish.get("message_id") or 0)
        if "press" in wish:
            return self._acting.press(who, str(wish["press"]), message_id)
        if "block" in wish:
            return self._acting.block(who, blocked=bool(wish["block"]))
        if "voice" in wish:
            return self._act_voice(who)
        return self._write(who, str(wish.get("text", "")), message_id, wish.get("reply_to"))

    def _write(self, who: str, words: str, message_id: int, reply_to: object) -> int:
        if message_id:
            return self._acting.edit(who, message_id, words)
        return self._acting.say(who, words, int(str(reply_to or 0)))

    def _act_voice(self, who: str) -> int:
        content = sample_voice()
        upload = Upload(SAMPLE.name, SAMPLE_MIME, content)
        return self._acting.send_file(who, "voice", upload, seconds=seconds(content))

    async def _act_file(self, request: Request) -> int:
        async with request.form() as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise Refused("a form to send has a file")
            mime = file.content_type or "application/octet-stream"
            upload = Upload(file.filename or "file", mime, await file.read())
            kind = str(form.get("kind") or ("photo" if mime.startswith("image/") else "document"))
            who, caption = str(form.get("person", "")), str(form.get("caption") or "")
            lasts = int(str(form.get("seconds") or 0))
            return self._acting.send_file(who, kind, upload, caption, lasts)

    async def _log(self, request: Request) -> Response:
        try:
            person = self._acting.person(request.query_params.get("chat", ""))
        except NotFound as error:
            return JSONResponse({"error": str(error)}, 404)
        chat = self._world.messages.get(person.person_id, {})
        about = str(person.person_id)
        calls = [
            {"at": call.at, "method": call.method, "status": call.status, "said": call.description}
            for call in self._world.calls
            if str(call.arguments.get("chat_id")) == about
        ]
        return JSONResponse({"messages": [one.as_json() for one in chat.values()], "calls": calls})

    async def _stream(self, _request: Request) -> Response:
        headers = {"Cache-Control": "no-store"}
        stream = self._events.stream()
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        wish = await request.json()
    except ValueError:
        wish = None
    if not isinstance(wish, dict):
        raise Refused("a JSON object is needed")
    return wish
