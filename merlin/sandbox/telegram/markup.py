"""Inline keyboards: what Telegram takes and how it refuses the rest."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from merlin.core.loopback import is_loopback
from merlin.sandbox.telegram.errors import bad_request

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
