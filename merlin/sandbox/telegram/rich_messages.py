"""What a rich message may contain: BLOCKS and TEXTS, and the check by these tables.

A row has the fields of one `type` with their readers; a name that ends in "?" may be absent.
Names, limits and codes in capitals are those of Bot API 10.4. The check is stricter than Telegram,
which ignores unknown fields: what Merlin sends with a misspelt name would be lost in silence.
Lengths count UTF-16 units; list items and table rows count as blocks and as levels.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from merlin.core.errors import Refused
from merlin.core.formatted_text import utf16_length

Json = dict[str, Any]
MAX_UNITS = 32_768
MAX_BLOCKS = 500
MAX_LEVELS = 16
MAX_MEDIA = 50
MAX_COLUMNS = 20
MAX_BUTTONS = 8
CALLBACK_BYTES = 64


class RichMessageError(Refused):
    """A rich message that is refused; its text is the Bot API's, without "Bad Request: "."""


def check_rich_message(
    message: Mapping[str, Any] | None, *, by_bot: bool = True, is_draft: bool = False
) -> Json:
    """Return an InputRichMessage as the RichMessage of an answer, with the labels of lists.

    `by_bot` is False for the RichMessage of a person, a channel or another bot. Raises
    RichMessageError with the error text of the Bot API.
    """
    message = message if isinstance(message, Mapping) else {}
    for name in message.keys() - {"blocks", "is_rtl", "skip_entity_detection"}:
        if name in {"html", "markdown", "media"}:
            raise RichMessageError(f"the stand-in takes blocks only, and no {name}")
        raise _not_parsed(f'field "{name}" is unknown', "InputRichMessage")
    if not message.get("blocks"):
        raise RichMessageError("rich message must be non-empty")
    check = _Check(by_bot, is_draft)
    blocks = _blocks(check, message["blocks"], 1)
    check.require_limits(detects=by_bot and not message.get("skip_entity_detection"))
    return {"blocks": blocks, **({"is_rtl": True} if message.get("is_rtl") else {})}


def check_blocks(
    blocks: Sequence[Any], *, by_bot: bool = True, is_draft: bool = False
) -> list[Json]:
    """Return blocks sent without entity detection as the answer has them.

    Raises RichMessageError with the error text of the Bot API.
    """
    message = {"blocks": blocks, "skip_entity_detection": True}
    return list(check_rich_message(message, by_bot=by_bot, is_draft=is_draft)["blocks"])


_TEXT_FIELDS = (
    *("summary", "label", "text", "expression", "alternative_text", "button"),
    *("buttons", "blocks", "items", "caption", "cells", "credit"),
)

_LINES = frozenset({"blocks", "items", "cells", "buttons"})


def plain_text(value: Any, separator: str = "") -> str:
    """Return the words of a rich message, a block or a rich text: blocks and rows as lines."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "\n".join(
            plain_text(value[name], "\n" if name in _LINES else "")
            for name in _TEXT_FIELDS
            if name in value
        )
    inner = " | " if separator else ""
    return separator.join(plain_text(part, inner) for part in value)


def find_nodes(value: Any, *kinds: str) -> list[Json]:
    """Return the blocks and text nodes of these types, anywhere in a rich message."""
    if isinstance(value, list):
        return [node for part in value for node in find_nodes(part, *kinds)]
    if not isinstance(value, dict):
        return []
    own = [value] if value.get("type") in kinds else []
    return own + find_nodes(list(value.values()), *kinds)


def _not_parsed(text: str, what: str = "InputRichBlock") -> RichMessageError:
    return RichMessageError(f"can't parse {what}: {text}")


# What Telegram finds in a text, and can find wrongly; a bot turns it off.
_DETECTED = {
    "EMAIL": re.compile(r"[^\s@]@[^\s@]+\.\w"),
    "URL": re.compile(r"\w://\S|\b[a-z0-9-]{2,}\.(?:com|org|net|ru|io|me)\b"),
    "MENTION": re.compile(r"(?<!\w)@\w{3}"),
    "HASHTAG": re.compile(r"(?<!\w)#\w*[^\W\d_]"),
    "CASHTAG": re.compile(r"(?<!\w)\$[A-Z]{3,8}\b"),
    "BOT_COMMAND": re.compile(r"(?<!\S)/\w"),
    "PHONE": re.compile(r"\+\d[\d ()-]{8}"),
    "BANK_CARD": re.compile(r"(?:\d[ -]?){13}"),
}


@dataclass(slots=True)
class _Check:
    """What one message has so far."""

    by_bot: bool
    is_draft: bool
    texts: list[str] = field(default_factory=list)
    blocks: int = 0
    media: int = 0
    columns: int = 0

    def require_limits(self, *, detects: bool) -> None:
        units = sum(map(utf16_length, self.texts))
        errors = {
            "TEXT_TOO_LONG": units > MAX_UNITS,
            "BLOCKS_TOO_MANY": self.blocks > MAX_BLOCKS,
            "MEDIA_TOO_MANY": self.media > MAX_MEDIA,
            "TABLE_COLS_TOO_MANY": self.columns > MAX_COLUMNS,
            **{
                f"{code}_INVALID": detects and any(map(pattern.search, self.texts))
                for code, pattern in _DETECTED.items()
            },
        }
        for code, is_wrong in errors.items():
            if is_wrong:
                raise RichMessageError(f"RICH_MESSAGE_{code}")

    def enter(self, level: int, blocks: int = 0) -> None:
        self.blocks += blocks
        if level > MAX_LEVELS:
            raise RichMessageError("RICH_MESSAGE_DEPTH_INVALID")

    def read(self, value: Any, fields: "Fields", level: int) -> Json:
        """Return an object with the fields of a row, each read by its reader."""
        if not isinstance(value, dict):
            raise _not_parsed("expected an object")
        names = {name.removesuffix("?"): name for name in fields}
        for name in value.keys() - names:
            raise _not_parsed(f'field "{name}" is unknown')
        for name, marked in names.items():
            if name == marked and name not in value:
                raise _not_parsed(f'Can\'t find field "{name}"')
        return {
            name: fields[names[name]](self, part, level) for name, part in value.items()
        }

    def read_typed(self, value: Any, rows: Mapping[str, "Fields"], level: int) -> Json:
        """Return an object that has the fields of its type's row."""
        kind = value.get("type") if isinstance(value, dict) else value
        if not isinstance(kind, str) or kind not in rows:
            raise _not_parsed(f'type "{kind}" is unsupported')
        return self.read(value, {"type": _string, **rows[kind]}, level)


Reader = Callable[[_Check, Any, int], Any]
Fields = Mapping[str, Reader]


def _where(accepts: Callable[[Any], object], error: str) -> Reader:
    """Return a reader of values for which `accepts` is true."""

    def read(_check: _Check, value: Any, _level: int) -> Any:
        if not accepts(value):
            raise RichMessageError(error)
        return value

    return read


def _is(*kinds: type) -> Reader:
    error = f"can't parse InputRichBlock: expected {kinds[-1].__name__}"
    return _where(lambda value: type(value) in kinds, error)


def _one_of(values: Sequence[Any], error: str) -> Reader:
    return _where(lambda value: value in values and not isinstance(value, bool), error)


def _matching(code: str, pattern: str) -> Reader:
    return _where(
        lambda value: isinstance(value, str) and re.fullmatch(pattern, value),
        f"RICH_MESSAGE_{code}_INVALID",
    )


def _part(fields: Fields) -> Reader:
    return lambda check, value, level: check.read(value, fields, level)


_flag, _integer, _object, _string = map(_is, (bool, int, dict, str))
_number = _is(int, float)


def _counted(check: _Check, value: Any, level: int) -> str:
    """Read a string whose characters count."""
    text = str(_string(check, value, level))
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise RichMessageError("strings must be encoded in UTF-8")
    check.texts.append(text)
    return text


def _text(
    check: _Check, value: Any, level: int, rows: "Mapping[str, Fields] | None" = None
) -> Any:
    """Read a rich text: a string, an array of rich texts, or a node."""
    if isinstance(value, str):
        return _counted(check, value, level)
    if isinstance(value, list):
        check.enter(level - 1)
        return [
            _text(check, part, level + isinstance(part, list), rows) for part in value
        ]
    check.enter(level)
    node = check.read_typed(value, rows or TEXTS, level + 1)
    if check.by_bot and node["type"] in {"mention", "bot_command"}:
        raise RichMessageError("RICH_VALIDATE_CTOR_NOT_ALLOWED")
    return node


def _content(check: _Check, value: Any, level: int) -> Any:
    """Read a rich text that is not empty."""
    start = len(check.texts)
    text = _text(check, value, level)
    if not "".join(check.texts[start:]).strip():
        raise RichMessageError("RICH_MESSAGE_CONTENT_REQUIRED")
    return text


def _formula(check: _Check, value: Any, level: int) -> Any:
    return _content(check, _string(check, value, level), level)


def _label(check: _Check, value: Any, level: int) -> Any:
    """Read a button's text, which has no styles."""
    rows = {kind: TEXTS[kind] for kind in ("custom_emoji", "date_time")}
    return _text(check, value, level, rows)


def _array(value: Any, error: str = "RICH_MESSAGE_CONTENT_REQUIRED") -> list[Any]:
    """Return an array that is not empty."""
    if not isinstance(value, list) or not value:
        raise RichMessageError(error)
    return value


def _blocks(check: _Check, value: Any, level: int) -> list[Json]:
    blocks = []
    for block in _array(value):
        check.enter(level, blocks=1)
        blocks.append(check.read_typed(block, BLOCKS, level + 1))
        if blocks[-1]["type"] == "thinking" and not check.is_draft:
            raise RichMessageError("Block is not allowed")
    return blocks


def _items(check: _Check, value: Any, level: int) -> list[Json]:
    """Read the items of a list; fill the labels, which a bot doesn't send."""
    items: list[Json] = []
    number = 0
    for raw in _array(value, "List must be non-empty"):
        check.enter(level, blocks=1)
        item = check.read(raw, _BOT_ITEM if check.by_bot else _ITEM, level + 1)
        if ("type" in item) is not ("type" in (items or [item])[0]):
            raise RichMessageError("List must be either ordered or unordered")
        if "value" in item and "type" not in item:
            raise RichMessageError("value of a list item counts only with its type")
        number = item.get("value", number + 1)
        items.append({"label": f"{number}." if "type" in item else "•", **item})
    return items


def _rows(check: _Check, value: Any, level: int) -> list[list[Json]]:
    """Read a table's rows; count their columns with the cells that reach down into them."""
    columns: Counter[int] = Counter()
    table = []
    for number, row in enumerate(_array(value)):
        check.enter(level, blocks=1)
        if None in _array(row):
            raise RichMessageError("Table cell must be non-empty")
        table.append([check.read(cell, _CELL, level + 1) for cell in row])
        for cell in table[-1]:
            for below in range(min(cell.get("rowspan", 1), len(value))):
                columns[number + below] += cell.get("colspan", 1)
    check.columns = max(check.columns, *columns.values())
    return table


def _media(check: _Check, value: Any, _level: int) -> Any:
    if check.by_bot:
        raise RichMessageError("the stand-in takes no media in blocks of the bot")
    check.media += 1
    return value


_ACTIONS = (
    *("url", "callback_data", "web_app", "login_url", "copy_text", "disabled"),
    *("switch_inline_query", "switch_inline_query_current_chat"),
    "switch_inline_query_chosen_chat",
)


def _buttons(check: _Check, value: Any, level: int) -> list[Json]:
    if len(_array(value)) > MAX_BUTTONS:
        raise RichMessageError("a block has 1 to 8 buttons")
    return [_button(check, button, level) for button in value]


def _button(check: _Check, value: Any, level: int) -> Json:
    button = check.read(value, _BUTTON, level)
    if sum(name in button for name in _ACTIONS) != 1:
        raise RichMessageError("Text buttons are unallowed")
    if not 1 <= len(str(button.get("callback_data", "-")).encode()) <= CALLBACK_BYTES:
        raise RichMessageError("BUTTON_DATA_INVALID")
    if button.get("style") == "link" and "callback_data" not in button:
        raise RichMessageError("BUTTON_STYLE_INVALID")
    return button


_alignment = _one_of(("left", "center", "right"), "Invalid alignment specified")
_url = _matching("URL", r"(?:https?://|mailto:|tg://)\S+")
_CAPTION: Fields = {"caption?": _part({"text": _content, "credit?": _content})}
_BOT_ITEM: Fields = {
    "blocks": _blocks,
    "has_checkbox?": _flag,
    "is_checked?": _flag,
    "value?": _integer,
    "type?": _one_of(("1",), "the stand-in numbers lists by 1, 2, 3 only"),
}
_ITEM: Fields = {
    **_BOT_ITEM,
    "label": _string,
    "type?": _one_of(("a", "A", "i", "I", "1"), "Invalid list item type specified"),
}
_CELL: Fields = {
    "text?": _text,
    "is_header?": _flag,
    **{
        f"{span}?": _one_of(range(1, 1 << 31), f"Invalid table cell {span} specified")
        for span in ("colspan", "rowspan")
    },
    "align": _alignment,
    "valign": _one_of(("top", "middle", "bottom"), "Invalid alignment specified"),
}
_BUTTON: Fields = {
    "text": _label,
    "style?": _one_of(("danger", "success", "primary", "link"), "BUTTON_STYLE_INVALID"),
    **dict.fromkeys((f"{name}?" for name in _ACTIONS), _is(dict, str)),
    "url?": _url,
}

BLOCKS: Mapping[str, Fields] = {
    "paragraph": {"text": _content},
    "heading": {
        "text": _content,
        "size": _one_of(range(1, 7), "Invalid section heading size specified"),
    },
    "pre": {"text": _content, "language?": _string},
    "footer": {"text": _content},
    "divider": {},
    "mathematical_expression": {"expression": _formula},
    "anchor": {"name": _string},
    "list": {"items": _items},
    "blockquote": {"blocks": _blocks, "credit?": _content},
    "expandable_blockquote": {"text": _content, "credit?": _content},
    "pullquote": {"text": _content, "credit?": _content},
    "collage": {"blocks": _blocks, **_CAPTION},
    "slideshow": {"blocks": _blocks, **_CAPTION},
    "table": {
        "cells": _rows,
        "caption?": _content,
        "is_bordered?": _flag,
        "is_striped?": _flag,
        "is_compact?": _flag,
    },
    "details": {"summary": _content, "blocks": _blocks, "is_open?": _flag},
    "map": {
        "location": _part({"latitude": _number, "longitude": _number}),
        **dict.fromkeys(("zoom", "width", "height"), _integer),
        **_CAPTION,
    },
    **{
        kind: {kind: _media, "has_spoiler?": _flag, **_CAPTION}
        for kind in ("animation", "photo", "video")
    },
    **{
        kind: {kind: _media, **_CAPTION} for kind in ("audio", "document", "voice_note")
    },
    "buttons": {"buttons": _buttons, "align?": _alignment},
    "thinking": {"text": _content},
}

TEXTS: Mapping[str, Fields] = {
    **{
        style: {"text": _content}
        for style in (
            *("bold", "italic", "underline", "strikethrough", "spoiler", "subscript"),
            *("superscript", "marked", "code"),
        )
    },
    "date_time": {"text": _content, "unix_time": _integer, "date_time_format": _string},
    "text_mention": {"text": _content, "user": _object},
    "mention": {"text": _content, "username": _matching("MENTION", r"\w{3,32}")},
    "custom_emoji": {
        "custom_emoji_id": _matching("EMOJI", r"\d+"),
        "alternative_text": _counted,
    },
    "mathematical_expression": {"expression": _formula},
    "url": {"text": _content, "url": _url},
    "email_address": {
        "text": _content,
        "email_address": _matching("EMAIL", r"[^\s@]+@[^\s@]+"),
    },
    "phone_number": {
        "text": _content,
        "phone_number": _matching("PHONE", r"\+?[\d ()-]{3,}"),
    },
    "bank_card_number": {
        "text": _content,
        "bank_card_number": _matching("BANK_CARD", r"[\d ]{13,23}"),
    },
    "hashtag": {"text": _content, "hashtag": _matching("HASHTAG", r"#?\w+")},
    "cashtag": {"text": _content, "cashtag": _matching("CASHTAG", r"\$?[A-Z]+")},
    "bot_command": {
        "text": _content,
        "bot_command": _matching("BOT_COMMAND", r"/?\w+(?:@\w+)?"),
    },
    "button": {"button": _button},
    "anchor": {"name": _string},
    "anchor_link": {"text": _content, "anchor_name": _string},
    "reference": {"text": _content, "name": _string},
    "reference_link": {"text": _content, "reference_name": _string},
}
