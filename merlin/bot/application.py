"""The bot as python-telegram-bot's Application: its guards, handlers and errors, in order.

An update is stored before it comes here, and the chat's order is kept by the processor, which
calls `handle_update`. Guards look at it first; then the first handler that takes it deals with it
whole and ends it. What nothing takes is refused quietly.
"""

from __future__ import annotations

import telegram
from telegram.ext import (
    Application,
    BaseUpdateProcessor,
    CallbackQueryHandler,
    ContextTypes,
    ExtBot,
    MessageHandler,
    TypeHandler,
    filters,
)
from telegram.request import BaseRequest

from merlin.app.inbox import UpdateState
from merlin.bot.context import (
    BotApplication,
    BotData,
    Context,
    Event,
    GuardGroup,
    Kit,
    add_guard,
    callback_of,
    is_awaited,
)
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
from merlin.bot.menu import Screen, alert
from merlin.bot.rate_limiter import RateLimiter, SendClass
from merlin.bot.services import BotServices
from merlin.core.i18n import text
from merlin.core.log import get_logger

log = get_logger(__name__)

_UNKNOWN_BOT = telegram.User(0, "", is_bot=True, username="")

_HANDLERS = (
    start,
    sessions,
    groups,
    profile,
    plans,
    orders,
    about,
    feedback,
    admin,
    examples,
    jobs,
    models,
    people,
    payments,
    broadcasts,
    health,
    model_choice,
    presets,
    questions,
)


def create_application(
    services: BotServices, transport: BaseRequest, processor: BaseUpdateProcessor
) -> BotApplication:
    """Return the application without handlers: the services that they need call its bot.

    Nothing polls here and nothing is timed: updates and timers outlive a kill.
    """
    return (
        Application.builder()
        .bot(_create_bot(services, transport))
        .concurrent_updates(processor)
        .context_types(ContextTypes(context=Context, bot_data=BotData))
        .updater(None)
        .job_queue(None)
        .build()
    )


def _create_bot(services: BotServices, transport: BaseRequest) -> ExtBot[SendClass]:
    return _Bot(
        services.token,
        base_url=services.base_url,
        request=transport,
        get_updates_request=transport,
        rate_limiter=RateLimiter(services.limits),
    )


class _Bot(ExtBot[SendClass]):
    """The library's bot, but working before Telegram has told it its name.

    The library asks for that first, and serves nobody while Telegram does not answer.
    """

    async def initialize(self) -> None:
        """Ask for nothing: whoever starts the bot asks until there is an answer."""

    @property
    def bot(self) -> telegram.User:
        """Return who the bot is; somebody without a name while that is not known."""
        try:
            return super().bot
        except RuntimeError:
            return _UNKNOWN_BOT


def register(application: BotApplication) -> None:
    """Add every guard and handler."""
    add_guard(application, _readable, GuardGroup.UNREADABLE)
    add_guard(application, _in_private, GuardGroup.PRIVATE)
    for each in _HANDLERS:
        each.register(application)
    written = filters.UpdateType.MESSAGE | filters.UpdateType.EDITED_MESSAGE
    application.add_handler(MessageHandler(written, callback_of(_answer_rest)))
    application.add_handler(CallbackQueryHandler(callback_of(_no_such_button)))
    application.add_handler(TypeHandler(telegram.Update, callback_of(_not_served)))
    application.add_error_handler(_keep_error)


async def handle_update(application: BotApplication, event: Event) -> None:
    """Do what the update asks for, and end it. Raises what its handler raised."""
    data, update_id = application.bot_data, event.update_id
    data.events[update_id] = event
    try:
        await application.process_update(_parsed(event, application.bot))
    finally:
        del data.events[update_id]
    error = data.errors.pop(update_id, None)
    if error is not None:
        raise error


def _parsed(event: Event, bot: telegram.Bot) -> telegram.Update:
    """Return the library's update; an empty one where it lacks a field that it must have."""
    try:
        found = telegram.Update.de_json({**event.update.body, "update_id": event.update_id}, bot)
    except Exception:  # whatever its many constructors raise
        log.exception("an update could not be read", update=event.update_id)
        found = telegram.Update(event.update_id)
    return found


async def _keep_error(update: object, context: Context) -> None:
    if isinstance(update, telegram.Update) and context.error is not None:
        context.bot_data.errors[update.update_id] = context.error


async def _readable(kit: Kit, event: Event) -> Event | None:
    if event.update.body or event.update.kind != "message" or event.chat_id <= 0:
        return event
    # Stored under a key that is not here any more.
    await kit.say(event, text(event.language, "bot-failed"), UpdateState.FAILED, "unreadable")
    return None


async def _in_private(kit: Kit, event: Event) -> Event | None:
    """Deal with what leads to a command, or was dealt with before a kill."""
    if event.update.kind == "callback_query":
        return await _pressed(kit, event)
    if not event.is_private or event.update.kind != "message":
        return event
    if groups.is_shared(event):
        await kit.end(event, UpdateState.REFUSED, "sent by way of the bot")
    elif event.command:
        return await _commanded(kit, event)
    elif event.is_resumed and await _gone_on(kit, event):
        return None
    elif is_awaited(kit, event) and _is_left(event):
        await kit.commands["cancel"](kit, event)
    else:
        return event
    return None


async def _pressed(kit: Kit, event: Event) -> Event | None:
    if event.is_private:
        await kit.watches.drop(event.chat_id, event.message_id)
    if event.verb:
        return event
    # The library gives a press without data to the first handler that it has.
    await _no_such_button(kit, event)
    return None


async def _commanded(kit: Kit, event: Event) -> Event | None:
    """Wait for no words any more; follow a link to the command or question that it leads to."""
    is_left = event.dialog is not None and event.command != "cancel" and not event.is_resumed
    if is_left:
        await kit.store.do(lambda: kit.rows.dialogs.end(event.chat_id, event.user_id))
    led = start.led_to(event)
    if start.asked_token(event):
        await groups.ask_linked(kit, event)
    elif led is not event:
        await kit.commands[led.command](kit, led)
    else:
        return event
    return None


def _is_left(event: Event) -> bool:
    """Return whether the button that ends a dialog was typed as it stands there."""
    label = text(event.language, "button-cancel")
    return event.text.strip().casefold() == label.casefold()


async def _gone_on(kit: Kit, event: Event) -> bool:
    """Go on with words that were being dealt with before a kill; False where they were not.

    What the bot waited to hear when they came may have been heard since, or asked for since.
    """

    def read() -> tuple[bool, bool]:
        is_asked = kit.rows.turns.find(event.update_id) is not None
        return is_asked, bool(kit.rows.outbox.of_update(event.update_id))

    is_asked, is_answered = await kit.store.do(read)
    if is_asked:
        await questions.answer_message(kit, event)
    elif is_answered:
        await kit.show(event, lambda: Screen(None))
    return is_asked or is_answered


async def _answer_rest(kit: Kit, event: Event) -> None:
    """Answer a message that is no part of a dialog, or carry out a command as it was typed.

    Telegram marks only those in Latin letters, and the library takes only those for this bot.
    """
    if event.command and event.update.kind == "message":
        await kit.commands.get(event.command, start.unknown)(kit, event)
    else:
        await questions.answer_message(kit, event)


async def _no_such_button(kit: Kit, event: Event) -> None:
    words = text(event.language, "bot-button-old")
    await kit.show(event, lambda: alert(words), UpdateState.REFUSED, "no such button")


async def _not_served(kit: Kit, event: Event) -> None:
    """Refuse an update of a kind that nothing takes; answer a message all the same.

    The library reads no message that lacks a field, and there Telegram may change its mind.
    """
    if event.update.kind in {"message", "edited_message"}:
        await _answer_rest(kit, event)
        return
    await kit.end(event, UpdateState.REFUSED, f"not served: {event.update.kind}")
