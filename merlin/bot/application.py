"""All topics in order: which handler an update is for; what has none is refused quietly.

Also /help, which lists the commands of all topics in groups; those of admins and editors are
listed for them alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from merlin.app.inbox import UpdateState
from merlin.bot.context import Event, Handler, Kit, Topic, told
from merlin.bot.handlers import (
    about,
    admin,
    broadcasts,
    examples,
    feedback,
    groups,
    health,
    jobs,
    model_choice,
    models,
    orders,
    payments,
    people,
    plans,
    presets,
    profile,
    questions,
    sessions,
    start,
)
from merlin.bot.handlers.groups import (
    answer_inline,
    ask_linked,
    in_group,
    is_shared,
    membership,
    pressed_in_group,
)
from merlin.bot.handlers.orders import checkout, money_moved
from merlin.bot.handlers.questions import SOURCES, answer_edited, answer_question, answer_sent
from merlin.bot.handlers.start import asked_token, is_turned_away, led_to, turn_away
from merlin.bot.menu import Screen, alert
from merlin.bot.star_payments import is_of_money
from merlin.core.formatted_text import Entity, FormattedMessage, utf16_length
from merlin.core.i18n import text
from merlin.core.permissions import Authority

# What stands in no group goes into the last one.
HELP_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("help-talk", ("new", "sessions", "clear", "t")),
    ("help-answers", ("model", "course", "preset", "system")),
    ("help-mine", ("lang", "plan", "privacy", "export", "delete_me")),
    ("help-bot", ("help", "info", "terms", "paysupport")),
)


def help_topic(topics: Sequence[Topic]) -> Topic:
    """Return the topic that tells of these topics and of itself."""

    def show(kit: Kit, event: Event) -> Screen:
        standing = kit.rows.roles.standing(event.user_id)
        known = [name for topic in (*topics, HELP_TOPIC) for name in topic.menu]
        parts = [text(event.language, "bot-help"), *_help_groups(known, event.language)]
        staff = staff_menu(topics, standing)
        if staff:
            parts.append(_help_group("help-staff", staff, event.language))
        return _with_heads("\n\n".join([*parts, text(event.language, "bot-help-end")]), event)

    return Topic(
        commands={"help": told(show)}, menu=HELP_TOPIC.menu, group_menu=HELP_TOPIC.group_menu
    )


def _with_heads(words: str, event: Event) -> Screen:
    """Return the words with the head of each group in bold."""
    keys = [*(key for key, _ in HELP_GROUPS), "help-staff"]
    heads = [text(event.language, key) for key in keys]
    places = [(words.find(f"\n\n{head}\n/"), head) for head in heads]
    marks = tuple(
        Entity("bold", utf16_length(words[: place + 2]), utf16_length(head))
        for place, head in places
        if place >= 0
    )
    return Screen(FormattedMessage(words, marks))


HELP_TOPIC = Topic(menu=("help",), group_menu=("help",))


def staff_menu(topics: Sequence[Topic], standing: Authority) -> list[str]:
    """Return the further commands of whoever stands so."""
    found = [each for topic in topics for each in topic.staff.items()]
    return [name for name, permission in found if standing.may(permission)]


def _help_groups(known: Sequence[str], language: str) -> list[str]:
    told_of = {name for _, names in HELP_GROUPS for name in names}
    rest = [name for name in known if name not in told_of]
    last = HELP_GROUPS[-1][0]
    groups = [
        (key, [*(name for name in names if name in known), *(rest if key == last else ())])
        for key, names in HELP_GROUPS
    ]
    return [_help_group(key, names, language) for key, names in groups if names]


def _help_group(key: str, names: Sequence[str], language: str) -> str:
    lines = [f"/{name} — {text(language, f'bot-command-{name}')}" for name in names]
    return "\n".join([text(language, key), *lines])


ADMIN_TOPICS: tuple[Topic, ...] = (
    admin.ADMIN_TOPIC,
    examples.EXAMPLES_TOPIC,
    jobs.JOBS_TOPIC,
    jobs.LAUNCH_TOPIC,
    models.MODELS_TOPIC,
    models.PROMOTE_TOPIC,
    people.PEOPLE_TOPIC,
    people.ROLES_TOPIC,
    people.QUESTION_GIFT_TOPIC,
    people.PLAN_GIFT_TOPIC,
    payments.PURCHASES_TOPIC,
    payments.REFUND_TOPIC,
    payments.PAYMENTS_TOPIC,
    payments.PROMO_CODES_TOPIC,
    broadcasts.BROADCAST_TOPIC,
    health.HEALTH_TOPIC,
)


SHOP_TOPICS: tuple[Topic, ...] = (
    plans.PLAN_TOPIC,
    plans.OFFER_TOPIC,
    orders.BUY_TOPIC,
    plans.PROMO_CODE_TOPIC,
    plans.INVITE_TOPIC,
    orders.ORDERS_TOPIC,
    orders.STOP_RENEWAL_TOPIC,
)


TOPICS: tuple[Topic, ...] = (
    start.BASICS_TOPIC,
    start.SIGN_IN_TOPIC,
    sessions.RENEWAL_TOPIC,
    sessions.SESSIONS_TOPIC,
    sessions.TOKENS_TOPIC,
    groups.GROUP_SETTINGS_TOPIC,
    sessions.SUMMARY_TOPIC,
    profile.LANGUAGE_TOPIC,
    *SHOP_TOPICS,
    about.INFO_TOPIC,
    about.OPERATOR_TEXTS_TOPIC,
    questions.ASK_AGAIN_TOPIC,
    feedback.RATING_TOPIC,
    feedback.CORRECTION_TOPIC,
    feedback.LINEAGE_TOPIC,
    profile.MY_DATA_TOPIC,
    *ADMIN_TOPICS,
    model_choice.MODEL_CHOICE_TOPIC,
    model_choice.COURSE_CHOICE_TOPIC,
    presets.PRESETS_TOPIC,
    presets.SYSTEM_TEXT_TOPIC,
    about.LEGAL_TOPIC,
    profile.PAY_SUPPORT_TOPIC,
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
    """Do what the update asks for, and end it. Raises ChatUnreachable."""
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
    """Answer what is no command and no part of a dialog. Raises ChatUnreachable."""
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
    """Answer what somebody in a group asked the bot. Raises ChatUnreachable."""
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
    await COMMANDS.get(event.command, start.unknown)(kit, event)


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
    "message_reaction": feedback.reacted,
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
