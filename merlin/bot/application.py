"""The bot as python-telegram-bot's Application: guards, handlers and error handling, in order.

Updates are stored before they are handled, and the processor keeps the order within each chat. A
guard runs first; then the first matching handler processes the update and stores its final state.
An update without a matching handler is refused without a reply.

A handler that raises is retried once, because the database or the disk may have been unavailable
for a moment. If the retry fails too, the user gets an error message and the update is final. Only
a database that accepts no writes keeps an update pending.
"""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import replace

import telegram
from telegram import ext
from telegram.request import BaseRequest

from merlin.account.users import Users
from merlin.app.inbox import STOPPED
from merlin.app.outbox import OutgoingMessage
from merlin.bot import handlers as handlers_package, menu
from merlin.bot.bot_api import ChatClosed, ChatUnreachable
from merlin.bot.context import (
    BotApplication,
    BotContext,
    BotData,
    Handler,
    ReceivedUpdate,
    Use,
    callback_of,
    find_target,
    handler_of,
    is_awaited,
    read_known_user,
)
from merlin.bot.handlers import groups, orders, questions, renewals, start
from merlin.bot.menu import View
from merlin.bot.processor import ChatProcessor, retry_until_stored
from merlin.bot.registry import admin_refusal
from merlin.bot.services import BotServices
from merlin.bot.transport import RateLimiter, SendClass, limits_of, pause
from merlin.bot.updates import is_payment_message
from merlin.chat.turns import UpdateState
from merlin.core.formatted_text import FormattedMessage
from merlin.core.log import get_logger
from merlin.db.driver_errors import DatabaseAway

log = get_logger(__name__)

_MODULES = [
    importlib.import_module(found.name)
    for found in pkgutil.iter_modules(
        handlers_package.__path__, f"{handlers_package.__name__}."
    )
]
_HANDLERS = [module.handlers for module in _MODULES if hasattr(module, "handlers")]
# What each command and button says of itself.
USES: Mapping[str, Use] = {
    name: use for handlers in _HANDLERS for name, use in handlers.uses.items()
}
# What the library does not know, by its kind; see `NEW_KINDS`.
_NEW_KINDS: Mapping[str, Handler] = {
    "subscription": renewals.receive_subscription,
}
_UNKNOWN_BOT = telegram.User(0, "", is_bot=True, username="")


def create_application(
    services: BotServices, transport: BaseRequest
) -> tuple[BotApplication, ChatProcessor]:
    """Return the application, without handlers, and its processor.

    The library's updater and job queue are off: updates and timers must survive a kill.
    """
    processor = ChatProcessor(
        lambda task: handle_update(application, task),
        lambda tasks, is_news: refuse_updates(application, tasks, is_news=is_news),
        USES,
    )
    bot: ext.ExtBot[SendClass] = _Bot(
        services.token,
        base_url=services.base_url,
        base_file_url=f"{services.base_url.removesuffix('/bot')}/file/bot",
        request=transport,
        get_updates_request=transport,
        rate_limiter=RateLimiter(limits_of(services.config.telegram.base_url)),
    )
    application: BotApplication = (
        ext.Application.builder()
        .bot(bot)
        .concurrent_updates(processor)
        .context_types(ext.ContextTypes(context=BotContext, bot_data=BotData))
        .updater(None)
        .job_queue(None)
        .build()
    )
    return application, processor


class _Bot(ext.ExtBot[SendClass]):
    """The library's bot, usable before getMe has succeeded.

    The library calls getMe first and processes no update until Telegram responds.
    """

    async def initialize(self) -> None:
        """Skip getMe: `Bot` in main.py retries it until it succeeds."""

    @property
    def bot(self) -> telegram.User:
        """Return the bot's own user; one with an empty name until getMe has succeeded."""
        try:
            return super().bot
        except RuntimeError:
            return _UNKNOWN_BOT


def register(application: BotApplication) -> None:
    """Add every guard, and the handlers of each module of `merlin.bot.handlers`."""
    application.add_handler(ext.TypeHandler(telegram.Update, _guard), group=-1)
    application.bot_data.uses.update(USES)
    for handlers in _HANDLERS:
        handlers.add_to(application)
    own_membership = ext.ChatMemberHandler.MY_CHAT_MEMBER
    application.add_handler(
        ext.ChatMemberHandler(callback_of(groups.handle_membership), own_membership)
    )
    application.add_handler(
        ext.PreCheckoutQueryHandler(callback_of(orders.answer_checkout))
    )
    messages = ext.filters.UpdateType.MESSAGE
    application.add_handler(ext.MessageHandler(messages, callback_of(_answer_other)))
    application.add_handler(ext.CallbackQueryHandler(callback_of(_refuse_button)))
    application.add_handler(
        ext.TypeHandler(telegram.Update, callback_of(_refuse_unsupported))
    )
    application.add_error_handler(_ignore_error)


async def _guard(_update: telegram.Update, context: BotContext) -> None:
    """Process the updates that must not reach a handler.

    Payments are processed even if the user is blocked.
    """
    name = context.sender_name
    if name and context.user.shown_name not in {"", name}:
        await context.store.do(
            lambda: Users(context.db).set_name(context.user_id, name)
        )
    is_unread = context.stored.kind == "message" and context.received.message is None
    if is_unread and context.chat_id > 0:
        # Most likely encrypted with a key that is no longer configured.
        await context.reply(
            context.translate("bot-failed"), UpdateState.FAILED, "unreadable"
        )
    elif context.stored.kind == STOPPED:
        await questions.stop_draft(context)
    elif is_payment_message(context.received):
        await orders.receive_payment_update(context)
    elif new := _NEW_KINDS.get(context.stored.kind):
        await new(context)
    elif (
        (not context.user.is_blocked or await start.refuse_blocked(context))
        and (context.is_private or await groups.filter_update(context))
        and await _dispatch_private(context)
    ):
        return
    raise ext.ApplicationHandlerStop


async def _ignore_error(_update: object, _context: BotContext) -> None:
    """Do nothing: `_handle` raises the error, which the context holds."""


async def _dispatch_private(context: BotContext) -> bool:
    """Process commands and updates resumed after a kill; return whether handlers should run."""
    if context.stored.kind == "callback_query":
        return await _dispatch_press(context)
    if not context.is_private or context.stored.kind != "message":
        return True
    # The label of the cancel button may also be typed.
    is_left = (
        context.text.strip().casefold() == context.translate("button-cancel").casefold()
    )
    if context.command:
        return await _dispatch_command(context)
    if context.is_resumed and await _resume_message(context):
        return False
    if is_left and is_awaited(context):
        await context.bot_data.commands["cancel"](context)
        return False
    return True


async def _dispatch_press(context: BotContext) -> bool:
    if context.verb:
        return True
    # The library passes a callback query without data to its first handler.
    await _refuse_button(context)
    return False


async def _dispatch_command(context: BotContext) -> bool:
    """End the dialog; resolve a deep link to its command.

    Return whether handlers should run.
    """
    if context.is_in_dialog and context.command != "cancel" and not context.is_resumed:
        await context.store.do(context.leave_form)
    linked = start.follow_link(context)
    if linked is not context:
        await context.bot_data.commands[linked.command](linked)
    else:
        return True
    return False


async def _resume_message(context: BotContext) -> bool:
    """Resume a message whose processing a kill interrupted; return False if it had not started.

    The dialog may have changed since the message arrived, so it is not consulted.
    """

    def read() -> tuple[bool, bool]:
        is_asked = context.turns.find(context.update_id) is not None
        return is_asked, bool(context.outbox.list_of_update(context.update_id))

    is_asked, is_answered = await context.store.do(read)
    if is_asked:
        await questions.answer_message(context)
    elif is_answered:
        await context.show(lambda: View(None))
    return is_asked or is_answered


async def _answer_other(context: BotContext) -> None:
    """Answer a message that a dialog waits for, or a question, or a command of another form.

    Telegram marks only commands in Latin letters, and the library matches only those of this bot.
    """
    if is_awaited(context) and context.step in context.bot_data.steps:
        await context.bot_data.steps[context.step](context)
    elif context.command:
        unknown = handler_of(admin_refusal)
        await context.bot_data.commands.get(context.command, unknown)(context)
    else:
        await questions.answer_message(context)


async def _refuse_button(context: BotContext) -> None:
    await context.show(
        lambda: menu.outdated_view(context), UpdateState.REFUSED, "no such button"
    )


async def _refuse_unsupported(context: BotContext) -> None:
    """Refuse an update of a kind that the bot does not ask for, or that could not be read."""
    await context.finish_silently(
        UpdateState.REFUSED, f"not served: {context.stored.kind}"
    )


async def handle_update(application: BotApplication, task: ReceivedUpdate) -> None:
    """Process one update until it is final; raises nothing but CancelledError."""
    services = application.bot_data.services
    context = BotContext.create(application, task)
    known = task.known
    if known is None:
        # An exception here would leave the rest of the queue unprocessed until a restart.
        trouble = "a person could not be looked up"
        known = await retry_until_stored(
            services, lambda: read_known_user(services, task.stored), trouble
        )
    user, dialog = known
    context = replace(
        context,
        language=user.speaks(context.language),
        dialog=dialog,
        user=user,
    )
    attempt = 0
    # Each attempt has its own context: guards modify it.
    while not await _try_update(replace(context), is_first=attempt % 2 == 0):
        await pause(attempt, services.pace.longest_pause_s)
        context = replace(context, is_resumed=True)
        attempt += 1


async def _try_update(context: BotContext, *, is_first: bool) -> bool:
    """Try once to handle an update; after the second failure send the error message instead."""
    try:
        await _handle_unreachable(_handle, context)
    except DatabaseAway as away:
        # No failure of the update: it is tried until the database is back.
        log.warning(
            "an update waits for the database",
            update=context.update_id,
            reason=str(away),
        )
        return False
    except Exception:
        log.exception("an update could not be handled", update=context.update_id)
    else:
        return True
    if is_first:
        return False
    try:
        await _handle_unreachable(questions.give_up, context)
    except Exception:
        log.exception("an update could not be ended", update=context.update_id)
        return False
    return True


async def _handle(context: BotContext) -> None:
    """Run the application's handlers on an update. Raises what a handler raised."""
    contexts = context.bot_data.contexts
    contexts[context.update_id] = context
    try:
        await context.bot_application.process_update(context.received)
    finally:
        del contexts[context.update_id]
    if context.error is not None:
        raise context.error


async def _handle_unreachable(handle: Handler, context: BotContext) -> None:
    """Run `handle` on an update; mark the update failed if its chat is unreachable."""
    try:
        await handle(context)
    except ChatUnreachable as reason:
        log.info("a chat cannot receive messages", chat=context.chat_id)
        is_closed = isinstance(reason, ChatClosed)

        def leave() -> None:
            if not is_closed:
                context.outbox.drop(context.chat_id)
            # A question counts once it has an answer, also one that could not be sent.
            context.quotas.give_back(context.update_id)
            context.finish(UpdateState.FAILED, "unreachable")

        await context.store.do(leave)


async def refuse_updates(
    application: BotApplication, tasks: Sequence[ReceivedUpdate], *, is_news: bool
) -> None:
    """Refuse messages of one chat whose queue is full; if `is_news`, tell the user how many.

    Those that were refused already stay so.
    """
    services = application.bot_data.services
    *others, last = tasks
    newest = BotContext.create(application, replace(last, joined=tuple(others)))

    def work() -> None:
        if is_news:
            _put_notice(newest, len(tasks))
        newest.finish(UpdateState.REFUSED, "queue full")

    await retry_until_stored(services, work, "updates could not be refused")
    for task in tasks:
        if task.update.callback_query:
            await BotContext.create(application, task).answer_press()


def _put_notice(context: BotContext, count: int) -> None:
    if not context.is_private:
        return
    services = context.services
    user, _ = read_known_user(services, context.stored)
    localised = replace(context, language=user.speaks(context.language))
    page = FormattedMessage(localised.translate("bot-queue-full", count=count))
    letter = f"full:{context.update_id}"
    target = find_target(context)
    services.outbox.put([OutgoingMessage(letter, context.chat_id, page, target=target)])
