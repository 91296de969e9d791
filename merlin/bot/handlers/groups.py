"""Groups: which messages are for the bot, settings, joining and leaving.

Commands, mentions and replies are for the bot. Personal
views and settings are shown in the private chat, to which a button leads. Everybody can read the
group's settings; to change them Telegram is asked who administers the group. The bot greets a
group once when it is added, and follows a migration to a supergroup.
"""

from dataclasses import replace
from functools import partial

from merlin.account.users import User, Users
from merlin.app import courses
from merlin.app.groups import Group, GroupMode, Groups
from merlin.bot import menu
from merlin.bot.commands import COMMANDS
from merlin.bot.context import BotContext
from merlin.bot.handlers.start import (
    LINKED_COMMANDS,
    USE_KINDS,
    private_chat_button,
)
from merlin.bot.menu import View, short_hash
from merlin.bot.registry import Handlers
from merlin.bot.updates import Addressee, find_addressee
from merlin.chat.turns import UpdateState
from merlin.core.errors import Refused
from merlin.core.formatted_text import (
    Button,
)
from merlin.core.i18n import LANGUAGES, text
from merlin.core.json_fields import get_integer, get_object

handlers = Handlers()
_MEMBER_STATUSES = frozenset({"creator", "administrator", "member"})
_GROUP_TYPES = frozenset({"group", "supergroup"})
_SETTINGS = ("groups-button-settings", "group:show")


async def handle_membership(context: BotContext) -> None:
    """Greet a group that added the bot, drop queued messages of one that removed it.

    A user does the same by blocking and unblocking the bot.
    """
    change = get_object(context.stored.body, "my_chat_member")
    status = get_object(change, "new_chat_member").get("status")
    is_group = get_object(change, "chat").get("type") in _GROUP_TYPES
    if is_group and status in _MEMBER_STATUSES:
        await context.fetch_bot_user()
        await context.show(lambda: _greet_group(context))
    elif is_group or context.is_private:
        await context.store.do(lambda: _leave_chat(context, status))
    else:
        await context.finish_silently(UpdateState.REFUSED, "not a group")


def _groups(context: BotContext) -> Groups:
    return Groups(context.db, context.bot_id)


def _group(context: BotContext) -> Group:
    return _groups(context).get(context.chat_id) or Group(context.chat_id)


def _greet_group(context: BotContext) -> View:
    """Store the group, and greet it if it is new or had removed the bot."""
    stored = _groups(context).get(context.chat_id)
    if stored is not None and not stored.is_gone:
        return View(None)
    group = _group(context)
    _groups(context).put(replace(group, moved_to=0))
    group_context = replace(context, language=group.language or context.language)
    return how_to_ask(group_context, "groups-hello")


def _leave_chat(context: BotContext, status: object) -> None:
    if status in {"left", "kicked"}:
        context.outbox.drop(context.chat_id)
        if context.is_private:
            Users(context.db).mark_unreachable(context.user_id)
        else:
            if _groups(context).get(context.chat_id) is None:
                _groups(context).put(Group(context.chat_id))
            _groups(context).mark_left(context.chat_id)
    context.finish(UpdateState.ANSWERED, "membership")


_DEFAULT = "default"


@handlers.command("settings")
@handlers.button("group")
async def settings(context: BotContext) -> None:
    """Show the group's settings to an administrator, or run the action of a button.

    Raises ChatUnreachable.
    """
    if context.is_private and not context.verb:
        await context.reply(context.translate("groups-settings-private"))
        return
    refusal = await _refuse_member(context)
    if not refusal:
        show = _change_setting if context.verb else _settings_view
        await context.show(lambda: show(context))
    else:
        show_refusal = partial(menu.error_view, context, Refused(refusal, refusal))
        await context.show(show_refusal, UpdateState.REFUSED, refusal)


def _change_setting(context: BotContext) -> View:
    action, value = (*context.arguments, "", "")[:2]
    if action == "datasets":
        return _datasets(context)
    if action == "show":
        return _settings_view(context)
    group = _with_setting(context, _group(context), action, value)
    if group is None:
        return menu.outdated_view(context)
    _groups(context).put(group)
    group_context = replace(
        context, language=group.language or context.user.speaks(context.language)
    )
    view = _settings_view(group_context)
    return replace(view, alert=group_context.translate("groups-saved"))


def _with_setting(context: BotContext, group: Group, action: str, value: str) -> Group | None:
    """Return the group with the setting of a button, None for an unknown setting."""
    match action:
        case "hears" if value in set(GroupMode):
            return replace(group, hears=GroupMode(value))
        case "language" if value in {*LANGUAGES, _DEFAULT}:
            return replace(group, language=None if value == _DEFAULT else value)
        case "renew" if value in {"all", "leaders"}:
            return replace(group, is_open=value == "all")
        case "dataset" if value == _DEFAULT:
            return replace(group, dataset=None)
        case "dataset":
            names = (name for name in _titles(context, LANGUAGES[0]) if short_hash(name) == value)
            name = next(names, None)
            return None if name is None else replace(group, dataset=name)
        case _:
            return None


def _settings_view(context: BotContext) -> View:
    group, translate = _group(context), context.translate
    dataset = _titles(context, context.language).get(group.dataset or "", group.dataset)
    lines = [
        translate("groups-settings"),
        "",
        translate("groups-hears", hears=group.hears.value),
        translate("groups-about", dataset=dataset or "none"),
        translate("groups-speaks", spoken=group.language or "none"),
        translate("groups-renews", who="all" if group.is_open else "leaders"),
    ]

    def button(label: str, data: str, is_chosen: bool) -> Button:  # noqa: FBT001 - one of three plain columns
        return menu.choice_button(label, f"group:{data}", is_chosen=is_chosen)

    asker = translate("groups-speaks-asker")
    return menu.message(
        context,
        "\n".join(lines),
        *(
            button(translate(f"groups-hears-{Hear}"), f"hears:{Hear}", group.hears is Hear)
            for Hear in GroupMode
        ),
        ("groups-button-datasets", "group:datasets:0"),
        [
            *(
                button(
                    text(language, "lang-name"), f"language:{language}", group.language == language
                )
                for language in LANGUAGES
            ),
            button(asker, f"language:{_DEFAULT}", group.language is None),
        ],
        (
            button(translate("groups-renews-all"), "renew:all", group.is_open),
            button(translate("groups-renews-leaders"), "renew:leaders", not group.is_open),
        ),
    )


def _datasets(context: BotContext) -> View:
    """Show a page of the datasets."""
    current, titles = _group(context).dataset, _titles(context, context.language)

    def entry(name: str) -> Button:
        return menu.choice_button(
            titles[name], f"group:dataset:{short_hash(name)}", is_chosen=name == current
        )

    default_choice = menu.choice_button(
        context.translate("courses-button-all"),
        f"group:dataset:{_DEFAULT}",
        is_chosen=current is None,
    )
    rows = menu.list_rows(list(titles), context.number(1), "group:datasets", entry)
    return menu.text_view(
        context, "groups-ask-dataset", *rows, default_choice, menu.back("group:show")
    )


def _titles(context: BotContext, language: str) -> dict[str, str]:
    """Return dataset -> title of those that the user may choose; within the store's work."""
    active = courses.read_active(context.services)
    names = courses.list_open_datasets(*context.caller)
    return {name: active.title(name, language) for name in names}


SETTINGS = "settings"
# Commands that work in a group, and those that change the group's common session.
_COMMANDS = frozenset({"new", "clear", "t", "tokens", "info", SETTINGS})
_SESSION_COMMANDS = frozenset({"new", "clear"})
_BUTTONS = frozenset({"stop", "again", "near", "rate", "fix", "tell", "why", "new", "group"})


async def filter_update(context: BotContext) -> bool:
    """Return whether an update of a group is to be processed; finish all others.

    Raises ChatUnreachable.
    """
    if context.stored.kind not in USE_KINDS:
        return True
    message = get_object(context.stored.body, "message")
    # The chat ids before and after a migration to a supergroup; never a private chat.
    old_id = min(get_integer(message, "migrate_from_chat_id"), 0)
    new_id = min(get_integer(message, "migrate_to_chat_id"), 0)
    if old_id or new_id:

        def store_move() -> None:
            _groups(context).move(old_id or context.chat_id, new_id or context.chat_id)
            context.finish(UpdateState.ANSWERED, "migrated")

        await context.store.do(store_move)
        return False
    await context.fetch_bot_user()
    group = apply_group(context, await context.store.read(lambda: _group(context)))
    if context.stored.kind == "callback_query":
        return await _filter_button(context)
    addressee = find_addressee(context.stored, context.bot.id, context.bot.username)
    if not _is_addressed(context, group, addressee):
        await context.finish_silently(UpdateState.REFUSED, "not for the bot")
    elif context.user.is_blocked:
        await context.finish_silently(UpdateState.REFUSED, "blocked")
    elif addressee.is_channel and not (addressee.is_anonymous and context.command == SETTINGS):
        await context.reply(context.translate("groups-not-a-person"), UpdateState.REFUSED, "a chat")
    else:
        if not addressee.is_anonymous:
            asker = User(context.user_id, context.stored.language_code)
            await context.store.do(lambda: Users(context.db).record_person(asker))
        return await (
            _filter_command(context) if context.command else _set_question(context, addressee)
        )
    return False


def apply_group(context: BotContext, group: Group) -> Group:
    """Apply the group's language and new chat id to the context; return the group."""
    context.language = group.language or context.language
    if not group.moved_to:
        return group
    # Telegram accepts no messages for the old chat; its message ids are invalid in the new one.
    context.stored = replace(context.stored, chat_id=group.moved_to)
    context.chat_id = group.moved_to
    context.message_id = context.thread_id = 0
    return replace(group, chat_id=group.moved_to)


def _is_addressed(context: BotContext, group: Group, addressee: Addressee) -> bool:
    if addressee.is_relayed or context.is_service:
        return False
    if context.command:
        return context.named_bot in {"", context.bot.username.lower()}
    if addressee.is_named:
        return True
    return addressee.is_reply and group.hears is not GroupMode.MENTION


async def _filter_command(context: BotContext) -> bool:
    if context.command in {"start", "help"}:
        await context.show(lambda: how_to_ask(context))
    elif context.command in _SESSION_COMMANDS and (refusal := await _refuse_restart(context)):
        await context.reply(context.translate(refusal), UpdateState.REFUSED)
    elif context.command in _COMMANDS:
        return True
    elif context.command in COMMANDS:
        command = context.command
        link = private_chat_button(context, command if command in LINKED_COMMANDS else "")
        await context.show(
            lambda: menu.text_view(context, "groups-private", link, command=f"/{command}")
        )
    else:
        # It may be a command of another bot in the group.
        await context.finish_silently(UpdateState.REFUSED, "no such command")
    return False


async def _set_question(context: BotContext, addressee: Addressee) -> bool:
    """Set the question of a message; a bare mention asks about the message replied to."""
    is_bare = not addressee.text and context.attachment is None
    context.attachment = context.with_replied().attachment
    if not is_bare:
        context.text = addressee.text
    elif context.attachment is None and not context.quoted:
        await context.show(lambda: how_to_ask(context))
        return False
    else:
        context.text, context.quoted = context.quoted, ""
    return True


def how_to_ask(context: BotContext, key: str = "groups-how") -> View:
    """Explain by the text `key` how to ask in a group."""
    bot_name = f"@{context.bot.username}"
    return menu.text_view(context, key, _SETTINGS, private_chat_button(context), bot=bot_name)


async def _refuse_restart(context: BotContext) -> str:
    """Return the key of why the user may not restart the group's session, "" if they may."""
    group = await context.store.read(lambda: _group(context))
    return "" if group.is_open else await _refuse_member(context)


async def _refuse_member(context: BotContext) -> str:
    """Return the key of why the user may not do what is for administrators, "" if they may."""
    if find_addressee(context.stored, context.bot.id, context.bot.username).is_anonymous:
        return ""
    is_admin = await context.is_admin(context.user_id)
    if is_admin is None:
        return "groups-admins-unknown"
    return "" if is_admin else "groups-leaders-only"


async def _filter_button(context: BotContext) -> bool:
    """Return whether a pressed button may run in a group; callback data is untrusted."""
    if context.verb == "plan":  # about personal data
        link = context.link("go_plan")
        await context.show(lambda: View(None, link=link))
        return False
    key = reason = ""
    if context.verb not in _BUTTONS or context.chat_id > 0:
        key, reason = "groups-private-button", "private"
    elif context.verb == "new":
        key, reason = await _refuse_restart(context), "leaders"
    if key:
        await context.show(lambda: menu.refusal(context, key), UpdateState.REFUSED, reason)
    return not key
