"""The bot as python-telegram-bot's Application: its guards, handlers and errors, in order.

An update is stored before it comes here, and the chat's order is kept by the processor. A guard
looks at it first; then the first handler that takes it deals with it whole and
ends it. What nothing takes is refused quietly.
"""

from __future__ import annotations

import telegram
from telegram.ext import (
    Application,
    ApplicationHandlerStop,
    BaseUpdateProcessor,
    CallbackQueryHandler,
    ContextTypes,
    ExtBot,
    MessageHandler,
    TypeHandler,
    filters,
)
from telegram.request import BaseRequest

from merlin.app.inbox import Dialogs, UpdateState
from merlin.app.outbox import Outbox
from merlin.bot import menu
from merlin.bot.context import (
    BotApplication,
    BotContext,
    BotData,
    callback_of,
    is_awaited,
)
from merlin.bot.handlers import (
    admin,
    broadcasts,
    examples,
    feedback,
    groups,
    jobs,
    models,
    orders,
    payments,
    people,
    plans,
    profile,
    questions,
    session_choices,
    sessions,
    start,
)
from merlin.bot.menu import View
from merlin.bot.rate_limiter import RateLimiter, SendClass
from merlin.bot.services import BotServices
from merlin.bot.updates import is_of_money
from merlin.chat.turns import Turns

_UNKNOWN_BOT = telegram.User(0, "", is_bot=True, username="")

_HANDLERS = (
    start,
    session_choices,
    sessions,
    groups,
    profile,
    plans,
    orders,
    feedback,
    admin,
    examples,
    jobs,
    models,
    people,
    payments,
    broadcasts,
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
        .context_types(ContextTypes(context=BotContext, bot_data=BotData))
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
    application.add_handler(TypeHandler(telegram.Update, _guard), group=-1)
    for each in _HANDLERS:
        each.register(application)
    written = filters.UpdateType.MESSAGE | filters.UpdateType.EDITED_MESSAGE
    application.add_handler(MessageHandler(written, callback_of(_answer_rest)))
    application.add_handler(CallbackQueryHandler(callback_of(_no_such_button)))
    application.add_handler(TypeHandler(telegram.Update, callback_of(_not_served)))
    application.add_error_handler(_leave_error)


async def _guard(_update: telegram.Update, context: BotContext) -> None:
    """Deal with what no handler is to see.

    A block is in no payment's way, nor is a message that the library cannot read.
    """
    if context.stored.kind == "message" and context.chat_id > 0 and not context.stored.body:
        # Stored under a key that is not here any more.
        await context.say(context.translate("bot-failed"), UpdateState.FAILED, "unreadable")
    elif is_of_money(context.stored):
        await orders.money_moved(context)
    elif (
        (not context.user.is_blocked or await start.turn_away(context))
        and (context.is_private or await groups.in_group(context))
        and await _in_private(context)
    ):
        return
    raise ApplicationHandlerStop


async def _leave_error(_update: object, _context: BotContext) -> None:
    """Leave the error to whoever let the update be processed: its context has it."""


async def _in_private(context: BotContext) -> bool:
    """Deal with what leads to a command, or was dealt with before a kill."""
    if context.stored.kind == "callback_query":
        return await _pressed(context)
    if not context.is_private or context.stored.kind != "message":
        return True
    if "via_bot" in context.stored.content and groups.is_shared(context):
        await context.end(UpdateState.REFUSED, "sent by way of the bot")
    elif context.command:
        return await _commanded(context)
    elif context.is_resumed and await _gone_on(context):
        return False
    elif is_awaited(context) and _is_left(context):
        await context.bot_data.commands["cancel"](context)
    else:
        return True
    return False


async def _pressed(context: BotContext) -> bool:
    if context.is_private:
        await context.bot_data.watches.drop(context.chat_id, context.message_id)
    if context.verb:
        return True
    # The library gives a press without data to the first handler that it has.
    await _no_such_button(context)
    return False


async def _commanded(context: BotContext) -> bool:
    """Wait for no words any more; follow a link to the command or question that it leads to."""
    is_left = context.dialog is not None and context.command != "cancel" and not context.is_resumed
    if is_left:
        dialogs = Dialogs(context.db, context.bot_id)
        await context.store.do(lambda: dialogs.end(context.chat_id, context.user_id))
    led = start.led_to(context)
    if start.asked_token(context):
        await groups.ask_linked(context)
    elif led is not context:
        await context.bot_data.commands[led.command](led)
    else:
        return True
    return False


def _is_left(context: BotContext) -> bool:
    """Return whether the button that ends a dialog was typed as it stands there."""
    label = context.translate("button-cancel")
    return context.text.strip().casefold() == label.casefold()


async def _gone_on(context: BotContext) -> bool:
    """Go on with words that were being dealt with before a kill; False where they were not.

    What the bot waited to hear when they came may have been heard since, or asked for since.
    """

    def read() -> tuple[bool, bool]:
        is_asked = Turns(context.db, context.bot_id).find(context.update_id) is not None
        return is_asked, bool(Outbox(context.db, context.bot_id).of_update(context.update_id))

    is_asked, is_answered = await context.store.do(read)
    if is_asked:
        await questions.answer_message(context)
    elif is_answered:
        await context.show(lambda: View(None))
    return is_asked or is_answered


async def _answer_rest(context: BotContext) -> None:
    """Answer a message that is no part of a dialog, or carry out a command as it was typed.

    Telegram marks only those in Latin letters, and the library takes only those for this bot.
    """
    if context.command and context.stored.kind == "message":
        await context.bot_data.commands.get(context.command, start.unknown)(context)
    else:
        await questions.answer_message(context)


async def _no_such_button(context: BotContext) -> None:
    words = context.translate("bot-button-old")
    await context.show(lambda: menu.alert(words), UpdateState.REFUSED, "no such button")


async def _not_served(context: BotContext) -> None:
    """Refuse an update of a kind that nothing takes; answer a message all the same.

    The library reads no message that lacks a field, and there Telegram may change its mind.
    """
    if context.stored.kind in {"message", "edited_message"}:
        await _answer_rest(context)
        return
    await context.end(UpdateState.REFUSED, f"not served: {context.stored.kind}")
