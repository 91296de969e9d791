"""The arguments of one call, whom it is for, and how Telegram refuses it, in its own words.

Arguments come from a query, a form, a multipart form or a JSON body.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.requests import Request

from merlin.core.errors import Refused
from merlin.sandbox.telegram.world import BOT_ID, PRESENT, Chat, Group, LoggedMessage, World


@dataclass(frozen=True, slots=True)
class Upload:
    """A file sent with a call."""

    name: str
    mime: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Arguments:
    """Typed reading of what a bot sent; a value of another type raises ValueError."""

    values: Mapping[str, Any] = field(default_factory=dict)
    uploads: Mapping[str, Upload] = field(default_factory=dict)
    # Where the stand-in is, as the bot calls it: what it makes links of.
    address: str = ""

    def text(self, name: str, default: str = "") -> str:
        """Return a text, `default` when it was not sent."""
        value = self.values.get(name)
        return default if value is None else str(value)

    def integer(self, name: str, default: int = 0) -> int:
        """Return a whole number."""
        value = self.values.get(name)
        if value is None or value == "":
            return default
        return int(value)

    def flag(self, name: str) -> bool:
        """Return a Boolean; Telegram takes true, yes and 1 in any case."""
        return str(self.values.get(name, "")).lower() in {"true", "yes", "1"}

    def parsed(self, name: str) -> Any:
        """Return an object or list, sent as JSON or as JSON within a form; None when not sent."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        return json.loads(value)

    def upload(self, name: str) -> Upload | None:
        """Return the file sent as `name`, directly or by `attach://`."""
        value = self.values.get(name)
        if isinstance(value, str) and value.startswith("attach://"):
            return self.uploads.get(value.removeprefix("attach://"))
        return self.uploads.get(name)


async def read_arguments(request: Request) -> Arguments:
    """Return the arguments of a call. Raises ValueError when the body cannot be read."""
    values: dict[str, Any] = dict(parse_qsl(request.scope["query_string"].decode("latin-1")))
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    address = f"http://{request.headers.get('host', '')}/"
    if kind == "multipart/form-data":
        return replace(await _multipart(request, values), address=address)
    body = await request.body()
    if kind == "application/json" and body:
        values.update(json.loads(body))
    elif body:
        values.update(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return Arguments(values, address=address)


async def _multipart(request: Request, values: dict[str, Any]) -> Arguments:
    uploads: dict[str, Upload] = {}
    async with request.form() as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                content = await value.read()
                mime = value.content_type or "application/octet-stream"
                uploads[name] = Upload(value.filename or name, mime, content)
            else:
                values[name] = value
    return Arguments(values, uploads)


def receiver(world: World, arguments: Arguments) -> Chat:
    """Return the chat that a call speaks to.

    Raises BotApiError for no chat, a person who blocked the bot, a group that it is not in or
    that became a supergroup.
    """
    wanted = arguments.text("chat_id")
    if not wanted:
        raise bad_request("chat_id is empty")
    number = wanted.removeprefix("-")
    chat = world.chat(int(wanted)) if number.isdecimal() else None
    if chat is None:
        raise bad_request("chat not found")
    if isinstance(chat, Group):
        _check_group(chat)
    elif chat.person_id in world.blocked:
        raise forbidden("bot was blocked by the user")
    return chat


def _check_group(group: Group) -> None:
    if group.moved_to:
        raise BotApiError(
            400,
            "Bad Request: group chat was upgraded to a supergroup chat",
            {"migrate_to_chat_id": group.moved_to},
        )
    status = group.status(BOT_ID)
    if status == "kicked":
        raise forbidden(f"bot was kicked from the {group.kind} chat")
    if status not in PRESENT:
        raise forbidden(f"bot is not a member of the {group.kind} chat")


def find_message(world: World, arguments: Arguments, missing: str) -> LoggedMessage:
    """Return the message that a call speaks of. Raises BotApiError when it is not there."""
    chat = receiver(world, arguments)
    message_id = arguments.integer("message_id")
    if not message_id:
        raise bad_request("message identifier is not specified")
    logged = world.messages.get(chat.chat_id, {}).get(message_id)
    if logged is None or logged.deleted_at:
        raise bad_request(missing)
    return logged


def find_inline_message(world: World, arguments: Arguments) -> LoggedMessage:
    """Return the message sent through inline mode that a call names by its inline id."""
    place = world.inline_messages.get(arguments.text("inline_message_id"))
    if place is None:
        raise bad_request("MESSAGE_ID_INVALID")
    chat_id, message_id = place
    return world.messages[chat_id][message_id]


class BotApiError(Refused):
    """One refused call; `description` already has Telegram's leading words."""

    def __init__(
        self, code: int, description: str, parameters: Mapping[str, int] | None = None
    ) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def as_json(self) -> dict[str, object]:
        """Return the answer's body."""
        body: dict[str, object] = {
            "ok": False,
            "error_code": self.code,
            "description": self.description,
        }
        if self.parameters:
            body["parameters"] = dict(self.parameters)
        return body


def bad_request(text: str) -> BotApiError:
    """Return the answer to a call that can never succeed as it is."""
    return BotApiError(400, f"Bad Request: {text}")


def forbidden(text: str) -> BotApiError:
    """Return the answer to a call that a person's choice forbids."""
    return BotApiError(403, f"Forbidden: {text}")


def conflict(text: str) -> BotApiError:
    """Return the answer to a second poller."""
    return BotApiError(409, f"Conflict: {text}")


def of_status(status: int, retry_after_s: int | None = None) -> BotApiError:
    """Return the answer of a bare status; 429 tells how long to wait."""
    words = HTTPStatus(status).phrase
    if retry_after_s is None:
        return BotApiError(status, words)
    wait = {"retry_after": retry_after_s}
    return BotApiError(status, f"{words}: retry after {retry_after_s}", wait)
