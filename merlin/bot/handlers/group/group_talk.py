"""Group talk: what of a group's messages and buttons is for the bot, and who may do what there.

Commands, mentions and replies are; under the group's own setting also whatever is asked. What
shows or changes a person's own things is done in the private chat, to which a button leads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from merlin.account.user import User
from merlin.bot.address import Address, address_of, named_bot
from merlin.bot.event import Event
from merlin.bot.handlers.group.group_life import migrated_from, migrated_to
from merlin.bot.handlers.group.links import PRIVATE, to_private
from merlin.bot.handlers.topic import Handler
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, alert, said
from merlin.chat.group import Group, Hears
from merlin.core.page import Button
from merlin.core.text import text
from merlin.inbox.update import UpdateState

SETTINGS = "settings"
# What is carried out in a group; begins or ends what the group has in common.
_COMMANDS = frozenset({"new", "clear", "t", "tokens", "info", SETTINGS})
_RENEWING = frozenset({"new", "clear"})
# Buttons of a person's own things, by the command that shows them in the private chat.
_PERSONAL = frozenset({"plan"})
_BUTTONS = frozenset({"stop", "again", "rate", "fix", "why", "sum", "new", "group"})


async def in_group(kit: Kit, event: Event, commands: Mapping[str, Handler], ask: Handler) -> None:
    """Deal with a message of a group: carry out, `ask`, or pass over. Raises Unreachable."""
    old_id, new_id = migrated_from(event), migrated_to(event)
    if old_id or new_id:
        await _move(kit, event, old_id or event.chat_id, new_id or event.chat_id)
        return
    await kit.me.learn(kit.calls)
    group = await kit.store.read(lambda: kit.rows.groups.get(event.chat_id))
    event, group = at_home(event, group or Group(event.chat_id))
    address = address_of(event.update, kit.me.user_id, kit.me.name)
    if not _is_meant(kit, event, group, address):
        await kit.end(event, UpdateState.REFUSED, "not for the bot")
    elif event.user.is_blocked:
        await kit.end(event, UpdateState.REFUSED, "blocked")
    elif address.is_channel and not (address.is_anonymous and event.command == SETTINGS):
        await kit.say(event, text(event.language, "groups-nobody"), UpdateState.REFUSED, "a chat")
    else:
        await kit.store.do(lambda: kit.rows.users.met(_asker(event)))
        await _answer(kit, event, address, commands, ask)


async def _move(kit: Kit, event: Event, old_id: int, new_id: int) -> None:
    def work() -> None:
        kit.rows.groups.move(old_id, new_id)
        kit.finish(event, UpdateState.ANSWERED, "migrated")

    await kit.store.do(work)


def at_home(event: Event, group: Group) -> tuple[Event, Group]:
    """Return an event and its group in the language, and the chat, that the group has now."""
    if group.moved_to:
        # Telegram sends nothing to the old chat; its messages have no number in the new one.
        update = replace(event.update, chat_id=group.moved_to)
        event = replace(event, update=update, message_id=0, thread_id=0)
        group = replace(group, chat_id=group.moved_to)
    return replace(event, language=group.language or event.language), group


def _asker(event: Event) -> User:
    return User(event.user_id, event.update.language_code)


def _is_meant(kit: Kit, event: Event, group: Group, address: Address) -> bool:
    if address.is_alien or event.is_service:
        return False
    if event.command:
        return named_bot(event.update) in {"", kit.me.name.lower()}
    if address.is_named:
        return True
    if address.is_reply:
        return group.hears is not Hears.MENTION
    return group.hears is Hears.QUESTION and address.is_asking and not address.is_to_other


async def _answer(
    kit: Kit, event: Event, address: Address, commands: Mapping[str, Handler], ask: Handler
) -> None:
    if event.command and event.update.kind == "edited_message":
        await kit.end(event, UpdateState.REFUSED, "an edited command")
    elif event.command:
        await _command(kit, event, commands)
    else:
        await _ask(kit, event, address, ask)


async def _command(kit: Kit, event: Event, commands: Mapping[str, Handler]) -> None:
    if event.command in {"start", "help"}:
        await kit.show(event, lambda: how_to_ask(kit, event))
    elif event.command in _RENEWING and not await may_renew(kit, event):
        await kit.say(event, text(event.language, "groups-leaders-only"), UpdateState.REFUSED)
    elif event.command in _COMMANDS:
        await commands[event.command](kit, event)
    elif event.command in commands:
        words = text(event.language, "groups-private", command=f"/{event.command}")
        link = to_private(kit, event, event.command if event.command in PRIVATE else "")
        await kit.show(event, lambda: said(words, (link,)))
    else:
        # Another bot of the group may know it.
        await kit.end(event, UpdateState.REFUSED, "no such command")


async def _ask(kit: Kit, event: Event, address: Address, ask: Handler) -> None:
    """Ask what was said to the bot; a bare mention asks about the message it replies to."""
    is_bare = not address.text and event.sent is None
    event = event.with_replied()
    if is_bare and event.sent is None and not event.quoted:
        await kit.show(event, lambda: how_to_ask(kit, event))
    elif is_bare:
        await ask(kit, replace(event, text=event.quoted, quoted=""))
    else:
        await ask(kit, replace(event, text=address.text))


def how_to_ask(kit: Kit, event: Event) -> Screen:
    """Tell in a few words how to ask in a group."""
    words = text(event.language, "groups-how", bot=f"@{kit.me.name}")
    choices = Button(text(event.language, "groups-button-settings"), "group:show")
    return said(words, (choices,), (to_private(kit, event),))


async def may_renew(kit: Kit, event: Event) -> bool:
    """Return whether somebody may begin the group's session anew."""
    group = await kit.store.read(lambda: kit.rows.groups.get(event.chat_id))
    if group is None or group.is_open:
        return True
    return await kit.me.leads(kit.calls, event.chat_id, event.user_id)


async def pressed_in_group(kit: Kit, event: Event, buttons: Mapping[str, Handler]) -> None:
    """Carry out a button that stands in a group; anybody can send any data."""
    await kit.me.learn(kit.calls)
    group = await kit.store.read(lambda: kit.rows.groups.get(event.chat_id))
    event, _ = at_home(event, group or Group(event.chat_id))
    if event.verb in _PERSONAL:
        link = kit.me.link(f"go_{event.verb}")
        await kit.show(event, lambda: Screen(None, link=link))
    elif event.verb not in _BUTTONS or event.chat_id > 0 or event.verb not in buttons:
        words = text(event.language, "groups-private-button")
        await kit.show(event, lambda: alert(words, is_loud=True), UpdateState.REFUSED, "private")
    elif event.verb == "new" and not await may_renew(kit, event):
        words = text(event.language, "groups-leaders-only")
        await kit.show(event, lambda: alert(words, is_loud=True), UpdateState.REFUSED, "leaders")
    else:
        await buttons[event.verb](kit, event)
