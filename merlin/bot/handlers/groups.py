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
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from merlin.account.users import User, Users
from merlin.app import courses
from merlin.app.groups import Group, Groups, Hears, InlineQueries, QuestionAnswer
from merlin.app.inbox import UpdateState, json_integer, json_object
from merlin.bot import menu
from merlin.bot.answers import after
from merlin.bot.bot_api import keyboard, message_fields
from merlin.bot.commands import COMMANDS
from merlin.bot.context import BotContext
from merlin.bot.handlers.questions import answer_question
from merlin.bot.handlers.start import PRIVATE, asked_token, question_payload, to_private
from merlin.bot.markdown import render
from merlin.bot.menu import View
from merlin.bot.registry import Handlers
from merlin.bot.updates import Address, address_of, named_bot, text_in
from merlin.chat.prompt import Prompt
from merlin.core.formatted_text import Button, Entity, FormattedMessage, first_part, utf16_length
from merlin.core.i18n import LANGUAGES, text

handlers = Handlers()
_PRESENT = frozenset({"creator", "administrator", "member"})
_GROUPS = frozenset({"group", "supergroup"})
_SETTINGS = ("groups-button-settings", "group:show")


async def membership(context: BotContext) -> None:
    """Greet a group that let the bot in, forget what waits for one that took it out.

    A person does so by blocking the bot and letting it in again.
    """
    change = json_object(context.stored.body, "my_chat_member")
    status = json_object(change, "new_chat_member").get("status")
    is_group = json_object(change, "chat").get("type") in _GROUPS
    if is_group and status in _PRESENT:
        await context.learn_bot()
        await context.show(lambda: _come(context))
    elif is_group or context.is_private:
        await context.store.do(lambda: _gone(context, status))
    else:
        await context.end(UpdateState.REFUSED, "not a group")


def _groups(context: BotContext) -> Groups:
    return Groups(context.db, context.bot_id)


def _group(context: BotContext) -> Group:
    return _groups(context).get(context.chat_id) or Group(context.chat_id)


def _come(context: BotContext) -> View:
    """Keep the group, and greet it where it is new or was left."""
    known = _groups(context).get(context.chat_id)
    if known is not None and not known.is_gone:
        return View(None)
    group = _group(context)
    _groups(context).put(replace(group, moved_to=0))
    there = replace(context, language=group.language or context.language)
    bot = f"@{context.bot.username}"
    return menu.say(there, "groups-hello", _SETTINGS, to_private(there), bot=bot)


def _gone(context: BotContext, status: object) -> None:
    if status in {"left", "kicked"}:
        context.outbox.drop(context.chat_id)
        if context.is_private:
            Users(context.db).unreachable(context.user_id)
        else:
            if _groups(context).get(context.chat_id) is None:
                _groups(context).put(Group(context.chat_id))
            _groups(context).left(context.chat_id)
    context.finish(UpdateState.ANSWERED, "membership")


_DEFAULT = "default"
_MARK_LENGTH = 12


@handlers.command("settings")
@handlers.button("group")
async def settings(context: BotContext) -> None:
    """Show the settings of the group to one of its administrators, or do what a button says.

    Raises ChatUnreachable.
    """
    if context.is_private and not context.verb:
        await context.say(context.translate("groups-settings-private"))
        return
    address = address_of(context.stored, context.bot.id, context.bot.username)
    if address.is_anonymous or await context.is_admin(context.user_id):
        # Whether Telegram shows the bot every message of this group.
        await context.calls.refresh_bot()
        hears_all = context.bot.can_read_all_group_messages
        hears_all = hears_all or await context.is_admin(context.bot.id)
        show = _done if context.verb else _page
        await context.show(lambda: show(context, hears_all=hears_all))
    elif context.verb:
        await context.show(lambda: menu.refuse(context, "groups-leaders-only"), UpdateState.REFUSED)
    else:
        message = context.translate("groups-leaders-only")
        await context.say(message, UpdateState.REFUSED, "not an administrator")


def _done(context: BotContext, *, hears_all: bool) -> View:
    what, word = (*context.arguments, "", "")[:2]
    if what == "datasets":
        return _datasets(context)
    if what == "show":
        return _page(context, hears_all=hears_all)
    change = _changed(context, _group(context), what, word)
    if change is None:
        return menu.outdated(context)
    _groups(context).put(change)
    there = replace(context, language=change.language or context.user.speaks(context.language))
    screen = _page(there, hears_all=hears_all)
    return replace(screen, alert=there.translate("groups-kept"))


def _changed(context: BotContext, group: Group, what: str, word: str) -> Group | None:
    """Return the group with the choice of a button, None for one that there is not."""
    match what:
        case "hears" if word in {Hear.value for Hear in Hears}:
            return replace(group, hears=Hears(word))
        case "language" if word in {*LANGUAGES, _DEFAULT}:
            return replace(group, language=None if word == _DEFAULT else word)
        case "renew" if word in {"all", "leaders"}:
            return replace(group, is_open=word == "all")
        case "dataset" if word == _DEFAULT:
            return replace(group, dataset=None)
        case "dataset":
            found = [title for title in _titles(context, LANGUAGES[0]) if _marked(title) == word]
            return replace(group, dataset=found[0]) if found else None
        case _:
            return None


def _page(context: BotContext, *, hears_all: bool) -> View:
    group, tell = _group(context), context.translate
    dataset = _titles(context, context.language).get(group.dataset or "", group.dataset)
    lines = [
        tell("groups-settings"),
        "",
        tell("groups-hears", hears=group.hears.value),
        tell("groups-about", dataset=dataset or "none"),
        tell("groups-speaks", spoken=group.language or "none"),
        tell("groups-renews", who="all" if group.is_open else "leaders"),
    ]
    if group.hears is Hears.QUESTION and not hears_all:
        lines += ["", tell("groups-deaf")]

    def button(label: str, data: str, is_chosen: bool) -> Button:  # noqa: FBT001 - one of three plain columns
        return menu.choice(label, f"group:{data}", is_chosen=is_chosen)

    asker = tell("groups-speaks-asker")
    return menu.message(
        context,
        "\n".join(lines),
        *(
            button(tell(f"groups-hears-{Hear}"), f"hears:{Hear}", group.hears is Hear)
            for Hear in Hears
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
            button(tell("groups-renews-all"), "renew:all", group.is_open),
            button(tell("groups-renews-leaders"), "renew:leaders", not group.is_open),
        ),
    )


def _datasets(context: BotContext) -> View:
    """Show the datasets, eight at a time."""
    now, titles = _group(context).dataset, _titles(context, context.language)

    def entry(name: str) -> Button:
        return menu.choice(titles[name], f"group:dataset:{_marked(name)}", is_chosen=name == now)

    usual = menu.choice(
        context.translate("groups-about-default"),
        f"group:dataset:{_DEFAULT}",
        is_chosen=now is None,
    )
    rows = menu.list_rows(list(titles), context.number(1), "group:datasets", entry)
    return menu.say(context, "groups-ask-dataset", *rows, usual, menu.back("group:show"))


def _marked(name: str) -> str:
    """Return what stands for a dataset in a button: names may be long, and lists change."""
    return hashlib.sha256(name.encode()).hexdigest()[:_MARK_LENGTH]


def _titles(context: BotContext, language: str) -> dict[str, str]:
    """Return dataset -> title of whatever serves or is a course; within the store's work."""
    serving = {each.dataset: each.dataset for each in context.catalogue.all_serving()}
    return {**serving, **courses.titles(context.services, language)}


# Own answers change with every question, so nothing is kept for long; and for nobody else.
CACHE_S = 10
MAX_OWN = 5
MAX_TAUGHT = 5
MAX_CHARACTERS = 256
_TITLE, _LINE = 80, 120
_ASKED = "❓ "


async def answer_inline(context: BotContext) -> None:
    """Answer an inline query and end it; who is blocked gets nothing."""
    words = text_in(context.stored.content, "query").strip()[:MAX_CHARACTERS]
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


def _results(context: BotContext, message: str) -> list[dict[str, Any]]:
    inline = InlineQueries(context.db, context.bot_id)
    serving = context.catalogue.serving(context.services.default_dataset)
    build_id = serving.model.build_id if serving is not None else 0
    taught = inline.taught(build_id, message, MAX_TAUGHT) if build_id else []
    # The first result puts a question into the chat, with the way to ask it.
    token = inline.keep(context.user_id, message)
    label = context.translate("inline-button-ask")
    button = Button(label, url=context.link(question_payload(token)))
    page = FormattedMessage(f"{_ASKED}{message}", buttons=((button,),))
    ask = _result("ask", context.translate("inline-ask"), message, page)
    return [
        {**ask, **keyboard(page)},
        *_answer_results("own", inline.own(context.user_id, message, MAX_OWN)),
        *_answer_results("taught", taught),
    ]


def _result(key: str, title: str, line: str, page: FormattedMessage) -> dict[str, Any]:
    fields = message_fields(page)
    fields.pop("reply_markup", None)
    return {
        "type": "article",
        "id": key,
        "title": title,
        "description": _cut(line, _LINE),
        "input_message_content": {"message_text": fields.pop("text"), **fields},
    }


def _answer_results(kind: str, found: Sequence[QuestionAnswer]) -> list[dict[str, Any]]:
    """Return results that put a question with its answer into the chat."""
    results = []
    for place, each in enumerate(found):
        head = _cut(each.question, MAX_CHARACTERS)
        question = FormattedMessage(head, (Entity("bold", 0, utf16_length(head)),))
        page = first_part(after(question, render(each.answer)))
        title = _cut(each.question, _TITLE)
        results.append(_result(f"{kind}:{place}", title, each.answer, page))
    return results


def _cut(message: str, most: int) -> str:
    return menu.cut(" ".join(message.split()), most)


def is_shared(context: BotContext) -> bool:
    """Return whether a message sent by way of a bot shows what inline mode found: no question."""
    return not context.text.startswith(_ASKED)


async def ask_linked(context: BotContext) -> None:
    """Ask the question that a link of an inline message leads to. Raises ChatUnreachable."""
    token = asked_token(context)
    question = await context.store.read(
        lambda: InlineQueries(context.db, context.bot_id).question(token)
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
    """Let through what somebody in a group said to the bot or pressed; end the rest.

    Raises ChatUnreachable.
    """
    if context.stored.kind not in _KINDS:
        return True
    message = json_object(context.stored.body, "message")
    # The chat that this one was before, and the one that it became; never a person's.
    old_id = min(json_integer(message, "migrate_from_chat_id"), 0)
    new_id = min(json_integer(message, "migrate_to_chat_id"), 0)
    if old_id or new_id:

        def move() -> None:
            _groups(context).move(old_id or context.chat_id, new_id or context.chat_id)
            context.finish(UpdateState.ANSWERED, "migrated")

        await context.store.do(move)
        return False
    await context.learn_bot()
    group = at_home(context, await context.store.read(lambda: _group(context)))
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
        asker = User(context.user_id, context.stored.language_code)
        await context.store.do(lambda: Users(context.db).met(asker))
        return await (_commanded(context) if context.command else _ask(context, address))
    return False


def at_home(context: BotContext, group: Group) -> Group:
    """Let a context be in the language, and the chat, that its group has now; return the group."""
    context.language = group.language or context.language
    if not group.moved_to:
        return group
    # Telegram sends nothing to the old chat; its messages have no number in the new one.
    context.stored = replace(context.stored, chat_id=group.moved_to)
    context.chat_id = group.moved_to
    context.message_id = context.thread_id = 0
    return replace(group, chat_id=group.moved_to)


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
        command = context.command
        link = to_private(context, command if command in PRIVATE else "")
        await context.show(lambda: menu.say(context, "groups-private", link, command=f"/{command}"))
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
    bot = f"@{context.bot.username}"
    return menu.say(context, "groups-how", _SETTINGS, to_private(context), bot=bot)


async def may_renew(context: BotContext) -> bool:
    """Return whether somebody may begin the group's session anew."""
    group = await context.store.read(lambda: _group(context))
    return group.is_open or await context.is_admin(context.user_id)


async def _pressed(context: BotContext) -> bool:
    """Let through a press that may be carried out in a group; anybody can send any data."""
    if context.verb in _PERSONAL:
        link = context.link(f"go_{context.verb}")
        await context.show(lambda: View(None, link=link))
        return False
    key = reason = ""
    if context.verb not in _BUTTONS or context.chat_id > 0:
        key, reason = "groups-private-button", "private"
    elif context.verb == "new" and not await may_renew(context):
        key, reason = "groups-leaders-only", "leaders"
    if key:
        await context.show(lambda: menu.refuse(context, key), UpdateState.REFUSED, reason)
    return not key
