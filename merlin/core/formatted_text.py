"""Messages with entities, buttons and attachments.

Entities count in UTF-16 units, as Telegram's do. Source: the Bot API, MessageEntity and
InlineKeyboardButton.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

# What Telegram takes as a button's data.
DATA_BYTES = 64


@dataclass(frozen=True, slots=True)
class Entity:
    """A stretch of a text that is shown differently.

    `kind` is the Bot API's word (bold, italic, underline, strikethrough, spoiler, code, pre,
    text_link, blockquote, expandable_blockquote); `value` is the language of a pre, the address
    of a text_link, else "".
    """

    kind: str
    offset: int
    length: int
    value: str = ""


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message: exactly one of `data`, `url` and `copy` says what it does.

    `data` (at most 64 bytes) comes back to us, `url` opens, `copy` goes to the clipboard.
    `style` is primary, success, danger or "".
    """

    label: str
    data: str = ""
    url: str = ""
    copy: str = ""
    style: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes along; the page's text becomes its caption.

    `is_picture`: shown in the chat as it is, rather than as a file to open.
    """

    name: str
    content: bytes
    is_picture: bool = False


@dataclass(frozen=True, slots=True)
class FormattedMessage:
    """One message; `buttons` are rows of buttons from top to bottom."""

    text: str
    marks: tuple[Entity, ...] = ()
    buttons: tuple[tuple[Button, ...], ...] = ()
    file: Attachment | None = None


def button_rows(buttons: Sequence[Button], columns: int = 1) -> tuple[tuple[Button, ...], ...]:
    """Return the buttons in rows of so many."""
    return tuple(
        tuple(buttons[start : start + columns]) for start in range(0, len(buttons), columns)
    )


_HALF = re.compile("[\ud800-\udfff]")


def utf16_length(text: str) -> int:
    """Return the length of `text` in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf16_offsets(text: str) -> Sequence[int]:
    """Return where each character begins, in UTF-16 code units, and last where the text ends."""
    if utf16_length(text) == len(text):
        return range(len(text) + 1)
    return list(accumulate((1 + (character > "\uffff") for character in text), initial=0))


def join_surrogates(text: str) -> str:
    """Return `text` with halves of characters joined; one without its other half is U+FFFD.

    JSON may carry a character beyond the first 65,536 in two pieces.
    """
    if not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
