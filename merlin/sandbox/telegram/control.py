"""The control side: what the page, the demo and checkers ask of the stand-in.

`/control/send` takes a JSON object with `person` and one of: `text` (with `reply_to`, or
`message_id` of an own message to correct), `press` (with `message_id`), `voice` (the sample), or
`act` with the name of any act in ACTS and its arguments in `with`. A form with `person` and one
or more `file` sends files; several of them are an album.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import FormData, MutableHeaders, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from merlin.core.errors import Refused
from merlin.sandbox.faults import Faults, fault_routes
from merlin.sandbox.speech_samples import SAMPLE_MIME, sample_voice, seconds
from merlin.sandbox.telegram.arguments import Upload
from merlin.sandbox.telegram.chat_page import SAFETY, ChatPage, PipelineReader
from merlin.sandbox.telegram.groups import has_topics
from merlin.sandbox.telegram.keyboards import menu_for
from merlin.sandbox.telegram.stars import balance
from merlin.sandbox.telegram.user_actions import UserActions
from merlin.sandbox.telegram.world import PEOPLE, PRESENT, Chat, Group, Person, World
from merlin.sandbox.web import control_handler, view_route

ACTS = frozenset(
    {
        *("say", "start", "paste", "edit", "forward", "forward_words"),
        *("press", "react", "block", "ask_inline", "choose"),
        *("set_bot", "migrate", "make_topic", "close_topic"),
        *("pay", "renew", "take_back"),
    }
)


class ControlSide:
    """ASGI application of `/control/…` and of the page."""

    def __init__(
        self, world: World, faults: Faults, read_pipeline: PipelineReader | None, language: str
    ) -> None:
        self._actions = UserActions(world)
        self._page = ChatPage(world, read_pipeline, language)
        views = Views(world, self._actions)
        self._app = Starlette(
            routes=[
                Route("/control/send", control_handler(self._send), methods=["POST"]),
                view_route("/control/log", views.log),
                view_route("/control/chats", views.chats),
                view_route("/control/menu", views.menu),
                view_route("/control/inline", views.inline),
                view_route("/control/wallet", views.wallet),
                view_route("/control/invoice", views.invoice),
                *fault_routes(faults),
                *self._page.routes(),
            ]
        )

    async def close(self) -> None:
        """End the streams."""
        self._page.close()

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
        """Do what a request asks; answer `update_id`, or `update_ids` where there are several."""
        try:
            if request.headers.get("content-type", "").startswith("multipart/form-data"):
                async with request.form() as form:
                    done = await self._send_files(form)
            else:
                done = self._act(await request.json())
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise Refused(f"not understood: {error}") from error
        return JSONResponse({"update_ids" if isinstance(done, list) else "update_id": done})

    def _act(self, body: dict[str, Any]) -> int | list[int]:
        who, message_id = body.get("person", ""), int(body.get("message_id") or 0)
        if "act" in body:
            return self._named_act(who, body["act"], body.get("with") or {})
        if "press" in body:
            return self._actions.press(who, str(body["press"]), message_id)
        if "voice" in body:
            content = sample_voice(self._actions.person(who).language_code)
            upload = Upload("voice-sample.oga", SAMPLE_MIME, content)
            return self._actions.send_file(who, upload, kind="voice", seconds=seconds(content))
        text = str(body.get("text", ""))
        if message_id:
            return self._actions.edit(who, message_id, text)
        return self._actions.say(who, text, reply_to=int(body.get("reply_to") or 0))

    def _named_act(self, who: str, name: str, given: dict[str, Any]) -> int | list[int]:
        if name not in ACTS:
            raise Refused(f"people do not {name} here")
        act: Callable[..., int | list[int]] = getattr(self._actions, name)
        inspect.signature(act).bind(who, **given)
        return act(who, **given)

    async def _send_files(self, form: FormData) -> int | list[int]:
        files = [one for one in form.getlist("file") if isinstance(one, UploadFile)]
        uploads = [
            Upload(
                file.filename or "file",
                file.content_type or "application/octet-stream",
                await file.read(),
            )
            for file in files
        ]
        images = all(upload.mime.startswith("image/") for upload in uploads)
        who, caption = str(form.get("person", "")), str(form.get("caption") or "")
        kind = "photo" if images else "document"
        if len(uploads) == 1:
            return self._actions.send_file(who, uploads[0], kind=kind, caption=caption)
        return self._actions.send_album(who, uploads, kind=kind, caption=caption)


class Views:
    """Reads the world, changes nothing; who or what is not there raises NotFound."""

    def __init__(self, world: World, actions: UserActions) -> None:
        self._world = world
        self._actions = actions

    def log(self, chat: str) -> dict[str, Any]:
        """Return a chat's messages with their past."""
        messages = self._world.messages.get(self._actions.chat(chat).chat_id, {}).values()
        return {"messages": [one.as_json() for one in messages]}

    def chats(self) -> dict[str, list[dict[str, Any]]]:
        """Return the chats of each of the three by name: the one with the bot, then groups."""
        return {person.name: self._chats_of(person) for person in PEOPLE}

    def _chats_of(self, person: Person) -> list[dict[str, Any]]:
        groups: list[Chat] = [
            group
            for group in self._world.groups.values()
            if group.status(person.person_id) in PRESENT and not group.moved_to
        ]
        return [
            {
                "chat_id": chat.chat_id,
                "person_id": person.person_id,
                "person": f"{person.name}@{chat.name}" if isinstance(chat, Group) else person.name,
                "title": chat.title if isinstance(chat, Group) else "Merlin",
                "has_topics": has_topics(self._world, chat),
                "topics": list(self._world.topics.get(chat.chat_id, {}).values()),
            }
            for chat in [person, *groups]
        ]

    def inline(self, person: str, query: str) -> dict[str, Any]:
        """Return the results that stand under the field for an inline query; none at first."""
        answer = self._actions.inline_answer(person, query)
        return {"results": answer.results if answer else []}

    def wallet(self, person: str) -> dict[str, Any]:
        """Return the Stars of a person."""
        return {"stars": balance(self._world, self._actions.person(person).person_id)}

    def invoice(self, slug: str) -> dict[str, Any]:
        """Return what an invoice behind a link asks for; nothing for an unknown one."""
        found = self._world.invoices.get(slug, {})
        fields = ("title", "description", "total_amount", "period")
        return {name: found[name] for name in fields if name in found}

    def menu(self, person: str) -> list[dict[str, Any]]:
        """Return the commands that a client offers in a place."""
        place = self._actions.place(person)
        return menu_for(self._world, place.person, place.chat)
