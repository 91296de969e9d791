"""Groups: which messages are for the bot, joining and leaving.

Commands, mentions and replies are for the bot. Personal views are shown in the private chat, to
which a button leads. The bot greets a group once when it is added, and follows a migration to a
supergroup.
"""

from merlin.account.users import User, Users
from merlin.app.groups import Group, Groups
from merlin.bot import menu
from merlin.bot.context import BotContext, Use
from merlin.bot.handlers.start import (
    USE_KINDS,
    find_starters,
    private_chat_button,
)
from merlin.bot.menu import View
from merlin.bot.updates import Addressee, find_addressee
from merlin.chat.turns import UpdateState

_MEMBER_STATUSES = frozenset({"creator", "administrator", "member"})
_GROUP_TYPES = frozenset({"group", "supergroup"})


async def handle_membership(context: BotContext) -> None:
    """Greet a group that added the bot, drop queued messages of one that removed it.

    A user does the same by blocking and unblocking the bot.
    """
    change = context.received.my_chat_member
    status = change.new_chat_member.status if change else ""
    is_group = bool(change and change.chat.type in _GROUP_TYPES)
    if is_group and status in _MEMBER_STATUSES:
        await context.fetch_bot_user()
        await context.show(lambda: _greet_group(context))
    elif is_group or context.is_private:
        await context.store.do(lambda: _leave_chat(context, status))
    else:
        await context.finish_silently(UpdateState.REFUSED, "not a group")


def _groups(context: BotContext) -> Groups:
    return Groups(context.db, context.bot_id)


def _greet_group(context: BotContext) -> View:
    """Store the group, and greet it if it is new or had removed the bot."""
    stored = _groups(context).get(context.chat_id)
    if stored is not None and not stored.is_gone:
        return View(None)
    _groups(context).put(Group(context.chat_id))
    return how_to_ask(context, "groups-hello")


def _leave_chat(context: BotContext, status: object) -> None:
    if status in {"left", "kicked"}:
        context.outbox.drop(context.chat_id)
        if not context.is_private:
            if _groups(context).get(context.chat_id) is None:
                _groups(context).put(Group(context.chat_id))
            _groups(context).mark_left(context.chat_id)
    context.finish(UpdateState.ANSWERED, "membership")


async def filter_update(context: BotContext) -> bool:
    """Return whether an update of a group is to be processed; finish all others.

    Raises ChatUnreachable.
    """
    if context.stored.kind not in USE_KINDS:
        return True
    message = context.received.message
    # The chat ids before and after a migration to a supergroup.
    old_id = (message and message.migrate_from_chat_id) or 0
    new_id = (message and message.migrate_to_chat_id) or 0
    if old_id or new_id:

        def store_move() -> None:
            _groups(context).move(old_id or context.chat_id, new_id or context.chat_id)
            context.finish(UpdateState.ANSWERED, "migrated")

        await context.store.do(store_move)
        return False
    await context.fetch_bot_user()
    await context.follow_move()
    if context.stored.kind == "callback_query":
        return await _filter_button(context)
    addressee = find_addressee(message, context.bot.id, context.bot.username)
    if not _is_addressed(context, addressee):
        await context.finish_silently(UpdateState.REFUSED, "not for the bot")
    elif context.user.is_blocked:
        await context.finish_silently(UpdateState.REFUSED, "blocked")
    elif addressee.is_channel:
        await context.reply(
            context.translate("groups-not-a-person"), UpdateState.REFUSED, "a chat"
        )
    else:
        asker = User(context.user_id, context.stored.language_code)
        await context.store.do(lambda: Users(context.db).record([asker]))
        return await (
            _filter_command(context)
            if context.command
            else _set_question(context, addressee)
        )
    return False


def _is_addressed(context: BotContext, addressee: Addressee) -> bool:
    chat = context.received.effective_chat
    if addressee.is_relayed or context.is_service or (chat and chat.is_direct_messages):
        return False
    if context.command:
        return context.named_bot in {"", context.bot.username.lower()}
    return addressee.is_named or addressee.is_reply


async def _filter_command(context: BotContext) -> bool:
    if context.command in {"start", "help"}:
        await context.show(lambda: how_to_ask(context))
    elif Use.IN_GROUPS in context.use:
        return True
    elif context.command in context.bot_data.commands:
        command = context.command
        is_linked = Use.BY_LINK in context.use
        link = private_chat_button(context, command if is_linked else "")
        await context.show(
            lambda: menu.text_view(
                context, "groups-private", link, command=f"/{command}"
            )
        )
    else:
        # It may be a command of another bot in the group.
        await context.finish_silently(UpdateState.REFUSED, "no such command")
    return False


async def _set_question(context: BotContext, addressee: Addressee) -> bool:
    """Set the question of a message; a bare mention asks about the message replied to."""
    is_bare = not addressee.text and not context.has_file
    if is_bare and not addressee.is_named:
        # A sticker to an answer asks nothing.
        await context.finish_silently(UpdateState.REFUSED, "not served: no words")
        return False
    # The words of the message replied to stay its quote.
    context.attachments = context.with_replied().attachments
    if not is_bare:
        context.text = addressee.text
    elif not (context.has_file or context.quoted):
        if context.unread:
            text = context.translate("media-other")
            await context.reply(text, UpdateState.REFUSED, "not served: not understood")
        else:
            await context.show(lambda: how_to_ask(context))
        return False
    else:
        context.text = context.quoted
        context.quoted = ""
    return True


def how_to_ask(context: BotContext, key: str = "groups-how") -> View:
    """Explain by the text `key` how to ask in a group."""
    bot_name = f"@{context.bot.username}"
    _, questions = find_starters(context)
    question = next(iter(questions), context.translate("groups-example"))
    link = private_chat_button(context)
    return menu.text_view(context, key, link, bot=bot_name, question=question)


async def _filter_button(context: BotContext) -> bool:
    """Return whether a pressed button may run in a group; callback data is untrusted."""
    if context.verb == "plan":  # about personal data
        link = context.link("go_plan")
        await context.show(lambda: View(None, link=link))
        return False
    if Use.IN_GROUPS in context.use and context.chat_id < 0:
        return True
    refusal = menu.refusal(context, "groups-private-button")
    await context.show(lambda: refusal, UpdateState.REFUSED, "private")
    return False
