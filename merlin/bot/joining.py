"""Joining: several messages that are one: a paste that the client split, an album, a chat.

Telegram's clients split what is longer than 4,096 characters and send the parts at once; an album
comes as one message a file, and what is forwarded as one message each. What follows within a
second belongs together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from merlin.core.utf16 import units
from merlin.inbox.update import Update

# How long the rest of what belongs together is waited for.
WAIT_S = 1.0
MOST_PARTS = 60
# Parts are sent at once; by Telegram's clock of whole seconds these may lie so far apart.
APART_S = 2
# Clients split at words, so a part that is followed by another may be a little short of 4,096.
LONG_UNITS = 3800
FULL_UNITS = 4096
_COMMAND = re.compile(r"/\w{1,32}(@\w+)?(?=\s|$)")


def may_go_on(update: Update) -> bool:
    """Return whether more that belongs to this message may follow it."""
    return bool(_album(update)) or _is_said(update) or units(_text(update)) >= LONG_UNITS


def belongs(update: Update, before: Update) -> bool:
    """Return whether `update`, which came right behind `before`, is a part of the same."""
    if update.kind != "message" or update.user_id != before.user_id:
        return False
    if _album(before):
        return _album(update) == _album(before)
    if _is_said(before):
        return _is_said(update) and _date(update) - _date(before) <= APART_S
    text = _text(update)
    is_plain = bool(text) and not _COMMAND.match(text) and "forward_origin" not in _message(update)
    return may_go_on(before) and is_plain and _date(update) - _date(before) <= APART_S


def joined_text(text: str, others: Sequence[Update]) -> str:
    """Return the text of a message and of those that belong to it.

    A part that is as long as can be was cut within a word, any other at a line's end or a space.
    """
    whole = before = text
    for update in others:
        part = _text(update) or _caption(update)
        gap = "\n" if before and part and units(before) < FULL_UNITS else ""
        whole, before = f"{whole}{gap}{part}", part or before
    return whole


def _is_said(update: Update) -> bool:
    """Return whether this is what somebody said in another chat."""
    return "forward_origin" in _message(update) and bool(_text(update))


def _album(update: Update) -> str:
    return str(_message(update).get("media_group_id", ""))


def _text(update: Update) -> str:
    found = _message(update).get("text")
    return found if isinstance(found, str) else ""


def _caption(update: Update) -> str:
    found = _message(update).get("caption")
    return found if isinstance(found, str) else ""


def _date(update: Update) -> int:
    found = _message(update).get("date")
    return found if isinstance(found, int) else 0


def _message(update: Update) -> Mapping[str, Any]:
    found = update.body.get("message")
    return found if isinstance(found, Mapping) else {}
