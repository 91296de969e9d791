"""Group life: the bot is let into a group and greets once, is taken out, and follows a move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from merlin.bot.event import Event
from merlin.bot.handlers.group.links import to_private
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, said
from merlin.chat.group import Group
from merlin.core.page import Button
from merlin.core.text import text
from merlin.inbox.update import UpdateState

_PRESENT = frozenset({"creator", "administrator", "member"})
_GROUPS = frozenset({"group", "supergroup"})


async def membership(kit: Kit, event: Event) -> None:
    """Greet a group that let the bot in, forget what waits for one that took it out."""
    change = _object(event.update.body, "my_chat_member")
    status = _object(change, "new_chat_member").get("status")
    if _object(change, "chat").get("type") not in _GROUPS:
        await kit.end(event, UpdateState.REFUSED, "not a group")
    elif status in _PRESENT:
        await kit.me.learn(kit.calls)
        await kit.show(event, lambda: _come(kit, event))
    else:
        await kit.store.do(lambda: _gone(kit, event, status))


def _come(kit: Kit, event: Event) -> Screen:
    """Keep the group, and greet it where it is new or was left."""
    known = kit.rows.groups.get(event.chat_id)
    if known is not None and not known.is_gone:
        return Screen(None)
    group = known or Group(event.chat_id)
    kit.rows.groups.put(replace(group, moved_to=0))
    language = group.language or event.language
    there = replace(event, language=language)
    words = text(language, "groups-hello", bot=f"@{kit.me.name}")
    choices = Button(text(language, "groups-button-settings"), "group:show")
    return said(words, (choices,), (to_private(kit, there),))


def _gone(kit: Kit, event: Event, status: object) -> None:
    if status in {"left", "kicked"}:
        kit.rows.outbox.drop(event.chat_id)
        if kit.rows.groups.get(event.chat_id) is None:
            kit.rows.groups.put(Group(event.chat_id))
        kit.rows.groups.left(event.chat_id)
    kit.finish(event, UpdateState.ANSWERED, "membership")


def migrated_to(event: Event) -> int:
    """Return the supergroup that the chat of this message became, 0 for none."""
    return _number(event, "migrate_to_chat_id")


def migrated_from(event: Event) -> int:
    """Return the chat that became this supergroup, 0 for none."""
    return _number(event, "migrate_from_chat_id")


def _number(event: Event, name: str) -> int:
    found = _object(event.update.body, "message").get(name)
    return found if isinstance(found, int) and found < 0 else 0


def _object(within: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = within.get(name)
    return found if isinstance(found, Mapping) else {}
