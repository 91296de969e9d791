"""Inline keyboards, and menus of commands.

Keyboards: what Telegram takes and how it refuses the rest. Menus are kept by scope and language;
`menu_for` tells which of them a person sees in a chat.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from merlin.core.loopback import is_loopback
from merlin.sandbox.telegram.arguments import Arguments, bad_request
from merlin.sandbox.telegram.world import LEADING, Chat, Group, Person, World

MOST_BUTTONS = 100
CALLBACK_BYTES = 64
COPY_CHARACTERS = 256
MOST_IN_ROW = 8
STYLES = frozenset({"primary", "success", "danger"})
_ACTIONS = frozenset(
    {
        "callback_data",
        "url",
        "copy_text",
        "pay",
        "web_app",
        "login_url",
        "switch_inline_query",
        "switch_inline_query_current_chat",
        "switch_inline_query_chosen_chat",
        "callback_game",
    }
)


def checked_markup(raw: object, *, private: bool = True) -> dict[str, Any] | None:
    """Return the inline keyboard as a Message shows it, None for other markups.

    A Mini App opens from `private` chats alone. Raises BotApiError when a button is not as
    Telegram wants it.
    """
    if raw is None or raw == "":
        return None
    if not isinstance(raw, dict):
        raise bad_request("object expected as reply markup")
    if "inline_keyboard" not in raw:
        return None
    rows = raw["inline_keyboard"]
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request('field "inline_keyboard" of the InlineKeyboardMarkup must be an Array')
    kept = [[_checked_button(button) for button in row] for row in rows if row]
    if sum(len(row) for row in kept) > MOST_BUTTONS or any(len(row) > MOST_IN_ROW for row in kept):
        raise bad_request("reply markup is too long")
    if not private and any("web_app" in button for row in kept for button in row):
        raise bad_request("BUTTON_TYPE_INVALID")
    return {"inline_keyboard": kept} if kept else None


def _checked_button(raw: object) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise bad_request("can't parse inline keyboard button: Object expected")
    if not str(raw.get("text", "")).strip():
        raise bad_request("can't parse inline keyboard button: Button text must be non-empty")
    if not _ACTIONS & set(raw):
        raise bad_request("Text buttons are unallowed in the inline keyboard")
    if raw.get("style") not in {None, "", *STYLES}:
        raise bad_request("BUTTON_STYLE_INVALID")
    _check_action(raw)
    return dict(raw)


def _check_action(raw: dict[str, Any]) -> None:
    """Refuse an action that Telegram would refuse."""
    if "callback_data" in raw:
        size = len(str(raw["callback_data"]).encode())
        if not 1 <= size <= CALLBACK_BYTES:
            raise bad_request("BUTTON_DATA_INVALID")
    if "copy_text" in raw and not 1 <= len(_copied(raw)) <= COPY_CHARACTERS:
        raise bad_request("BUTTON_COPY_TEXT_INVALID")
    if "url" in raw and not str(raw["url"]).startswith(("http://", "https://", "tg://")):
        raise bad_request(f"inline keyboard button URL '{raw['url']}' is invalid: Wrong HTTP URL")
    if "web_app" in raw:
        _check_app(raw["web_app"])


def _check_app(raw: object) -> None:
    """Let https pass, and plain http on the loopback, where there is nobody to listen in."""
    url = str(raw.get("url", "")) if isinstance(raw, dict) else ""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise bad_request(
            f"inline keyboard button Web App URL '{url}' is invalid: Only HTTPS links are allowed"
        )


def _copied(button: dict[str, Any]) -> str:
    field = button["copy_text"]
    return str(field.get("text", "")) if isinstance(field, dict) else ""


def find_button(markup: dict[str, Any] | None, wanted: str) -> dict[str, Any] | None:
    """Return the button whose data or label is `wanted`; the data is looked at first."""
    buttons = [button for row in (markup or {}).get("inline_keyboard", []) for button in row]
    for field in ("callback_data", "text"):
        for button in buttons:
            if button.get(field) == wanted:
                return dict(button)
    return None


MOST_COMMANDS = 100
DESCRIPTION_CHARACTERS = 256
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_LANGUAGE = re.compile(r"([a-z]{2})?")
_SCOPES = {
    "default": (),
    "all_private_chats": (),
    "all_group_chats": (),
    "all_chat_administrators": (),
    "chat": ("chat_id",),
    "chat_administrators": ("chat_id",),
    "chat_member": ("chat_id", "user_id"),
}


def _menu(world: World, arguments: Arguments) -> str:
    """Return the name under which the commands of one scope and language are kept."""
    scope = arguments.parsed("scope") or {"type": "default"}
    kind = scope.get("type") if isinstance(scope, dict) else None
    if kind not in _SCOPES:
        raise bad_request("can't parse BotCommandScope: Unsupported type specified")
    places = [str(scope.get(name, "")) for name in _SCOPES[kind]]
    if places and not _is_chat(world, places[0]):
        raise bad_request("chat not found")
    language = arguments.text("language_code")
    if not _LANGUAGE.fullmatch(language):
        raise bad_request("invalid language code specified")
    return _name(language, kind, *places)


def _is_chat(world: World, chat_id: str) -> bool:
    return chat_id.removeprefix("-").isdecimal() and world.chat(int(chat_id)) is not None


def _name(language: str, kind: str, *places: object) -> str:
    return f"commands:{':'.join(map(str, (kind, *places)))}:{language}"


async def set_my_commands(world: World, arguments: Arguments) -> bool:
    """Answer setMyCommands."""
    wanted = arguments.parsed("commands")
    if not isinstance(wanted, list) or len(wanted) > MOST_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    for one in wanted:
        if not _COMMAND.fullmatch(str(one.get("command", "")).removeprefix("/")):
            raise bad_request("BOT_COMMAND_INVALID")
        if not 1 <= len(str(one.get("description", ""))) <= DESCRIPTION_CHARACTERS:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    world.record("setting", name=_menu(world, arguments), value=wanted)
    return True


async def delete_my_commands(world: World, arguments: Arguments) -> bool:
    """Answer deleteMyCommands."""
    world.record("setting", name=_menu(world, arguments), value=[])
    return True


def menu_for(world: World, person: Person, chat: Chat) -> list[dict[str, Any]]:
    """Return the commands that a client offers a person in a chat.

    Source: core.telegram.org/bots/api, "Determining list of commands".
    """
    for kind, *places in _narrowest_first(person, chat):
        for language in (person.language_code, ""):
            found = world.settings.get(_name(language, str(kind), *places))
            if found:
                return list(found)
    return []


def _narrowest_first(person: Person, chat: Chat) -> Iterator[tuple[object, ...]]:
    if isinstance(chat, Group):
        leads = chat.status(person.person_id) in LEADING
        yield "chat_member", chat.chat_id, person.person_id
        if leads:
            yield "chat_administrators", chat.chat_id
        yield "chat", chat.chat_id
        if leads:
            yield ("all_chat_administrators",)
        yield ("all_group_chats",)
    else:
        yield "chat", chat.chat_id
        yield ("all_private_chats",)
    yield ("default",)
