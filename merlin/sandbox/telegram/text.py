"""Texts as Telegram keeps them: trimmed, measured in UTF-16 units, with entities that fit.

Any parse_mode is refused: bots of ours mark text by entities alone.

Limits: facts of the Bot API page ("0-4096 characters after entities parsing") and
python-telegram-bot's constants (`MessageLimit`).
"""

from __future__ import annotations

import re
from typing import Any

from merlin.core.formatted_text import utf16_length
from merlin.sandbox.telegram.arguments import Arguments, bad_request

TEXT_UNITS = 4096
CAPTION_UNITS = 1024
MOST_ENTITIES = 100
_TYPED = {
    "url": re.compile(r"https?://[^\s<>«»\"]+[^\s<>«»\".,;:!?)]"),
    "email": re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+\.[\w.-]*\w"),
    "bot_command": re.compile(r"(?<!\S)/[A-Za-z0-9_]{1,32}(?:@[A-Za-z0-9_]{3,32})?(?![\w/])"),
    "mention": re.compile(r"(?<![\w@/])@[A-Za-z][A-Za-z0-9_]{2,31}\b"),
    "hashtag": re.compile(r"(?<![\w#&])#\w*[^\W\d]\w*"),
}
KINDS = frozenset(
    {
        *("bold", "italic", "underline", "strikethrough", "spoiler", "code", "pre"),
        *("blockquote", "expandable_blockquote", "text_link", "text_mention", "custom_emoji"),
        *("mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number"),
    }
)
_LOW_SURROGATES = range(0xDC00, 0xE000)

Entity = dict[str, Any]


def typed(text: str) -> list[Entity]:
    """Return the entities that Telegram finds in what a person types."""
    found = []
    taken: list[range] = []
    for kind, pattern in _TYPED.items():
        for match in pattern.finditer(text):
            if any(match.start() in one or match.end() - 1 in one for one in taken):
                continue
            taken.append(range(*match.span()))
            offset, length = utf16_length(text[: match.start()]), utf16_length(match.group())
            found.append({"type": kind, "offset": offset, "length": length})
    return sorted(found, key=lambda one: int(one["offset"]))


def typed_fields(text: str, name: str = "text") -> dict[str, Any]:
    """Return Message fields of a text or caption that a person types."""
    marked = typed(text)
    return {name: text, **({_ENTITIES[name]: marked} if marked else {})}


_ENTITIES = {"text": "entities", "caption": "caption_entities"}


def formatted(arguments: Arguments, name: str = "text") -> tuple[str, list[Entity]]:
    """Return the text `name` of a call and its entities, as Telegram would keep them.

    White space at both ends goes; entities beyond the hundredth are ignored. Raises BotApiError
    when an entity lies where the text is not.
    """
    text = arguments.text(name).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    if arguments.text("parse_mode"):
        raise bad_request("unsupported parse_mode")
    entities: list[Entity] = arguments.parsed(_ENTITIES[name]) or []
    _check(entities, text)
    # At the start nothing of the first entity is cut off, so code keeps its indent.
    first = min((entity["offset"] for entity in entities), default=len(text))
    lead = min(len(text) - len(text.lstrip()), first)
    text = text[lead:].rstrip()
    length = utf16_length(text)
    fitting = []
    for entity in entities:
        start = max(entity["offset"] - lead, 0)
        end = min(entity["offset"] - lead + entity["length"], length)
        if end > start:
            fitting.append({**entity, "offset": start, "length": end - start})
    fitting.sort(key=lambda one: (one["offset"], -one["length"]))
    return text, fitting[:MOST_ENTITIES]


def _check(entities: list[Entity], text: str) -> None:
    """Raise BotApiError for an entity that does not begin and end between symbols of the text."""
    coded = text.encode("utf-16-le", "surrogatepass") if entities else b""
    for entity in entities:
        if entity["type"] not in KINDS:
            raise bad_request("can't parse MessageEntity: Unsupported type specified")
        start, end = entity["offset"], entity["offset"] + entity["length"]
        if not 0 <= start <= end <= len(coded) // 2:
            raise bad_request(f"entity at UTF-16 offset {start} does not lie on the text")
        if any(_is_middle(coded, place) for place in (start, end)):
            raise bad_request(f"entity at UTF-16 offset {start} is in a middle of a UTF-16 symbol")


def _is_middle(coded: bytes, place: int) -> bool:
    unit = coded[place * 2 : place * 2 + 2]
    return len(unit) == 2 and int.from_bytes(unit, "little") in _LOW_SURROGATES  # noqa: PLR2004 - bytes
