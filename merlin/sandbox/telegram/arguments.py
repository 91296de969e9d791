"""The arguments of a Bot API call: chat, text, keyboard and command menu; error responses.

Arguments come from the query, a form or a JSON body. Texts are normalised as Telegram does:
trimmed, measured in UTF-16 units, with entities clipped to the text. Any parse_mode is refused: our
bots use entities only. Limits: the Bot API page ("0-4096 characters after entities parsing") and
python-telegram-bot's constants (`MessageLimit`). Command menus are stored by scope and language;
`menu_for` returns the one that a person sees in a chat.
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
from merlin.sandbox.telegram.world import BOT_ID, MEMBER_STATUSES, Chat, Group, Person, World


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
    # The stand-in's base URL as the bot calls it, for generated links.
    address: str = ""

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
    return Arguments(values, uploads, f"http://{request.headers.get('host', '')}/")


def target_chat(world: World, arguments: Arguments) -> Chat:
    """Return the chat that a call writes to.

    Raises BotApiError for an unknown chat, a person who blocked the bot, a group without the bot,
    or a group that became a supergroup.
    """
    chat_id = arguments.text("chat_id")
    digits = chat_id.removeprefix("-")
    chat = world.chat(int(chat_id)) if digits.isdecimal() else None
    if chat is None:
        raise bad_request("chat not found")
    if isinstance(chat, Person):
        if chat.person_id in world.blocked:
            raise forbidden("bot was blocked by the user")
        return chat
    if chat.moved_to:
        description = "Bad Request: group chat was upgraded to a supergroup chat"
        raise BotApiError(400, description, {"migrate_to_chat_id": chat.moved_to})
    if chat.status(BOT_ID) == "kicked":
        raise forbidden(f"bot was kicked from the {chat.kind} chat")
    if chat.status(BOT_ID) not in MEMBER_STATUSES:
        raise forbidden(f"bot is not a member of the {chat.kind} chat")
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


def forbidden(text: str) -> BotApiError:
    """Return a 403 error."""
    return BotApiError(403, f"Forbidden: {text}")


def status_error(status: int) -> BotApiError:
    """Return an error with the status's standard text."""
    return BotApiError(status, HTTPStatus(status).phrase)


TEXT_UNITS = 4096
CAPTION_UNITS = 1024
MAX_ENTITIES = 100
_ENTITY_PATTERNS = {
    "url": re.compile(r"https?://[^\s<>«»\"]+[^\s<>«»\".,;:!?)]"),
    "email": re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+\.[\w.-]*\w"),
    "bot_command": re.compile(r"(?<!\S)/[A-Za-z0-9_]{1,32}(?:@[A-Za-z0-9_]{3,32})?(?![\w/])"),
    "mention": re.compile(r"(?<![\w@/])@[A-Za-z][A-Za-z0-9_]{2,31}\b"),
    "hashtag": re.compile(r"(?<![\w#&])#\w*[^\W\d]\w*"),
}
ENTITY_TYPES = frozenset(
    {
        *("bold", "italic", "underline", "strikethrough", "spoiler", "code", "pre"),
        *("blockquote", "expandable_blockquote", "text_link", "text_mention", "custom_emoji"),
        *("mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number"),
    }
)
_LOW_SURROGATES = range(0xDC00, 0xE000)

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
            offset, length = utf16_length(text[: match.start()]), utf16_length(match.group())
            entities.append({"type": kind, "offset": offset, "length": length})
    return sorted(entities, key=lambda entity: int(entity["offset"]))


def typed_fields(text: str, name: str = "text") -> dict[str, Any]:
    """Return Message fields of a text or caption typed by a person."""
    return content_fields(text, detect_entities(text), name)


def content_fields(text: str, entities: list[Entity], name: str) -> dict[str, Any]:
    """Return Message fields of a text or caption with its entities."""
    return {name: text, **({_ENTITY_FIELDS[name]: entities} if entities else {})}


_ENTITY_FIELDS = {"text": "entities", "caption": "caption_entities"}


def normalised_text(arguments: Arguments, name: str = "text") -> tuple[str, list[Entity]]:
    """Return the text `name` of a call and its entities, normalised as Telegram does.

    White space at both ends is removed; entities beyond the hundredth are ignored. Raises
    BotApiError when an entity does not lie within the text.
    """
    text = arguments.text(name).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    if arguments.text("parse_mode"):
        raise bad_request("unsupported parse_mode")
    entities: list[Entity] = arguments.parse(_ENTITY_FIELDS[name]) or []
    _check_entities(entities, text)
    # White space inside the first entity is not removed, so code keeps its indentation.
    first = min((entity["offset"] for entity in entities), default=len(text))
    trimmed = min(len(text) - len(text.lstrip()), first)
    text = text[trimmed:].rstrip()
    length = utf16_length(text)
    fitting = []
    for entity in entities:
        start = max(entity["offset"] - trimmed, 0)
        end = min(entity["offset"] - trimmed + entity["length"], length)
        if end > start:
            fitting.append({**entity, "offset": start, "length": end - start})
    fitting.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    return text, fitting[:MAX_ENTITIES]


def _check_entities(entities: list[Entity], text: str) -> None:
    """Raise BotApiError for an unknown entity type, or one that splits a character."""
    encoded = text.encode("utf-16-le", "surrogatepass") if entities else b""
    for entity in entities:
        if entity["type"] not in ENTITY_TYPES:
            raise bad_request("can't parse MessageEntity: Unsupported type specified")
        start, end = entity["offset"], entity["offset"] + entity["length"]
        if not 0 <= start <= end <= len(encoded) // 2:
            raise bad_request(f"entity at UTF-16 offset {start} does not lie on the text")
        # Past the text's end there is no unit; it reads as 0.
        units = (int.from_bytes(encoded[at * 2 : at * 2 + 2], "little") for at in (start, end))
        if any(unit in _LOW_SURROGATES for unit in units):
            raise bad_request(f"entity at UTF-16 offset {start} is in a middle of a UTF-16 symbol")


MAX_BUTTONS = 100
CALLBACK_BYTES = 64
COPY_CHARACTERS = 256
MAX_PER_ROW = 8
STYLES = frozenset({"primary", "success", "danger"})
_BUTTON_ACTIONS = frozenset(
    {
        *("callback_data", "url", "copy_text", "pay"),
        *("switch_inline_query", "switch_inline_query_current_chat"),
    }
)


def inline_keyboard(raw: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the inline keyboard as a Message shows it, None for other markups.

    Raises BotApiError when a button is invalid.
    """
    rows = [row for row in (raw or {}).get("inline_keyboard", []) if row]
    buttons = [button for row in rows for button in row]
    if len(buttons) > MAX_BUTTONS or any(len(row) > MAX_PER_ROW for row in rows):
        raise bad_request("reply markup is too long")
    for button in buttons:
        if not button["text"].strip() or not _BUTTON_ACTIONS & set(button):
            raise bad_request("Text buttons are unallowed in the inline keyboard")
        if button.get("style") not in {None, *STYLES}:
            raise bad_request("BUTTON_STYLE_INVALID")
        if not 1 <= len(button.get("callback_data", "-").encode()) <= CALLBACK_BYTES:
            raise bad_request("BUTTON_DATA_INVALID")
        if not 1 <= len(button.get("copy_text", {}).get("text", "-")) <= COPY_CHARACTERS:
            raise bad_request("BUTTON_COPY_TEXT_INVALID")
        if not button.get("url", "https://").startswith(("http://", "https://", "tg://")):
            raise bad_request(f"inline keyboard button URL '{button['url']}' is invalid")
    return {"inline_keyboard": rows} if rows else None


def find_button(markup: dict[str, Any] | None, data_or_label: str) -> dict[str, Any] | None:
    """Return the button whose data, else whose label, is `data_or_label`."""
    buttons = [button for row in (markup or {}).get("inline_keyboard", []) for button in row]
    for name in ("callback_data", "text"):
        for button in buttons:
            if button.get(name) == data_or_label:
                return dict(button)
    return None


_COMMAND = re.compile(r"[a-z0-9_]{1,32}")


def _menu_setting(arguments: Arguments) -> str:
    """Return the setting's name for the commands of the call's scope and language."""
    scope = arguments.parse("scope") or {"type": "default"}
    ids = [scope["chat_id"]] if "chat_id" in scope else []
    return _commands_setting(arguments.text("language_code"), scope["type"], *ids)


def _commands_setting(language: str, *scope: object) -> str:
    return f"commands:{':'.join(map(str, scope))}:{language}"


async def set_my_commands(world: World, arguments: Arguments) -> bool:
    """Answer setMyCommands."""
    commands = arguments.parse("commands")
    if not all(
        _COMMAND.fullmatch(command["command"]) and command["description"] for command in commands
    ):
        raise bad_request("BOT_COMMAND_INVALID")
    world.record("setting", name=_menu_setting(arguments), value=commands)
    return True


async def delete_my_commands(world: World, arguments: Arguments) -> bool:
    """Answer deleteMyCommands."""
    world.record("setting", name=_menu_setting(arguments), value=[])
    return True


def menu_for(world: World, person: Person, chat: Chat) -> list[dict[str, Any]]:
    """Return the commands that a client offers a person in a chat, by the scopes that our bot uses.

    Source: core.telegram.org/bots/api, "Determining list of commands".
    """
    kind = "all_group_chats" if isinstance(chat, Group) else "all_private_chats"
    for scope in (("chat", chat.chat_id), (kind,), ("default",)):
        for language in (person.language_code, ""):
            commands = world.settings.get(_commands_setting(language, *scope))
            if commands:
                return list(commands)
    return []
