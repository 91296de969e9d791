"""The control side: what the page, the demo and checkers ask of the stand-in.

`/control/send` takes a JSON object with `person` and one of: `text` (with `reply_to`, or
`message_id` of an own message to correct), `press` (with `message_id`), `block`, `voice` (the
sample), `switch` (with `on`; the bot's owner at BotFather), or `act` with the name of any act in
ACTS and its arguments in `with`. A form with `person` and one or more `file` sends files; several
of them are an album.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import FormData, MutableHeaders, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from merlin.core.errors import MerlinError, NotFound, Refused
from merlin.sandbox.faults import Faults, fault_routes
from merlin.sandbox.telegram.arguments import Upload
from merlin.sandbox.telegram.chat_page import SAFETY, Events, Page
from merlin.sandbox.telegram.groups import has_topics
from merlin.sandbox.telegram.keyboards import menu_for
from merlin.sandbox.telegram.stars import balance
from merlin.sandbox.telegram.user_actions import Acting
from merlin.sandbox.telegram.world import PEOPLE, PRESENT, Chat, Group, Person, World
from merlin.sandbox.voice import SAMPLE_MIME, sample_voice, seconds


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


ACTS = frozenset(
    {
        *("say", "start", "paste", "edit", "forward", "forward_words"),
        *("press", "react", "block", "ask_inline", "choose"),
        *("set_bot", "migrate", "make_topic", "close_topic"),
        *("pay", "renew", "take_back", "give_stars"),
    }
)


class Wishes:
    """Wishes from outside, checked and carried out."""

    def __init__(self, acting: Acting) -> None:
        self._acting = acting

    async def act(self, request: Request) -> dict[str, object]:
        """Do what a request asks; return `update_id`, or `update_ids` where there are several.

        Raises Refused or NotFound.
        """
        try:
            done = await self._done(request)
        except (TypeError, ValueError) as error:
            raise Refused(f"not understood: {error}") from error
        return {"update_ids": done} if isinstance(done, list) else {"update_id": done}

    async def _done(self, request: Request) -> int | list[int]:
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            async with request.form() as form:
                return await self._hand(form)
        return self._do(await _json_object(request))

    def _do(self, wish: dict[str, Any]) -> int | list[int]:
        who = wish.get("person", "")
        message_id = int(wish.get("message_id") or 0)
        acts: dict[str, Callable[[], int | list[int]]] = {
            "act": lambda: self._named(who, str(wish["act"]), wish.get("with") or {}),
            "switch": lambda: self._switch(str(wish["switch"]), on=bool(wish.get("on", True))),
            "press": lambda: self._acting.press(who, str(wish["press"]), message_id),
            "block": lambda: self._acting.block(who, blocked=bool(wish["block"])),
            "voice": lambda: self._voice(who),
        }
        act = next((acts[name] for name in acts if name in wish), None)
        return act() if act else self._write(who, wish, message_id)

    def _switch(self, name: str, *, on: bool) -> int:
        self._acting.switch(name, on=on)
        return 0

    def _write(self, who: str, wish: dict[str, Any], message_id: int) -> int:
        words = str(wish.get("text", ""))
        if message_id:
            return self._acting.edit(who, message_id, words)
        return self._acting.say(who, words, reply_to=int(wish.get("reply_to") or 0))

    def _named(self, who: str, name: str, given: dict[str, Any]) -> int | list[int]:
        if name not in ACTS:
            raise Refused(f"people do not {name} here")
        act = getattr(self._acting, name)
        try:
            inspect.signature(act).bind(who, **given)
        except TypeError as error:
            raise Refused(f"{name}: {error}") from error
        done: int | list[int] = act(who, **given)
        return done

    def _voice(self, who: str) -> int:
        content = sample_voice(self._acting.person(who).language_code)
        upload = Upload("voice-sample.oga", SAMPLE_MIME, content)
        return self._acting.send_file(who, upload, kind="voice", seconds=seconds(content))

    async def _hand(self, form: FormData) -> int | list[int]:
        files = [one for one in form.getlist("file") if isinstance(one, UploadFile)]
        if not files:
            raise Refused("a form to send has a file")
        uploads = [await _upload(file) for file in files]
        images = all(upload.mime.startswith("image/") for upload in uploads)
        kind = str(form.get("kind") or ("photo" if images else "document"))
        who, caption = str(form.get("person", "")), str(form.get("caption") or "")
        if len(uploads) > 1:
            return self._acting.send_album(who, uploads, kind=kind, caption=caption)
        lasts = int(str(form.get("seconds") or 0))
        return self._acting.send_file(who, uploads[0], kind=kind, caption=caption, seconds=lasts)


async def _upload(file: UploadFile) -> Upload:
    mime = file.content_type or "application/octet-stream"
    return Upload(file.filename or "file", mime, await file.read())


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        wish = await request.json()
    except ValueError:
        wish = None
    if not isinstance(wish, dict):
        raise Refused("a JSON object is needed")
    return wish


class Views:
    """Reads the world, changes nothing."""

    def __init__(self, world: World, acting: Acting) -> None:
        self._world = world
        self._acting = acting

    async def log(self, name: str) -> dict[str, Any]:
        """Return a chat's messages with their past, and the bot's calls for it. Raises NotFound."""
        chat = self._acting.chat(name)
        about = str(chat.chat_id)
        calls = [
            {"at": call.at, "method": call.method, "status": call.status, "said": call.description}
            for call in self._world.calls
            if str(call.arguments.get("chat_id")) == about
        ]
        messages = self._world.messages.get(chat.chat_id, {}).values()
        return {"messages": [one.as_json() for one in messages], "calls": calls}

    async def chats(self) -> dict[str, list[dict[str, Any]]]:
        """Return the chats of each of the three by name: the one with the bot, then groups."""
        return {person.name: self._of(person) for person in PEOPLE}

    def _of(self, person: Person) -> list[dict[str, Any]]:
        groups: list[Chat] = [
            group
            for group in self._world.groups.values()
            if group.status(person.person_id) in PRESENT and not group.moved_to
        ]
        return [self._shown(person, chat) for chat in [person, *groups]]

    def _shown(self, person: Person, chat: Chat) -> dict[str, Any]:
        place = f"{person.name}@{chat.name}" if isinstance(chat, Group) else person.name
        return {
            "chat_id": chat.chat_id,
            "person_id": person.person_id,
            "person": place,
            "title": chat.title if isinstance(chat, Group) else "Merlin",
            "has_topics": has_topics(self._world, chat),
            "topics": list(self._world.topics.get(chat.chat_id, {}).values()),
        }

    async def inline(self, who: str, query: str) -> dict[str, Any]:
        """Return the results that stand under the field for an inline query; none at first."""
        answer = self._acting.inline_answer(who, query)
        return {
            "results": answer.results if answer else [],
            "next_offset": answer.next_offset if answer else "",
        }

    async def wallet(self, who: str) -> dict[str, Any]:
        """Return the Stars of a person, and what they pay for every month. Raises NotFound."""
        person_id = self._acting.person(who).person_id
        mine = [
            {"charge": charge, **one}
            for charge, one in self._world.subscriptions.items()
            if one["person_id"] == person_id
        ]
        return {"stars": balance(self._world, person_id), "subscriptions": mine}

    async def invoice(self, slug: str) -> dict[str, Any]:
        """Return what an invoice behind a link asks for; nothing for an unknown one."""
        found = self._world.invoices.get(slug, {})
        shown = ("title", "description", "total_amount", "period")
        return {name: found[name] for name in shown if name in found}

    async def menu(self, who: str) -> list[dict[str, Any]]:
        """Return the commands that a client offers in a place. Raises NotFound."""
        place = self._acting.place(who)
        return menu_for(self._world, place.person, place.chat)
