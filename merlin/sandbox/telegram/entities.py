"""Texts as Telegram keeps them: trimmed, measured in UTF-16 units, with entities that fit.

Limits: facts of the Bot API page ("0-4096 characters after entities parsing") and
python-telegram-bot's constants (`MessageLimit`).
"""

from __future__ import annotations

import re
from typing import Any

from merlin.core.utf16 import units
from merlin.sandbox.telegram.arguments import Arguments
from merlin.sandbox.telegram.entity_rules import checked, nested
from merlin.sandbox.telegram.errors import bad_request
from merlin.sandbox.telegram.parse_mode import parse_marked

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
            offset, length = units(text[: match.start()]), units(match.group())
            found.append({"type": kind, "offset": offset, "length": length})
    return sorted(found, key=lambda one: int(one["offset"]))


def formatted(arguments: Arguments, name: str = "text") -> tuple[str, list[Entity]]:
    """Return the text `name` of a call and its entities, as Telegram would keep them.

    Entities beyond the hundredth are ignored. Raises BotApiError when the marks cannot be read
    or an entity lies where the text is not.
    """
    text = arguments.text(name).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    mode = arguments.text("parse_mode")
    if mode:
        text, found = parse_marked(text, mode)
    else:
        field = "entities" if name == "text" else f"{name}_entities"
        found = checked(_given(arguments.parsed(field)), text)
    return _trimmed(text, found)


def _given(raw: object) -> list[Entity]:
    if raw is None:
        return []
    if not isinstance(raw, list) or not all(isinstance(one, dict) for one in raw):
        raise bad_request("can't parse MessageEntity JSON object")
    for one in raw:
        if not (isinstance(one.get("offset"), int) and isinstance(one.get("length"), int)):
            raise bad_request("can't parse MessageEntity JSON object")
    return [dict(one) for one in raw]


def _trimmed(text: str, found: list[Entity]) -> tuple[str, list[Entity]]:
    """Cut white space off both ends; move, cut or drop entities to fit; keep a hundred.

    At the start nothing of the first entity is cut off, so code keeps its indent.
    """
    first = min((entity["offset"] for entity in found), default=len(text))
    lead = min(len(text) - len(text.lstrip()), first)
    text = text[lead:].rstrip()
    length = units(text)
    kept = []
    for entity in found:
        start = max(entity["offset"] - lead, 0)
        end = min(entity["offset"] - lead + entity["length"], length)
        if end > start:
            kept.append({**entity, "offset": start, "length": end - start})
    return text, nested(kept)[:MOST_ENTITIES]
