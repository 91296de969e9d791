"""What `/control/send` is asked for, as an act of somebody's.

A JSON object with `person` and one of: `text` (with `reply_to`, or `message_id` of an own message
to correct), `press` (with `message_id`), `block`, `voice` (the sample), `switch` (with `on`; the
bot's owner at BotFather), or `act` with the name of any act in ACTS and its arguments in `with`.
A form with `person` and one or more `file` sends files; several of them are an album.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from merlin.core.errors import Refused
from merlin.sandbox.telegram.acting import Acting
from merlin.sandbox.telegram.arguments import Upload
from merlin.sandbox.voice import SAMPLE_MIME, sample_voice, seconds

ACTS = frozenset(
    {
        *("say", "start", "paste", "edit", "forward", "forward_words"),
        *("press", "react", "block", "ask_inline", "choose"),
        *("make_group", "set_bot", "join", "leave", "migrate"),
        *("make_topic", "rename_topic", "close_topic"),
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
