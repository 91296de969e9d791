"""The arguments of a Bot API call: chat, text, keyboard and command menu; error responses.

Arguments come from the query, a form or a JSON body. Texts come with entities, never a parse_mode:
our bots use entities only. Command menus are stored by scope and language; `menu_for` returns the
one that a person sees in a chat.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

from merlin.core.errors import Refused
from merlin.core.formatted_text import utf16_length
from merlin.sandbox.telegram.rich_messages import find_nodes
from merlin.sandbox.telegram.world import Chat, Group, Person, World


@dataclass(frozen=True, slots=True)
class Upload:
    """A file uploaded with a call."""

    name: str
    mime: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Arguments:
    """Typed access to a call's arguments; a value of a wrong type raises ValueError."""

    values: Mapping[str, Any] = field(default_factory=dict)
    uploads: Mapping[str, Upload] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """Return a text, `default` when it is absent."""
        value = self.values.get(name)
        return default if value is None else str(value)

    def integer(self, name: str, default: int = 0) -> int:
        """Return an integer, `default` when it is absent."""
        value = self.values.get(name)
        return default if value is None or value == "" else int(value)

    def flag(self, name: str) -> bool:
        """Return a Boolean; Telegram accepts true, yes and 1 in any case."""
        return str(self.values.get(name, "")).lower() in {"true", "yes", "1"}

    def parse(self, name: str) -> Any:
        """Return an object or list, sent as JSON or as JSON within a form; None when absent."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        return json.loads(value) if value else None


async def read_arguments(request: Request) -> Arguments:
    """Return the arguments of a call. Raises ValueError when the body cannot be parsed."""
    values: dict[str, Any] = dict(request.query_params)
    uploads: dict[str, Upload] = {}
    if request.headers.get("content-type") == "application/json":
        values.update(await request.json())
    async with request.form() as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                content = await value.read()
                mime = value.content_type or "application/octet-stream"
                uploads[name] = Upload(value.filename or name, mime, content)
            else:
                values[name] = value
    return Arguments(values, uploads)


def target_chat(world: World, arguments: Arguments) -> Chat:
    """Return the chat that a call writes to. Raises BotApiError for an unknown one."""
    chat_id = arguments.text("chat_id")
    digits = chat_id.removeprefix("-")
    chat = world.chat(int(chat_id)) if digits.isdecimal() else None
    if chat is None:
        raise bad_request("chat not found")
    return chat


class BotApiError(Refused):
    """A refused call; its text begins with Telegram's prefix of the status."""

    def __init__(
        self, code: int, description: str, parameters: Mapping[str, int] | None = None
    ) -> None:
        super().__init__(description)
        self.code = code
        self.parameters = parameters

    def as_json(self) -> dict[str, object]:
        """Return the response body."""
        body = {"ok": False, "error_code": self.code, "description": str(self)}
        return {**body, "parameters": self.parameters} if self.parameters else body


def bad_request(text: str) -> BotApiError:
    """Return a 400 error."""
    return BotApiError(400, f"Bad Request: {text}")


def status_error(status: int) -> BotApiError:
    """Return an error with the status's standard text."""
    return BotApiError(status, HTTPStatus(status).phrase)


TEXT_UNITS = 4096
_ENTITY_PATTERNS = {
    "url": re.compile(r"https?://[^\s<>«»\"]+[^\s<>«»\".,;:!?)]"),
    "bot_command": re.compile(
        r"(?<!\S)/[A-Za-z0-9_]{1,32}(?:@[A-Za-z0-9_]{3,32})?(?![\w/])"
    ),
    "mention": re.compile(r"(?<![\w@/])@[A-Za-z][A-Za-z0-9_]{2,31}\b"),
}
Entity = dict[str, Any]


def detect_entities(text: str) -> list[Entity]:
    """Return the entities that Telegram detects in a text typed by a person."""
    entities = []
    spans: list[range] = []
    for kind, pattern in _ENTITY_PATTERNS.items():
        for match in pattern.finditer(text):
            if any(match.start() in span or match.end() - 1 in span for span in spans):
                continue
            spans.append(range(*match.span()))
            offset = utf16_length(text[: match.start()])
            length = utf16_length(match.group())
            entities.append({"type": kind, "offset": offset, "length": length})
    return sorted(entities, key=lambda entity: int(entity["offset"]))


def typed_fields(text: str, name: str = "text") -> dict[str, Any]:
    """Return Message fields of a text or caption typed by a person."""
    return content_fields(text, detect_entities(text), name)


def content_fields(text: str, entities: list[Entity], name: str) -> dict[str, Any]:
    """Return Message fields of a text or caption with its entities."""
    return {name: text, **({_ENTITY_FIELDS[name]: entities} if entities else {})}


_ENTITY_FIELDS = {"text": "entities", "caption": "caption_entities"}


def given_fields(arguments: Arguments, name: str = "text") -> dict[str, Any]:
    """Return Message fields of a call's text or caption."""
    entities: list[Entity] = arguments.parse(_ENTITY_FIELDS[name]) or []
    return content_fields(arguments.text(name), entities, name)


def inline_keyboard(raw: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the inline keyboard as a Message shows it, None for other markups."""
    rows = [row for row in (raw or {}).get("inline_keyboard", []) if row]
    return {"inline_keyboard": rows} if rows else None


def find_button(
    message: Mapping[str, Any], data_or_label: str
) -> dict[str, Any] | None:
    """Return the button below or inside a message whose data, else whose label, is this."""
    rows = [
        *message.get("reply_markup", {}).get("inline_keyboard", []),
        *(
            node.get("buttons") or [node["button"]]
            for node in find_nodes(message.get("rich_message"), "buttons", "button")
        ),
    ]
    buttons = [button for row in rows for button in row]
    for name in ("callback_data", "text"):
        for button in buttons:
            if button.get(name) == data_or_label:
                return dict(button)
    return None


def _menu_setting(arguments: Arguments) -> str:
    """Return the setting's name for the commands of the call's scope and language."""
    scope = arguments.parse("scope") or {"type": "default"}
    return _commands_setting(arguments.text("language_code"), scope["type"])


def _commands_setting(language: str, scope: str) -> str:
    return f"commands:{scope}:{language}"


async def set_my_commands(world: World, arguments: Arguments) -> bool:
    """Answer setMyCommands."""
    world.record(
        "setting", name=_menu_setting(arguments), value=arguments.parse("commands")
    )
    return True


def menu_for(world: World, person: Person, chat: Chat) -> list[dict[str, Any]]:
    """Return the commands that a client offers a person in a chat, by the scopes that our bot uses.

    Source: core.telegram.org/bots/api, "Determining list of commands".
    """
    kind = "all_group_chats" if isinstance(chat, Group) else "all_private_chats"
    for scope in (kind, "default"):
        for language in (person.language_code, ""):
            commands = world.settings.get(_commands_setting(language, scope))
            if commands:
                return list(commands)
    return []
