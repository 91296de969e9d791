"""Texts as Telegram keeps them: trimmed, measured in UTF-16 units, with entities that fit.

Any parse_mode is refused: bots of ours mark text by entities alone.

Limits: facts of the Bot API page ("0-4096 characters after entities parsing") and
python-telegram-bot's constants (`MessageLimit`). Sources: core.telegram.org/bots/api ("Formatting
options": entities must not be nested in code and pre, quotations not in each other) and the
refusals that bots meet, word for word those of tdlib.
"""

from __future__ import annotations

import re
from typing import Any

from merlin.core.formatted_text import utf16_length
from merlin.sandbox.telegram.arguments import Arguments, BotApiError, bad_request

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
            offset, length = utf16_length(text[: match.start()]), utf16_length(match.group())
            found.append({"type": kind, "offset": offset, "length": length})
    return sorted(found, key=lambda one: int(one["offset"]))


def formatted(arguments: Arguments, name: str = "text") -> tuple[str, list[Entity]]:
    """Return the text `name` of a call and its entities, as Telegram would keep them.

    Entities beyond the hundredth are ignored. Raises BotApiError when an entity lies where
    the text is not.
    """
    text = arguments.text(name).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    if arguments.text("parse_mode"):
        raise bad_request("unsupported parse_mode")
    field = "entities" if name == "text" else f"{name}_entities"
    return _trimmed(text, checked(_given(arguments.parsed(field)), text))


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
    length = utf16_length(text)
    kept = []
    for entity in found:
        start = max(entity["offset"] - lead, 0)
        end = min(entity["offset"] - lead + entity["length"], length)
        if end > start:
            kept.append({**entity, "offset": start, "length": end - start})
    return text, nested(kept)[:MOST_ENTITIES]


SHOWN = frozenset({"bold", "italic", "underline", "strikethrough", "spoiler"})
CODE = frozenset({"code", "pre"})
QUOTES = frozenset({"blockquote", "expandable_blockquote"})
_FOUND = frozenset({"mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number"})
_OTHER = frozenset({"text_link", "text_mention", "custom_emoji", "date_time"})
KINDS = SHOWN | CODE | QUOTES | _FOUND | _OTHER
_LOW_SURROGATES = range(0xDC00, 0xE000)


def checked(entities: list[Entity], text: str) -> list[Entity]:
    """Return the entities with a length. Raises BotApiError for one that does not lie on `text`."""
    if not entities:
        return []
    size = utf16_length(text)
    coded = text.encode("utf-16-le", "surrogatepass") if size > len(text) else b""
    for entity in entities:
        if entity.get("type") not in KINDS:
            raise bad_request("can't parse MessageEntity: Unsupported type specified")
        _check_place(entity, size)
        _check_ends(entity, coded)
    return [entity for entity in entities if entity["length"]]


def _check_place(entity: Entity, size: int) -> None:
    start, length = entity["offset"], entity["length"]
    if start < 0:
        raise bad_request(f"receive an entity with incorrect offset {start}")
    if length < 0:
        raise bad_request(f"receive an entity with incorrect length {length}")
    if length and start >= size:
        raise bad_request(f"entity begins after the end of the text at UTF-16 offset {start}")
    if start + length > size:
        raise bad_request(
            f"entity beginning at UTF-16 offset {start} ends after the end of the text"
            f" at UTF-16 offset {start + length}"
        )


def _check_ends(entity: Entity, coded: bytes) -> None:
    start, end = entity["offset"], entity["offset"] + entity["length"]
    if _is_middle(coded, start):
        raise _middle("entity begins", coded, start)
    if _is_middle(coded, end):
        raise _middle(f"entity beginning at UTF-16 offset {start} ends", coded, end)


def _is_middle(coded: bytes, place: int) -> bool:
    unit = coded[place * 2 : place * 2 + 2]
    return len(unit) == 2 and int.from_bytes(unit, "little") in _LOW_SURROGATES  # noqa: PLR2004 - bytes


def _middle(words: str, coded: bytes, place: int) -> BotApiError:
    where = len(coded[: (place + 1) * 2].decode("utf-16-le", "surrogatepass").encode())
    return bad_request(f"{words} in a middle of a UTF-16 symbol at byte offset {where}")


def nested(entities: list[Entity]) -> list[Entity]:
    """Return the entities in order, none across the end of another, nothing within code.

    Of links, code and quotations that overlap the first stays.
    """
    if not entities:
        return []
    ordered = sorted(entities, key=lambda one: (one["offset"], -one["length"]))
    blocks = _apart([one for one in ordered if one["type"] not in SHOWN | QUOTES])
    quotes = _apart([one for one in ordered if one["type"] in QUOTES])
    code = [one for one in blocks if one["type"] in CODE]
    shown = [part for one in ordered if one["type"] in SHOWN for part in _outside(one, code)]
    return _split([*quotes, *blocks, *shown])


def _end(entity: Entity) -> int:
    return int(entity["offset"]) + int(entity["length"])


def _apart(ordered: list[Entity]) -> list[Entity]:
    kept: list[Entity] = []
    for entity in ordered:
        if not kept or entity["offset"] >= _end(kept[-1]):
            kept.append(entity)
    return kept


def _between(entity: Entity, start: int, end: int) -> Entity:
    return {**entity, "offset": start, "length": end - start}


def _outside(entity: Entity, code: list[Entity]) -> list[Entity]:
    """Return the parts of an entity that no code covers."""
    parts = []
    start, end = entity["offset"], _end(entity)
    for one in code:
        if start < one["offset"] < end:
            parts.append(_between(entity, start, one["offset"]))
        if one["offset"] < end and _end(one) > start:
            start = _end(one)
    return [*parts, _between(entity, start, end)] if start < end else parts


def _split(entities: list[Entity]) -> list[Entity]:
    """Cut every entity where one that began before it ends."""
    waiting = sorted(entities, key=lambda one: (one["offset"], -one["length"]), reverse=True)
    kept: list[Entity] = []
    while waiting:
        entity = waiting.pop()
        start, end = entity["offset"], _end(entity)
        cut = min((_end(one) for one in kept if start < _end(one) < end), default=end)
        kept.append(_between(entity, start, cut))
        if cut < end:
            waiting.append(_between(entity, cut, end))
            waiting.sort(key=lambda one: (one["offset"], -one["length"]), reverse=True)
    return kept
