"""Dispatch: which handler an update is for; what has none is refused quietly."""

from __future__ import annotations

from merlin.bot.event import Event
from merlin.bot.handlers.answer import asked_again, correction, lineage, rating, summing
from merlin.bot.handlers.answer.edited import answer_edited
from merlin.bot.handlers.answer.media import SOURCES, answer_sent
from merlin.bot.handlers.answer.question import answer_question
from merlin.bot.handlers.everyday import (
    about,
    basics,
    language,
    legal,
    my_data,
    own_words,
    pay_support,
    signing_in,
)
from merlin.bot.handlers.everyday.helping import help_topic
from merlin.bot.handlers.group import group_settings
from merlin.bot.handlers.group.group_life import membership
from merlin.bot.handlers.group.group_talk import in_group, pressed_in_group
from merlin.bot.handlers.group.inline import answer_inline, ask_linked, is_shared
from merlin.bot.handlers.group.links import asked_token, led_to
from merlin.bot.handlers.office import keeping
from merlin.bot.handlers.pay import shop
from merlin.bot.handlers.pay.checkout import checkout
from merlin.bot.handlers.pay.payment import money_moved
from merlin.bot.handlers.shut_out import is_turned_away, turn_away
from merlin.bot.handlers.talk import (
    courses,
    models,
    presets,
    renewal,
    sessions,
    system_text,
    tokens,
)
from merlin.bot.handlers.topic import Handler, Topic
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, alert
from merlin.bot.stars.told import is_of_money
from merlin.core.text import text
from merlin.inbox.update import UpdateState

TOPICS: tuple[Topic, ...] = (
    basics.TOPIC,
    signing_in.TOPIC,
    renewal.TOPIC,
    sessions.TOPIC,
    tokens.TOPIC,
    group_settings.TOPIC,
    summing.TOPIC,
    language.TOPIC,
    *shop.TOPICS,
    about.TOPIC,
    own_words.TOPIC,
    asked_again.TOPIC,
    rating.TOPIC,
    correction.TOPIC,
    lineage.TOPIC,
    my_data.TOPIC,
    *keeping.TOPICS,
    models.TOPIC,
    courses.TOPIC,
    presets.TOPIC,
    system_text.TOPIC,
    legal.TOPIC,
    pay_support.TOPIC,
)
_HELP = help_topic(TOPICS)
COMMANDS: dict[str, Handler] = {
    name: handler for topic in (*TOPICS, _HELP) for name, handler in topic.commands.items()
}
BUTTONS: dict[str, Handler] = {
    verb: handler for topic in TOPICS for verb, handler in topic.buttons.items()
}
STEPS: dict[str, Handler] = {
    step: handler for topic in TOPICS for step, handler in topic.steps.items()
}
MENU: tuple[str, ...] = tuple(name for topic in (_HELP, *TOPICS) for name in topic.menu)
GROUP_MENU: tuple[str, ...] = tuple(name for topic in (*TOPICS, _HELP) for name in topic.group_menu)


async def handle(kit: Kit, event: Event) -> None:
    """Do what the update asks for, and end it. Raises Unreachable."""
    kind = event.update.kind
    is_group = not event.is_private and kind in _IN_GROUPS
    if not event.update.body and kind == "message" and event.chat_id > 0:
        # Stored under a key that is not here any more.
        await kit.say(event, text(event.language, "bot-failed"), UpdateState.FAILED, "unreadable")
    elif is_of_money(event.update):
        await money_moved(kit, event)
    elif is_turned_away(event) and (event.verb or not is_group):
        await turn_away(kit, event)
    else:
        handler = (_IN_GROUPS if is_group else _ALONE).get(kind, _not_served)
        await handler(kit, event)


async def _not_served(kit: Kit, event: Event) -> None:
    await kit.end(event, UpdateState.REFUSED, f"not served: {event.update.kind}")


async def _pressed(kit: Kit, event: Event) -> None:
    await kit.watches.drop(event.chat_id, event.message_id)
    await BUTTONS.get(event.verb, _no_such_button)(kit, event)


async def _message(kit: Kit, event: Event) -> None:
    if event.update.kind == "edited_message":
        await answer_edited(kit, event.with_replied())
    elif is_shared(event):
        await kit.end(event, UpdateState.REFUSED, "sent by way of the bot")
    elif event.command:
        await _command(kit, event)
    elif event.is_resumed and await _gone_on(kit, event):
        return
    else:
        await _awaited(kit, event)(kit, event)


def _awaited(kit: Kit, event: Event) -> Handler:
    """Return what takes the words: the dialog that asked for them, or whoever answers."""
    dialog = event.dialog
    if dialog is None or not dialog.awaits(event.update_id, kit.services.clock()):
        return _said
    # Typed as it stands on the button.
    is_left = event.text.strip().casefold() == text(event.language, "button-cancel").casefold()
    return STEPS.get(dialog.step, _said) if not is_left else COMMANDS["cancel"]


async def _gone_on(kit: Kit, event: Event) -> bool:
    """Go on with words that were being dealt with before a kill; False where they were not.

    What the bot waited to hear when they came may have been heard since, or asked for since.
    """

    def read() -> tuple[bool, bool]:
        is_asked = kit.rows.turns.find(event.update_id) is not None
        return is_asked, bool(kit.rows.outbox.of_update(event.update_id))

    is_asked, is_answered = await kit.store.do(read)
    if is_asked:
        await _said(kit, event)
    elif is_answered:
        await kit.show(event, lambda: Screen(None))
    return is_asked or is_answered


async def _said(kit: Kit, event: Event) -> None:
    """Answer what is no command and no part of a dialog. Raises Unreachable."""
    event = event.with_replied()
    if event.format in SOURCES:
        await answer_sent(kit, event)
    elif event.sent is not None:
        words = text(event.language, "media-other")
        await kit.say(event, words, UpdateState.REFUSED, f"not served: {event.sent.kind}")
    elif event.text:
        await answer_question(kit, event)
    else:
        await kit.end(event, UpdateState.REFUSED, "not served: service message")


async def _ask(kit: Kit, event: Event) -> None:
    """Answer what somebody in a group asked the bot. Raises Unreachable."""
    if event.update.kind == "edited_message":
        await answer_edited(kit, event)
    elif event.format in SOURCES:
        await answer_sent(kit, event)
    elif event.text:
        await answer_question(kit, event)
    else:
        await kit.end(event, UpdateState.REFUSED, "not served: no words")


async def _command(kit: Kit, event: Event) -> None:
    """Carry a command out; what the bot was waiting to hear, it waits for no longer."""
    is_left = event.dialog is not None and event.command != "cancel" and not event.is_resumed
    if is_left:
        await kit.store.do(lambda: kit.rows.dialogs.end(event.chat_id, event.user_id))
    if asked_token(event):
        await ask_linked(kit, event)
        return
    event = led_to(event)
    await COMMANDS.get(event.command, basics.unknown)(kit, event)


async def _no_such_button(kit: Kit, event: Event) -> None:
    words = text(event.language, "bot-button-old")
    await kit.show(event, lambda: alert(words), UpdateState.REFUSED, "no such button")


async def _membership(kit: Kit, event: Event) -> None:
    """Note that a person blocked the bot or let it in again."""
    body = event.update.body.get("my_chat_member")
    member = body.get("new_chat_member") if isinstance(body, dict) else None
    is_blocked = isinstance(member, dict) and member.get("status") in {"kicked", "left"}

    def work() -> None:
        if is_blocked:
            kit.rows.users.unreachable(event.user_id)
            kit.rows.outbox.drop(event.chat_id)
        kit.finish(event, UpdateState.ANSWERED, "membership")

    await kit.store.do(work)


async def _said_in_group(kit: Kit, event: Event) -> None:
    await in_group(kit, event, COMMANDS, _ask)


async def _pressed_in_group(kit: Kit, event: Event) -> None:
    await pressed_in_group(kit, event, BUTTONS)


# What each kind of update leads to, in a private chat or in none, and in groups.
_ALONE: dict[str, Handler] = {
    "message": _message,
    "edited_message": _message,
    "callback_query": _pressed,
    "message_reaction": rating.reacted,
    "pre_checkout_query": checkout,
    "inline_query": answer_inline,
    "my_chat_member": _membership,
}
_IN_GROUPS: dict[str, Handler] = {
    "message": _said_in_group,
    "edited_message": _said_in_group,
    "callback_query": _pressed_in_group,
    "my_chat_member": membership,
}
