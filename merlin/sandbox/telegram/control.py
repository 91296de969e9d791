"""The control routes and the chat page, for people, the demo and tests.

`/control/send` takes a JSON object with `person` and one of: `text` or `fields`, those of a Message
object (with `reply_to`), `press` (with `message_id`), `voice` (the sample), or `act`: any name in
ACTS, with its arguments in `with`.
A form with `person` and one or more `file` sends files; several form an album. Changes are sent to
the page at once as server-sent events.
"""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from merlin.bot.latex import to_unicode
from merlin.core.errors import MerlinError, Refused
from merlin.core.i18n import keys, language_of, text
from merlin.core.web.browser import get_chosen_language
from merlin.sandbox import web
from merlin.sandbox.speech_samples import SAMPLE_MIME, sample_voice, seconds
from merlin.sandbox.telegram.arguments import Upload
from merlin.sandbox.telegram.user_actions import UserActions
from merlin.sandbox.telegram.world import BOT_NAME, MEMBER_STATUSES, PEOPLE, Chat, Group

PREFIX = "chat-page"
# Displayed in the page; other types are only offered as a download.
DISPLAYED_TYPES = frozenset(
    {
        *("image/png", "image/jpeg", "image/gif", "image/webp"),
        *("audio/ogg", "audio/mpeg", "video/mp4", "video/webm"),
    }
)
# The page does not show other kinds of change.
_PAGE_EVENTS = frozenset({"message", "edit", "action", "answer", "setting", "draft"})
# From a language: the newest commit's progress, shown at the page's right side.
PipelineReader = Callable[[str], Mapping[str, object]]


ACTS = frozenset(
    {"start", "paste", "pay", "stop_generation", "pass_month", "switch_renewal"}
)


class ControlSide:
    """`app`: the ASGI application of `/control/…` and of the chat page.

    Each open page has its own event queue.
    """

    def __init__(
        self,
        actions: UserActions,
        read_pipeline: PipelineReader | None,
        language: str,
        front_url: str = "",
    ) -> None:
        self._actions = actions
        self._world = actions.world
        self._read_pipeline = read_pipeline
        self._language = language
        self._front_url = front_url
        self._queues: set[asyncio.Queue[str | None]] = set()
        self._world.listeners.append(self._on_change)
        app = Starlette(
            routes=[
                Route(
                    "/control/send", web.control_handler(self._send), methods=["POST"]
                ),
                web.view_route(
                    "/control/log",
                    lambda chat: {
                        "messages": [logged.as_json() for logged in actions.log(chat)]
                    },
                ),
                web.view_route("/control/chats", self._chats),
                web.view_route(
                    "/control/formula", lambda latex: {"text": to_unicode(latex)}
                ),
                web.view_route("/control/menu", actions.menu),
                Route("/", self._show),
                # Deep links to the bot, like t.me/<bot>?start=…
                Route(f"/{BOT_NAME}", self._show),
                Route("/texts/{language}.json", self._texts),
                Route("/control/files/{file_id}", self._file),
                Route("/control/pipeline", self._pipeline),
                Route("/control/events", self._events),
                *web.static_routes(),
            ]
        )
        self.app = web.restrict_pages(app)

    def close(self) -> None:
        """End every event stream."""
        for queue in self._queues:
            queue.put_nowait(None)

    def _language_of(self, request: Request) -> str:
        return get_chosen_language(request) or self._language

    async def _show(self, request: Request) -> Response:
        return web.page_response(
            request,
            PREFIX,
            self._language_of(request),
            "chat.html",
            people=[person.name for person in PEOPLE],
            bot_name=BOT_NAME,
            has_pipeline=self._read_pipeline is not None,
            front_url=self._front_url,
        )

    async def _texts(self, request: Request) -> Response:
        language = language_of(request.path_params["language"])
        prefix = f"{PREFIX}-"
        page_keys = sorted(key for key in keys(language) if key.startswith(prefix))
        return JSONResponse(
            {key.removeprefix(prefix): text(language, key) for key in page_keys}
        )

    async def _file(self, request: Request) -> Response:
        file = self._world.files.get(request.path_params["file_id"])
        if file is None:
            return JSONResponse({"error": "no such file"}, 404)
        content = self._world.content(file["file_id"])
        if file["mime"] in DISPLAYED_TYPES:
            return Response(content, media_type=file["mime"])
        headers = {"Content-Disposition": "attachment"}
        return Response(content, media_type="application/octet-stream", headers=headers)

    async def _pipeline(self, request: Request) -> Response:
        """Return the page's right side, 204 if it is as `seen`."""
        language = self._language_of(request)
        read = self._read_pipeline
        progress: Mapping[str, object] | None = None
        with suppress(MerlinError):
            progress = await run_in_threadpool(read, language) if read else None
        seen = f"{zlib.crc32(json.dumps(progress).encode()):x}"
        if request.query_params.get("seen") == seen:
            return Response(status_code=204)
        view: dict[str, Any] = {"progress": progress, "seen": seen}
        return web.page_response(request, PREFIX, language, "way_part.html", **view)

    def _on_change(self, kind: str, change: Mapping[str, Any]) -> None:
        if kind not in _PAGE_EVENTS or not self._queues:
            return
        # For a setting send the name only: its value can be a secret.
        data = {"name": change["name"]} if kind == "setting" else change
        line = f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
        for queue in self._queues:
            queue.put_nowait(line)

    async def _events(self, _request: Request) -> Response:
        headers = {"Cache-Control": "no-store"}
        return StreamingResponse(
            self._stream(), media_type="text/event-stream", headers=headers
        )

    async def _stream(self) -> AsyncIterator[str]:
        """Yield events until the page disconnects or the stand-in stops."""
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._queues.add(queue)
        try:
            yield "retry: 500\n\n"
            while (line := await queue.get()) is not None:
                yield line
        finally:
            self._queues.discard(queue)

    async def _send(self, request: Request) -> Response:
        """Perform an action; respond with `update_id`, or `update_ids` where there are several.

        The people's Telegram language becomes that of the page.
        """
        self._world.set_language(self._language_of(request))
        try:
            if request.headers.get("content-type", "").startswith(
                "multipart/form-data"
            ):
                async with request.form() as form:
                    result = await self._send_files(form)
            else:
                result = self._act(await request.json())
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise Refused(f"not understood: {error}") from error
        return JSONResponse(
            {"update_ids" if isinstance(result, list) else "update_id": result}
        )

    def _act(self, body: dict[str, Any]) -> int | list[int]:
        person = body.get("person", "")
        message_id = int(body.get("message_id") or 0)
        if "act" in body:
            if body["act"] not in ACTS:
                raise Refused(f"people do not {body['act']} here")
            act: Callable[..., int | list[int]] = getattr(self._actions, body["act"])
            return act(person, **(body.get("with") or {}))
        if "press" in body:
            return self._actions.press(person, str(body["press"]), message_id)
        if "voice" in body:
            content = sample_voice(self._actions.person(person).language_code)
            upload = Upload("voice-sample.oga", SAMPLE_MIME, content)
            return self._actions.send_file(
                person, upload, kind="voice", seconds=seconds(content)
            )
        reply_to = int(body.get("reply_to") or 0)
        if "fields" in body:
            return self._actions.send_fields(person, body["fields"], reply_to=reply_to)
        return self._actions.say(person, str(body.get("text", "")), reply_to=reply_to)

    async def _send_files(self, form: FormData) -> int | list[int]:
        files = [part for part in form.getlist("file") if isinstance(part, UploadFile)]
        uploads = [
            Upload(
                file.filename or "file",
                file.content_type or "application/octet-stream",
                await file.read(),
            )
            for file in files
        ]
        images = all(upload.mime.startswith("image/") for upload in uploads)
        person = str(form.get("person", ""))
        caption = str(form.get("caption") or "")
        kind = "photo" if images else "document"
        if len(uploads) == 1:
            return self._actions.send_file(
                person, uploads[0], kind=kind, caption=caption
            )
        return self._actions.send_album(person, uploads, kind=kind, caption=caption)

    def _chats(self) -> dict[str, list[dict[str, Any]]]:
        """Return each person's chats by the person's name: the private chat, then groups."""
        groups = self._world.groups.values()
        values: dict[str, list[dict[str, Any]]] = {}
        for person in PEOPLE:
            joined_groups = [
                group
                for group in groups
                if group.status(person.person_id) in MEMBER_STATUSES
            ]
            chats: list[Chat] = [person, *joined_groups]
            values[person.name] = [
                {
                    "chat_id": chat.chat_id,
                    "person_id": person.person_id,
                    "person": f"{person.name}@{chat.name}"
                    if chat in groups
                    else person.name,
                    "title": chat.title if isinstance(chat, Group) else "Merlin",
                }
                for chat in chats
            ]
        return values
