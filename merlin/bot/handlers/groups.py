"""Groups: who may speak and what is for the bot, settings, coming and going; inline queries.

Commands, mentions and replies are for the bot; under the group's own setting also whatever is
asked. What shows or changes a person's own things is done in the private chat, to which a button
leads. Everybody sees the settings; whoever presses a button on them is looked at anew: Telegram is
asked who the group's administrators are. The bot is let in and greets once, is taken out, and
follows a move.

Inline queries (`@bot words`, typed in any chat) are answered at once and without asking a model:
the person's own answers, taught examples, and a message whose button asks in the private chat.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from telegram.ext import ChatMemberHandler, InlineQueryHandler

from merlin.account.users import User, Users
from merlin.app import courses
from merlin.app.groups import Group, Groups, Hears, InlineWords, Said
from merlin.app.inbox import UpdateState, json_object
from merlin.app.outbox import Outbox
from merlin.bot import menu
from merlin.bot.addressing import Address, address_of, named_bot
from merlin.bot.bot_api import keyboard, message_fields
from merlin.bot.commands import COMMANDS
from merlin.bot.context import (
    BotApplication,
    BotContext,
    GuardGroup,
    add_guard,
    add_handlers,
    callback_of,
)
from merlin.bot.entities import first_part
from merlin.bot.handlers.questions import answer_question
from merlin.bot.handlers.start import PRIVATE, asked_token, question_payload, to_private
from merlin.bot.markdown import render
from merlin.bot.menu import View
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.chat.prompt import Prompt
from merlin.core.formatted_text import Button, Entity, FormattedMessage, utf16_length
from merlin.core.i18n import LANGUAGES, text

_PRESENT = frozenset({"creator", "administrator", "member"})
_GROUPS = frozenset({"group", "supergroup"})


async def membership(context: BotContext) -> None:
    """Greet a group that let the bot in, forget what waits for one that took it out.

    A person does so by blocking the bot and letting it in again.
    """
    change = json_object(context.stored.body, "my_chat_member")
    status = json_object(change, "new_chat_member").get("status")
    if context.is_private:
        await context.store.do(lambda: _blocked_or_not(context, status))
    elif json_object(change, "chat").get("type") not in _GROUPS:
        await context.end(UpdateState.REFUSED, "not a group")
    elif status in _PRESENT:
        await context.learn_bot()
        await context.show(lambda: _come(context))
    else:
        await context.store.do(lambda: _gone(context, status))


def _blocked_or_not(context: BotContext, status: object) -> None:
    if status in {"kicked", "left"}:
        Users(context.db).unreachable(context.user_id)
        Outbox(context.db, context.bot_id).drop(context.chat_id)
    context.finish(UpdateState.ANSWERED, "membership")


def _come(context: BotContext) -> View:
    """Keep the group, and greet it where it is new or was left."""
    known = Groups(context.db, context.bot_id).get(context.chat_id)
    if known is not None and not known.is_gone:
        return View(None)
    group = known or Group(context.chat_id)
    Groups(context.db, context.bot_id).put(replace(group, moved_to=0))
    language = group.language or context.language
    there = replace(context, language=language)
    words = text(language, "groups-hello", bot=f"@{context.bot.username}")
    choices = Button(text(language, "groups-button-settings"), "group:show")
    return menu.message(words, (choices,), (to_private(there),))


def _gone(context: BotContext, status: object) -> None:
    if status in {"left", "kicked"}:
        Outbox(context.db, context.bot_id).drop(context.chat_id)
        if Groups(context.db, context.bot_id).get(context.chat_id) is None:
            Groups(context.db, context.bot_id).put(Group(context.chat_id))
        Groups(context.db, context.bot_id).left(context.chat_id)
    context.finish(UpdateState.ANSWERED, "membership")


def migrated_to(context: BotContext) -> int:
    """Return the supergroup that the chat of this message became, 0 for none."""
    return _number(context, "migrate_to_chat_id")


def migrated_from(context: BotContext) -> int:
    """Return the chat that became this supergroup, 0 for none."""
    return _number(context, "migrate_from_chat_id")


def _number(context: BotContext, name: str) -> int:
    found = json_object(context.stored.body, "message").get(name)
    return found if isinstance(found, int) and found < 0 else 0


_DEFAULT = "default"
_MARK_LENGTH = 12


async def settings(context: BotContext) -> None:
    """Show the settings of the group to one of its administrators. Raises ChatUnreachable."""
    if context.is_private:
        await context.say(context.translate("groups-settings-private"))
        return
    if not await _leads(context):
        words = context.translate("groups-leaders-only")
        await context.say(words, UpdateState.REFUSED, "not an administrator")
        return
    hears_all = await _hears_all(context)
    await context.show(lambda: _page(context, hears_all=hears_all))


async def pressed(context: BotContext) -> None:
    """Do what a button of the settings says, if an administrator pressed it."""
    if not await _leads(context):
        words = context.translate("groups-leaders-only")
        await context.show(lambda: menu.alert(words, is_loud=True), UpdateState.REFUSED)
        return
    hears_all = await _hears_all(context)
    await context.show(lambda: _done(context, hears_all=hears_all))


async def _leads(context: BotContext) -> bool:
    if not context.verb:
        address = address_of(context.stored, context.bot.id, context.bot.username)
        if address.is_anonymous:
            return True
    return await context.is_admin(context.user_id)


async def _hears_all(context: BotContext) -> bool:
    """Return whether Telegram shows the bot every message of this group."""
    await context.calls.refresh_bot()
    return context.bot.can_read_all_group_messages or await context.is_admin(context.bot.id)


def _done(context: BotContext, *, hears_all: bool) -> View:
    what, word = (*context.arguments, "", "")[:2]
    if what == "datasets":
        return _datasets(context)
    if what == "show":
        return _page(context, hears_all=hears_all)
    group = _group(context)
    change = _CHANGES[what](context, group, word) if what in _CHANGES else None
    if change is None:
        return menu.alert(context.translate("bot-button-old"))
    Groups(context.db, context.bot_id).put(change)
    there = replace(context, language=change.language or context.user.speaks(context.language))
    screen = _page(there, hears_all=hears_all)
    return replace(screen, alert=text(there.language, "groups-kept"))


def _group(context: BotContext) -> Group:
    return Groups(context.db, context.bot_id).get(context.chat_id) or Group(context.chat_id)


def _with_hearing(_context: BotContext, group: Group, word: str) -> Group | None:
    found = [each for each in Hears if each.value == word]
    return replace(group, hears=found[0]) if found else None


def _speaking(_context: BotContext, group: Group, word: str) -> Group | None:
    if word not in {*LANGUAGES, _DEFAULT}:
        return None
    return replace(group, language=None if word == _DEFAULT else word)


def _opening(_context: BotContext, group: Group, word: str) -> Group | None:
    return replace(group, is_open=word == "all") if word in {"all", "leaders"} else None


def _knowing(context: BotContext, group: Group, word: str) -> Group | None:
    if word == _DEFAULT:
        return replace(group, dataset=None)
    found = [each for each in _titles(context, LANGUAGES[0]) if _marked(each) == word]
    return replace(group, dataset=found[0]) if found else None


_CHANGES: Mapping[str, Callable[[BotContext, Group, str], Group | None]] = {
    "hears": _with_hearing,
    "language": _speaking,
    "renew": _opening,
    "dataset": _knowing,
}


def _page(context: BotContext, *, hears_all: bool) -> View:
    group, language = _group(context), context.language
    dataset = _titles(context, language).get(group.dataset or "", group.dataset)
    lines = [
        text(language, "groups-settings"),
        "",
        text(language, "groups-hears", hears=group.hears.value),
        text(language, "groups-about", dataset=dataset or "none"),
        text(language, "groups-speaks", spoken=group.language or "none"),
        text(language, "groups-renews", who="all" if group.is_open else "leaders"),
    ]
    if group.hears is Hears.QUESTION and not hears_all:
        lines += ["", text(language, "groups-deaf")]
    return menu.message("\n".join(lines), *_rows(group, language))


def _rows(group: Group, language: str) -> list[tuple[Button, ...]]:
    hears = [
        (
            _choice(
                language, f"groups-hears-{each.value}", f"hears:{each.value}", group.hears is each
            ),
        )
        for each in Hears
    ]
    speaks = tuple(
        _choice(each, "lang-name", f"language:{each}", group.language == each) for each in LANGUAGES
    )
    asker = _choice(language, "groups-speaks-asker", f"language:{_DEFAULT}", group.language is None)
    renews = (
        _choice(language, "groups-renews-all", "renew:all", group.is_open),
        _choice(language, "groups-renews-leaders", "renew:leaders", not group.is_open),
    )
    datasets = Button(text(language, "groups-button-datasets"), "group:datasets:0")
    return [*hears, (datasets,), (*speaks, asker), renews]


def _choice(language: str, key: str, data: str, is_chosen: bool) -> Button:  # noqa: FBT001 - one of four plain columns
    mark = "✓ " if is_chosen else ""
    return Button(f"{mark}{text(language, key)}", f"group:{data}")


def _datasets(context: BotContext) -> View:
    """Show the datasets, eight at a time."""
    group, titles = _group(context), _titles(context, context.language)
    shown, place = menu.paginate(list(titles), context.number(1))
    rows = [
        (Button(f"{'✓ ' if name == group.dataset else ''}{titles[name]}", _choose(name)),)
        for name in shown
    ]
    usual = _choice(
        context.language, "groups-about-default", f"dataset:{_DEFAULT}", group.dataset is None
    )
    back = menu.button(context, "button-back", "group:show")
    turn = menu.page_buttons("group:datasets", place, len(titles))
    return menu.message(context.translate("groups-ask-dataset"), *rows, *turn, (usual,), (back,))


def _choose(name: str) -> str:
    return f"group:dataset:{_marked(name)}"


def _marked(name: str) -> str:
    """Return what stands for a dataset in a button: names may be long, and lists change."""
    return hashlib.sha256(name.encode()).hexdigest()[:_MARK_LENGTH]


def _titles(context: BotContext, language: str) -> dict[str, str]:
    """Return dataset -> title of whatever serves or is a course; within the store's work."""
    serving = {each.dataset: each.dataset for each in ModelCatalogue(context.db).all_serving()}
    return {**serving, **courses.titles(context.services, language)}


# Own answers change with every question, so nothing is kept for long; and for nobody else.
CACHE_S = 10
MOST_OWN = 5
MOST_TAUGHT = 5
MOST_LETTERS = 256
_TITLE, _LINE = 80, 120
_ASKED = "❓ "


async def answer_inline(context: BotContext) -> None:
    """Answer an inline query and end it; who is blocked gets nothing."""
    query = context.stored.body.get("inline_query")
    said = query.get("query") if isinstance(query, dict) else None
    words = said.strip()[:MOST_LETTERS] if isinstance(said, str) else ""
    fields: dict[str, Any] = {
        "inline_query_id": context.query_id,
        "cache_time": CACHE_S,
        "is_personal": True,
        "results": [],
    }
    await context.learn_bot()
    if context.user.is_blocked or context.is_resumed:
        words = ""
    elif words:
        fields["results"] = await context.store.do(lambda: _results(context, words))
    else:
        hint = context.translate("inline-hint")
        fields["button"] = {"text": hint, "start_parameter": "inline"}
    await context.calls.answer("answerInlineQuery", fields)
    await context.end(UpdateState.ANSWERED if words else UpdateState.REFUSED, "inline")


def _results(context: BotContext, words: str) -> list[dict[str, Any]]:
    own = InlineWords(context.db, context.bot_id).own(context.user_id, words, MOST_OWN)
    serving = ModelCatalogue(context.db).serving(context.services.default_dataset)
    build_id = serving.model.build_id if serving is not None else 0
    taught = (
        InlineWords(context.db, context.bot_id).taught(build_id, words, MOST_TAUGHT)
        if build_id
        else []
    )
    return [
        _question_result(context, words),
        *_answer_results("own", own),
        *_answer_results("taught", taught),
    ]


def _answer_results(kind: str, found: Sequence[Said]) -> list[dict[str, Any]]:
    """Return results that put a question with its answer into the chat."""
    return [
        {
            "type": "article",
            "id": f"{kind}:{place}",
            "title": _cut(each.question, _TITLE),
            "description": _cut(each.answer, _LINE),
            "input_message_content": _content(_answered(each)),
        }
        for place, each in enumerate(found)
    ]


def _answered(said: Said) -> FormattedMessage:
    head = _cut(said.question, MOST_LETTERS)
    body = render(said.answer)
    start = utf16_length(head) + 2
    moved = tuple(replace(mark, offset=mark.offset + start) for mark in body.marks)
    whole = FormattedMessage(
        f"{head}\n\n{body.text}", (Entity("bold", 0, utf16_length(head)), *moved)
    )
    return first_part(whole)


def _content(page: FormattedMessage) -> dict[str, Any]:
    fields = message_fields(page)
    fields.pop("reply_markup", None)
    return {"message_text": fields.pop("text"), **fields}


def _question_result(context: BotContext, words: str) -> dict[str, Any]:
    """Return the result that puts a question into the chat, with the way to ask it."""
    token = InlineWords(context.db, context.bot_id).keep(context.user_id, words)
    label = context.translate("inline-button-ask")
    button = Button(label, url=context.link(question_payload(token)))
    page = FormattedMessage(f"{_ASKED}{words}", buttons=((button,),))
    return {
        "type": "article",
        "id": "ask",
        "title": context.translate("inline-ask"),
        "description": _cut(words, _LINE),
        "input_message_content": _content(page),
        **keyboard(page),
    }


def _cut(words: str, most: int) -> str:
    line = " ".join(words.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def is_shared(context: BotContext) -> bool:
    """Return whether a message shows what inline mode found, and so asks nothing."""
    message = context.stored.body.get(context.stored.kind)
    is_ours = isinstance(message, dict) and "via_bot" in message
    return is_ours and not context.text.startswith(_ASKED)


async def ask_linked(context: BotContext) -> None:
    """Ask the question that a link of an inline message leads to. Raises ChatUnreachable."""
    token = asked_token(context)
    question = await context.store.read(
        lambda: InlineWords(context.db, context.bot_id).question(token)
    )
    if question is None:
        await context.say(context.translate("inline-gone"), UpdateState.REFUSED, "gone")
        return
    note = context.translate("inline-asked", question=question)

    async def same(_context: BotContext) -> Prompt:
        return Prompt(question, note=note)

    await answer_question(replace(context, text=question, command="", words=""), same)


SETTINGS = "settings"
# What is carried out in a group; begins or ends what the group has in common.
_COMMANDS = frozenset({"new", "clear", "t", "tokens", "info", SETTINGS})
_RENEWING = frozenset({"new", "clear"})
# Buttons of a person's own things, by the command that shows them in the private chat.
_PERSONAL = frozenset({"plan"})
_KINDS = frozenset({"message", "edited_message", "callback_query"})
_BUTTONS = frozenset({"stop", "again", "rate", "fix", "why", "sum", "new", "group"})


async def in_group(context: BotContext) -> bool:
    """Let through what somebody in a group said to the bot or pressed; end the rest. A guard.

    Raises ChatUnreachable.
    """
    if context.is_private or context.stored.kind not in _KINDS:
        return True
    old_id, new_id = migrated_from(context), migrated_to(context)
    if old_id or new_id:
        await _move(context, old_id or context.chat_id, new_id or context.chat_id)
        return False
    await context.learn_bot()
    group = await context.store.read(
        lambda: Groups(context.db, context.bot_id).get(context.chat_id)
    )
    group = at_home(context, group or Group(context.chat_id))
    if context.stored.kind == "callback_query":
        return await _pressed(context)
    address = address_of(context.stored, context.bot.id, context.bot.username)
    if not _is_meant(context, group, address):
        await context.end(UpdateState.REFUSED, "not for the bot")
    elif context.user.is_blocked:
        await context.end(UpdateState.REFUSED, "blocked")
    elif address.is_channel and not (address.is_anonymous and context.command == SETTINGS):
        await context.say(context.translate("groups-nobody"), UpdateState.REFUSED, "a chat")
    else:
        await context.store.do(lambda: Users(context.db).met(_asker(context)))
        return await (_commanded(context) if context.command else _ask(context, address))
    return False


async def _move(context: BotContext, old_id: int, new_id: int) -> None:
    def work() -> None:
        Groups(context.db, context.bot_id).move(old_id, new_id)
        context.finish(UpdateState.ANSWERED, "migrated")

    await context.store.do(work)


def at_home(context: BotContext, group: Group) -> Group:
    """Let a context be in the language, and the chat, that its group has now; return the group."""
    context.language = group.language or context.language
    if not group.moved_to:
        return group
    # Telegram sends nothing to the old chat; its messages have no number in the new one.
    context.stored = replace(context.stored, chat_id=group.moved_to)
    context.message_id = context.thread_id = 0
    return replace(group, chat_id=group.moved_to)


def _asker(context: BotContext) -> User:
    return User(context.user_id, context.stored.language_code)


def _is_meant(context: BotContext, group: Group, address: Address) -> bool:
    if address.is_alien or context.is_service:
        return False
    if context.command:
        return named_bot(context.stored) in {"", context.bot.username.lower()}
    if address.is_named:
        return True
    if address.is_reply:
        return group.hears is not Hears.MENTION
    return group.hears is Hears.QUESTION and address.is_asking and not address.is_to_other


async def _commanded(context: BotContext) -> bool:
    if context.stored.kind == "edited_message":
        await context.end(UpdateState.REFUSED, "an edited command")
    elif context.command in {"start", "help"}:
        await context.show(lambda: how_to_ask(context))
    elif context.command in _RENEWING and not await may_renew(context):
        await context.say(context.translate("groups-leaders-only"), UpdateState.REFUSED)
    elif context.command in _COMMANDS:
        return True
    elif context.command in COMMANDS:
        words = context.translate("groups-private", command=f"/{context.command}")
        link = to_private(context, context.command if context.command in PRIVATE else "")
        await context.show(lambda: menu.message(words, (link,)))
    else:
        # Another bot of the group may know it.
        await context.end(UpdateState.REFUSED, "no such command")
    return False


async def _ask(context: BotContext, address: Address) -> bool:
    """Let what was said to the bot be asked; a bare mention asks about what it replies to."""
    is_bare = not address.text and context.sent is None
    context.sent = context.with_replied().sent
    if not is_bare:
        context.text = address.text
    elif context.sent is None and not context.quoted:
        await context.show(lambda: how_to_ask(context))
        return False
    else:
        context.text, context.quoted = context.quoted, ""
    return True


def how_to_ask(context: BotContext) -> View:
    """Tell in a few words how to ask in a group."""
    words = context.translate("groups-how", bot=f"@{context.bot.username}")
    choices = menu.button(context, "groups-button-settings", "group:show")
    return menu.message(words, (choices,), (to_private(context),))


async def may_renew(context: BotContext) -> bool:
    """Return whether somebody may begin the group's session anew."""
    group = await context.store.read(
        lambda: Groups(context.db, context.bot_id).get(context.chat_id)
    )
    if group is None or group.is_open:
        return True
    return await context.is_admin(context.user_id)


async def _pressed(context: BotContext) -> bool:
    """Let through a press that may be carried out in a group; anybody can send any data."""
    if context.verb in _PERSONAL:
        link = context.link(f"go_{context.verb}")
        await context.show(lambda: View(None, link=link))
    elif context.verb not in _BUTTONS or context.chat_id > 0:
        words = context.translate("groups-private-button")
        await context.show(lambda: menu.alert(words, is_loud=True), UpdateState.REFUSED, "private")
    elif context.verb == "new" and not await may_renew(context):
        words = context.translate("groups-leaders-only")
        await context.show(lambda: menu.alert(words, is_loud=True), UpdateState.REFUSED, "leaders")
    else:
        return True
    return False


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_guard(application, in_group, GuardGroup.GROUP)
    application.add_handler(InlineQueryHandler(callback_of(answer_inline)))
    mine = ChatMemberHandler.MY_CHAT_MEMBER
    application.add_handler(ChatMemberHandler(callback_of(membership), mine))
    add_handlers(application, commands={"settings": settings}, buttons={"group": pressed})
