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
        *("callback_data", "url", "copy_text", "pay", "web_app"),
        *("switch_inline_query", "switch_inline_query_current_chat"),
    }
)


def checked_markup(raw: dict[str, Any] | None, *, private: bool = True) -> dict[str, Any] | None:
    """Return the inline keyboard as a Message shows it, None for other markups.

    A Mini App opens from `private` chats alone. Raises BotApiError when a button is not as
    Telegram wants it.
    """
    rows = [row for row in (raw or {}).get("inline_keyboard", []) if row]
    buttons = [button for row in rows for button in row]
    if len(buttons) > MOST_BUTTONS or any(len(row) > MOST_IN_ROW for row in rows):
        raise bad_request("reply markup is too long")
    for button in buttons:
        _check_button(button, private=private)
    return {"inline_keyboard": rows} if rows else None


def _check_button(button: dict[str, Any], *, private: bool) -> None:
    if not button["text"].strip() or not _ACTIONS & set(button):
        raise bad_request("Text buttons are unallowed in the inline keyboard")
    if button.get("style") not in {None, *STYLES}:
        raise bad_request("BUTTON_STYLE_INVALID")
    if not 1 <= len(button.get("callback_data", "-").encode()) <= CALLBACK_BYTES:
        raise bad_request("BUTTON_DATA_INVALID")
    if not 1 <= len(button.get("copy_text", {}).get("text", "-")) <= COPY_CHARACTERS:
        raise bad_request("BUTTON_COPY_TEXT_INVALID")
    if not button.get("url", "https://").startswith(("http://", "https://", "tg://")):
        raise bad_request(f"inline keyboard button URL '{button['url']}' is invalid")
    if "web_app" in button:
        if not private:
            raise bad_request("BUTTON_TYPE_INVALID")
        _check_web_app(button["web_app"]["url"])


def _check_web_app(url: str) -> None:
    """Let https pass, and plain http on the loopback, where there is nobody to listen in."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise bad_request(f"Web App URL '{url}' is invalid: Only HTTPS links are allowed")


def find_button(markup: dict[str, Any] | None, wanted: str) -> dict[str, Any] | None:
    """Return the button whose data or label is `wanted`; the data is looked at first."""
    buttons = [button for row in (markup or {}).get("inline_keyboard", []) for button in row]
    for field in ("callback_data", "text"):
        for button in buttons:
            if button.get(field) == wanted:
                return dict(button)
    return None


MOST_COMMANDS = 100
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")


def _menu(arguments: Arguments) -> str:
    """Return the name under which the commands of one scope and language are kept."""
    scope = arguments.parsed("scope") or {"type": "default"}
    places = [scope[name] for name in ("chat_id", "user_id") if name in scope]
    return _name(arguments.text("language_code"), scope["type"], *places)


def _name(language: str, kind: str, *places: object) -> str:
    return f"commands:{':'.join(map(str, (kind, *places)))}:{language}"


async def set_my_commands(world: World, arguments: Arguments) -> bool:
    """Answer setMyCommands."""
    wanted = arguments.parsed("commands")
    if len(wanted) > MOST_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    if not all(_COMMAND.fullmatch(one["command"]) and one["description"] for one in wanted):
        raise bad_request("BOT_COMMAND_INVALID")
    world.record("setting", name=_menu(arguments), value=wanted)
    return True


async def delete_my_commands(world: World, arguments: Arguments) -> bool:
    """Answer deleteMyCommands."""
    world.record("setting", name=_menu(arguments), value=[])
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
