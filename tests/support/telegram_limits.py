"""What Telegram refuses, checked before the stand-in answers a call: limits, keyboards, entities.

Texts are normalised as Telegram does: trimmed, measured in UTF-16 units, with entities clipped to
the text. Any parse_mode is refused: our bots use entities only. Limits: the Bot API page ("0-4096
characters after entities parsing") and python-telegram-bot's constants (`MessageLimit`).
"""

import json
import re
from dataclasses import replace
from typing import Any

from merlin.core.formatted_text import utf16_length
from merlin.sandbox.telegram.arguments import TEXT_UNITS, Arguments, Entity, bad_request
from merlin.sandbox.telegram.world import World

CAPTION_UNITS = 1024
MAX_ENTITIES = 100
# With their addresses; measured, and documented nowhere.
MAX_ENTITY_BYTES = 9500
MAX_ANSWER_CHARACTERS = 200
DOWNLOAD_BYTES = 20 * 1024 * 1024
PHOTO_BYTES = 10 * 1024 * 1024
MAX_STARS = 25_000
_MAX_LENGTHS = {"title": 32, "description": 255}
_PAYLOAD_BYTES = 128
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_LOW_SURROGATES = range(0xDC00, 0xE000)
ENTITY_TYPES = frozenset(
    {
        *("bold", "italic", "underline", "strikethrough", "spoiler", "code", "pre"),
        *(
            "blockquote",
            "expandable_blockquote",
            "text_link",
            "text_mention",
            "custom_emoji",
        ),
        *(
            "mention",
            "hashtag",
            "cashtag",
            "bot_command",
            "url",
            "email",
            "phone_number",
        ),
    }
)
TEXT_METHODS = frozenset({"sendMessage", "sendMessageDraft", "editMessageText"})
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
_ENTITY_FIELDS = {"text": "entities", "caption": "caption_entities"}


def check_call(world: World, name: str, arguments: Arguments) -> Arguments:
    """Return a call's arguments with its texts normalised. Raises BotApiError."""
    if name in TEXT_METHODS and "rich_message" not in arguments.values:
        arguments = _normalised(arguments, "text")
        if not arguments.text("text") and name != "sendMessageDraft":
            raise bad_request("message text is empty")
        if utf16_length(arguments.text("text")) > TEXT_UNITS:
            is_new = name != "editMessageText"
            raise bad_request("message is too long" if is_new else "MESSAGE_TOO_LONG")
    elif name in {"sendDocument", "sendPhoto"}:
        arguments = _normalised(arguments, "caption")
        _check_upload(arguments, name.removeprefix("send").lower())
    elif (
        name == "answerCallbackQuery"
        and len(arguments.text("text")) > MAX_ANSWER_CHARACTERS
    ):
        raise bad_request("MESSAGE_TOO_LONG")
    elif name == "sendInvoice":
        _check_invoice(arguments)
    elif name == "setMyCommands":
        _check_commands(arguments.parse("commands"))
    elif name == "getFile":
        file = world.files.get(arguments.text("file_id"), {"file_size": 0})
        if file["file_size"] > DOWNLOAD_BYTES:
            raise bad_request("file is too big")
    _check_keyboard(arguments.parse("reply_markup"))
    return arguments


def _normalised(arguments: Arguments, name: str) -> Arguments:
    text, entities = normalised_text(arguments, name)
    marks = json.dumps(entities)
    return replace(
        arguments, values={**arguments.values, name: text, _ENTITY_FIELDS[name]: marks}
    )


def normalised_text(arguments: Arguments, name: str) -> tuple[str, list[Entity]]:
    """Return the text `name` of a call and its entities, normalised as Telegram does.

    White space at both ends is removed; entities beyond the hundredth are ignored. Raises
    BotApiError when an entity does not lie within the text.
    """
    text = (
        arguments.text(name).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    )
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
    if len(json.dumps(entities)) > MAX_ENTITY_BYTES:
        raise bad_request("ENTITIES_TOO_LONG")
    encoded = text.encode("utf-16-le", "surrogatepass") if entities else b""
    for entity in entities:
        if entity["type"] not in ENTITY_TYPES:
            raise bad_request("can't parse MessageEntity: Unsupported type specified")
        start = entity["offset"]
        end = entity["offset"] + entity["length"]
        if not 0 <= start <= end <= len(encoded) // 2:
            raise bad_request(
                f"entity at UTF-16 offset {start} does not lie on the text"
            )
        # Past the text's end there is no unit; it reads as 0.
        units = (
            int.from_bytes(encoded[at * 2 : at * 2 + 2], "little")
            for at in (start, end)
        )
        if any(unit in _LOW_SURROGATES for unit in units):
            raise bad_request(
                f"entity at UTF-16 offset {start} is in a middle of a UTF-16 symbol"
            )


def _check_keyboard(raw: dict[str, Any] | None) -> None:
    """Raise BotApiError when a button is invalid."""
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
        if (
            not 1
            <= len(button.get("copy_text", {}).get("text", "-"))
            <= COPY_CHARACTERS
        ):
            raise bad_request("BUTTON_COPY_TEXT_INVALID")
        if not button.get("url", "https://").startswith(
            ("http://", "https://", "tg://")
        ):
            raise bad_request(
                f"inline keyboard button URL '{button['url']}' is invalid"
            )


def _check_upload(arguments: Arguments, kind: str) -> None:
    if utf16_length(arguments.text("caption")) > CAPTION_UNITS:
        raise bad_request("message caption is too long")
    upload = arguments.uploads.get(kind)
    if upload is None:
        raise bad_request(f"there is no {kind} in the request")
    if not upload.content:
        raise bad_request("file must be non-empty")
    if kind == "photo" and len(upload.content) > PHOTO_BYTES:
        raise bad_request("file is too big")


def _check_commands(commands: list[dict[str, Any]]) -> None:
    if not all(
        _COMMAND.fullmatch(command["command"]) and command["description"]
        for command in commands
    ):
        raise bad_request("BOT_COMMAND_INVALID")


def _check_invoice(arguments: Arguments) -> None:
    """Raise BotApiError for an invoice that is invalid or not in Stars."""
    for name, max_length in _MAX_LENGTHS.items():
        if not 1 <= len(arguments.text(name)) <= max_length:
            raise bad_request(f"INVOICE_{name.upper()}_INVALID")
    if not 1 <= len(arguments.text("payload").encode()) <= _PAYLOAD_BYTES:
        raise bad_request("INVOICE_PAYLOAD_INVALID")
    if arguments.text("currency") != "XTR":
        raise bad_request("CURRENCY_INVALID")
    prices = arguments.parse("prices")
    amount = int(prices[0]["amount"])
    if (
        len(prices) != 1
        or arguments.text("provider_token")
        or not 1 <= amount <= MAX_STARS
    ):
        raise bad_request("STARS_INVOICE_INVALID")
