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

from merlin.account.users import User
from merlin.app.groups import Group, Hears, Said
from merlin.app.inbox import UpdateState
from merlin.bot.addressing import Address, address_of, named_bot
from merlin.bot.bot_api import keyboard, shown
from merlin.bot.commands import COMMANDS
from merlin.bot.context import (
    BotApplication,
    Event,
    GuardGroup,
    Kit,
    add_guard,
    add_handlers,
    callback_of,
)
from merlin.bot.handlers.questions import answer_question, number
from merlin.bot.handlers.start import PRIVATE, asked_token, asking, to_private
from merlin.bot.markdown.entities import first_part
from merlin.bot.markdown.render import render
from merlin.bot.menu import Screen, alert, page_buttons, paginate, said
from merlin.chat.prompt import Prompt
from merlin.core.formatted_text import Button, Entity, FormattedMessage, utf16_length
from merlin.core.i18n import LANGUAGES, text

_PRESENT = frozenset({"creator", "administrator", "member"})
_GROUPS = frozenset({"group", "supergroup"})


async def membership(kit: Kit, event: Event) -> None:
    """Greet a group that let the bot in, forget what waits for one that took it out.

    A person does so by blocking the bot and letting it in again.
    """
    change = _object(event.update.body, "my_chat_member")
    status = _object(change, "new_chat_member").get("status")
    if event.is_private:
        await kit.store.do(lambda: _blocked_or_not(kit, event, status))
    elif _object(change, "chat").get("type") not in _GROUPS:
        await kit.end(event, UpdateState.REFUSED, "not a group")
    elif status in _PRESENT:
        await kit.me.learn(kit.calls)
        await kit.show(event, lambda: _come(kit, event))
    else:
        await kit.store.do(lambda: _gone(kit, event, status))


def _blocked_or_not(kit: Kit, event: Event, status: object) -> None:
    if status in {"kicked", "left"}:
        kit.rows.users.unreachable(event.user_id)
        kit.rows.outbox.drop(event.chat_id)
    kit.finish(event, UpdateState.ANSWERED, "membership")


def _come(kit: Kit, event: Event) -> Screen:
    """Keep the group, and greet it where it is new or was left."""
    known = kit.rows.groups.get(event.chat_id)
    if known is not None and not known.is_gone:
        return Screen(None)
    group = known or Group(event.chat_id)
    kit.rows.groups.put(replace(group, moved_to=0))
    language = group.language or event.language
    there = replace(event, language=language)
    words = text(language, "groups-hello", bot=f"@{kit.me.name}")
    choices = Button(text(language, "groups-button-settings"), "group:show")
    return said(words, (choices,), (to_private(kit, there),))


def _gone(kit: Kit, event: Event, status: object) -> None:
    if status in {"left", "kicked"}:
        kit.rows.outbox.drop(event.chat_id)
        if kit.rows.groups.get(event.chat_id) is None:
            kit.rows.groups.put(Group(event.chat_id))
        kit.rows.groups.left(event.chat_id)
    kit.finish(event, UpdateState.ANSWERED, "membership")


def migrated_to(event: Event) -> int:
    """Return the supergroup that the chat of this message became, 0 for none."""
    return _number(event, "migrate_to_chat_id")


def migrated_from(event: Event) -> int:
    """Return the chat that became this supergroup, 0 for none."""
    return _number(event, "migrate_from_chat_id")


def _number(event: Event, name: str) -> int:
    found = _object(event.update.body, "message").get(name)
    return found if isinstance(found, int) and found < 0 else 0


def _object(within: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = within.get(name)
    return found if isinstance(found, Mapping) else {}


_DEFAULT = "default"
_MARK_LENGTH = 12


async def settings(kit: Kit, event: Event) -> None:
    """Show the settings of the group to one of its administrators. Raises ChatUnreachable."""
    if event.is_private:
        await kit.say(event, text(event.language, "groups-settings-private"))
        return
    if not await _leads(kit, event):
        words = text(event.language, "groups-leaders-only")
        await kit.say(event, words, UpdateState.REFUSED, "not an administrator")
        return
    hears_all = await _hears_all(kit, event)
    await kit.show(event, lambda: _page(kit, event, hears_all=hears_all))


async def pressed(kit: Kit, event: Event) -> None:
    """Do what a button of the settings says, if an administrator pressed it."""
    if not await _leads(kit, event):
        words = text(event.language, "groups-leaders-only")
        await kit.show(event, lambda: alert(words, is_loud=True), UpdateState.REFUSED)
        return
    hears_all = await _hears_all(kit, event)
    await kit.show(event, lambda: _done(kit, event, hears_all=hears_all))


async def _leads(kit: Kit, event: Event) -> bool:
    if not event.verb:
        address = address_of(event.update, kit.me.user_id, kit.me.name)
        if address.is_anonymous:
            return True
    return await kit.me.leads(kit.calls, event.chat_id, event.user_id)


async def _hears_all(kit: Kit, event: Event) -> bool:
    """Return whether Telegram shows the bot every message of this group."""
    await kit.me.refresh(kit.calls)
    return kit.me.hears_all or await kit.me.leads(kit.calls, event.chat_id, kit.me.user_id)


def _done(kit: Kit, event: Event, *, hears_all: bool) -> Screen:
    what, word = (*event.args, "", "")[:2]
    if what == "datasets":
        return _datasets(kit, event)
    if what == "show":
        return _page(kit, event, hears_all=hears_all)
    group = _group(kit, event)
    change = _CHANGES[what](kit, group, word) if what in _CHANGES else None
    if change is None:
        return alert(text(event.language, "bot-button-old"))
    kit.rows.groups.put(change)
    there = replace(event, language=change.language or event.user.speaks(event.language))
    screen = _page(kit, there, hears_all=hears_all)
    return replace(screen, alert=text(there.language, "groups-kept"))


def _group(kit: Kit, event: Event) -> Group:
    return kit.rows.groups.get(event.chat_id) or Group(event.chat_id)


def _hearing(_kit: Kit, group: Group, word: str) -> Group | None:
    found = [each for each in Hears if each.value == word]
    return replace(group, hears=found[0]) if found else None


def _speaking(_kit: Kit, group: Group, word: str) -> Group | None:
    if word not in {*LANGUAGES, _DEFAULT}:
        return None
    return replace(group, language=None if word == _DEFAULT else word)


def _opening(_kit: Kit, group: Group, word: str) -> Group | None:
    return replace(group, is_open=word == "all") if word in {"all", "leaders"} else None


def _knowing(kit: Kit, group: Group, word: str) -> Group | None:
    if word == _DEFAULT:
        return replace(group, dataset=None)
    found = [each for each in _titles(kit, LANGUAGES[0]) if _marked(each) == word]
    return replace(group, dataset=found[0]) if found else None


_CHANGES: Mapping[str, Callable[[Kit, Group, str], Group | None]] = {
    "hears": _hearing,
    "language": _speaking,
    "renew": _opening,
    "dataset": _knowing,
}


def _page(kit: Kit, event: Event, *, hears_all: bool) -> Screen:
    group, language = _group(kit, event), event.language
    dataset = _titles(kit, language).get(group.dataset or "", group.dataset)
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
    return said("\n".join(lines), *_rows(group, language))


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


def _datasets(kit: Kit, event: Event) -> Screen:
    """Show the datasets, eight at a time."""
    group, titles = _group(kit, event), _titles(kit, event.language)
    shown, place = paginate(list(titles), number(event, 1))
    rows = [
        (Button(f"{'✓ ' if name == group.dataset else ''}{titles[name]}", _choose(name)),)
        for name in shown
    ]
    usual = _choice(
        event.language, "groups-about-default", f"dataset:{_DEFAULT}", group.dataset is None
    )
    back = Button(text(event.language, "button-back"), "group:show")
    turn = page_buttons("group:datasets", place, len(titles))
    return said(text(event.language, "groups-ask-dataset"), *rows, *turn, (usual,), (back,))


def _choose(name: str) -> str:
    return f"group:dataset:{_marked(name)}"


def _marked(name: str) -> str:
    """Return what stands for a dataset in a button: names may be long, and lists change."""
    return hashlib.sha256(name.encode()).hexdigest()[:_MARK_LENGTH]


def _titles(kit: Kit, language: str) -> dict[str, str]:
    """Return dataset -> title of whatever serves or is a course; within the store's work."""
    serving = {each.dataset: each.dataset for each in kit.rows.showcase.all_serving()}
    courses = {each.dataset: each.title(language) for each in kit.rows.courses.courses()}
    return {**serving, **courses}


# Own answers change with every question, so nothing is kept for long; and for nobody else.
CACHE_S = 10
MOST_OWN = 5
MOST_TAUGHT = 5
MOST_LETTERS = 256
_TITLE, _LINE = 80, 120
_ASKED = "❓ "


async def answer_inline(kit: Kit, event: Event) -> None:
    """Answer an inline query and end it; who is blocked gets nothing."""
    query = event.update.body.get("inline_query")
    said = query.get("query") if isinstance(query, dict) else None
    words = said.strip()[:MOST_LETTERS] if isinstance(said, str) else ""
    fields: dict[str, Any] = {
        "inline_query_id": event.query_id,
        "cache_time": CACHE_S,
        "is_personal": True,
        "results": [],
    }
    await kit.me.learn(kit.calls)
    if event.user.is_blocked or event.is_resumed:
        words = ""
    elif words:
        fields["results"] = await kit.store.do(lambda: _results(kit, event, words))
    else:
        hint = text(event.language, "inline-hint")
        fields["button"] = {"text": hint, "start_parameter": "inline"}
    await kit.calls.answer("answerInlineQuery", fields)
    await kit.end(event, UpdateState.ANSWERED if words else UpdateState.REFUSED, "inline")


def _results(kit: Kit, event: Event, words: str) -> list[dict[str, Any]]:
    own = kit.rows.inline.own(event.user_id, words, MOST_OWN)
    serving = kit.rows.shelf.serving(kit.services.default_dataset)
    build_id = serving.model.build_id if serving is not None else 0
    taught = kit.rows.inline.taught(build_id, words, MOST_TAUGHT) if build_id else []
    return [_asking(kit, event, words), *_told("own", own), *_told("taught", taught)]


def _told(kind: str, found: Sequence[Said]) -> list[dict[str, Any]]:
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
    fields = shown(page)
    fields.pop("reply_markup", None)
    return {"message_text": fields.pop("text"), **fields}


def _asking(kit: Kit, event: Event, words: str) -> dict[str, Any]:
    """Return the result that puts a question into the chat, with the way to ask it."""
    token = kit.rows.inline.keep(event.user_id, words)
    label = text(event.language, "inline-button-ask")
    button = Button(label, url=kit.me.link(asking(token)))
    page = FormattedMessage(f"{_ASKED}{words}", buttons=((button,),))
    return {
        "type": "article",
        "id": "ask",
        "title": text(event.language, "inline-ask"),
        "description": _cut(words, _LINE),
        "input_message_content": _content(page),
        **keyboard(page),
    }


def _cut(words: str, most: int) -> str:
    line = " ".join(words.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def is_shared(event: Event) -> bool:
    """Return whether a message shows what inline mode found, and so asks nothing."""
    message = event.update.body.get(event.update.kind)
    is_ours = isinstance(message, dict) and "via_bot" in message
    return is_ours and not event.text.startswith(_ASKED)


async def ask_linked(kit: Kit, event: Event) -> None:
    """Ask the question that a link of an inline message leads to. Raises ChatUnreachable."""
    token = asked_token(event)
    question = await kit.store.read(lambda: kit.rows.inline.question(token))
    if question is None:
        await kit.say(event, text(event.language, "inline-gone"), UpdateState.REFUSED, "gone")
        return
    note = text(event.language, "inline-asked", question=question)

    async def same(_kit: Kit, _event: Event) -> Prompt:
        return Prompt(question, note=note)

    await answer_question(kit, replace(event, text=question, command="", words=""), same)


SETTINGS = "settings"
# What is carried out in a group; begins or ends what the group has in common.
_COMMANDS = frozenset({"new", "clear", "t", "tokens", "info", SETTINGS})
_RENEWING = frozenset({"new", "clear"})
# Buttons of a person's own things, by the command that shows them in the private chat.
_PERSONAL = frozenset({"plan"})
_KINDS = frozenset({"message", "edited_message", "callback_query"})
_BUTTONS = frozenset({"stop", "again", "rate", "fix", "why", "sum", "new", "group"})


async def in_group(kit: Kit, event: Event) -> Event | None:
    """Return what somebody in a group said to the bot or pressed; end what is not for it. A guard.

    Raises ChatUnreachable.
    """
    if event.is_private or event.update.kind not in _KINDS:
        return event
    old_id, new_id = migrated_from(event), migrated_to(event)
    if old_id or new_id:
        await _move(kit, event, old_id or event.chat_id, new_id or event.chat_id)
        return None
    await kit.me.learn(kit.calls)
    group = await kit.store.read(lambda: kit.rows.groups.get(event.chat_id))
    event, group = at_home(event, group or Group(event.chat_id))
    if event.update.kind == "callback_query":
        return await _pressed(kit, event)
    address = address_of(event.update, kit.me.user_id, kit.me.name)
    if not _is_meant(kit, event, group, address):
        await kit.end(event, UpdateState.REFUSED, "not for the bot")
    elif event.user.is_blocked:
        await kit.end(event, UpdateState.REFUSED, "blocked")
    elif address.is_channel and not (address.is_anonymous and event.command == SETTINGS):
        await kit.say(event, text(event.language, "groups-nobody"), UpdateState.REFUSED, "a chat")
    else:
        await kit.store.do(lambda: kit.rows.users.met(_asker(event)))
        return await (_commanded(kit, event) if event.command else _asked(kit, event, address))
    return None


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


async def _commanded(kit: Kit, event: Event) -> Event | None:
    if event.update.kind == "edited_message":
        await kit.end(event, UpdateState.REFUSED, "an edited command")
    elif event.command in {"start", "help"}:
        await kit.show(event, lambda: how_to_ask(kit, event))
    elif event.command in _RENEWING and not await may_renew(kit, event):
        await kit.say(event, text(event.language, "groups-leaders-only"), UpdateState.REFUSED)
    elif event.command in _COMMANDS:
        return event
    elif event.command in COMMANDS:
        words = text(event.language, "groups-private", command=f"/{event.command}")
        link = to_private(kit, event, event.command if event.command in PRIVATE else "")
        await kit.show(event, lambda: said(words, (link,)))
    else:
        # Another bot of the group may know it.
        await kit.end(event, UpdateState.REFUSED, "no such command")
    return None


async def _asked(kit: Kit, event: Event, address: Address) -> Event | None:
    """Return what was said to the bot; a bare mention asks about the message it replies to."""
    is_bare = not address.text and event.sent is None
    event = event.with_replied()
    if is_bare and event.sent is None and not event.quoted:
        await kit.show(event, lambda: how_to_ask(kit, event))
        return None
    if is_bare:
        return replace(event, text=event.quoted, quoted="")
    return replace(event, text=address.text)


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


async def _pressed(kit: Kit, event: Event) -> Event | None:
    """Return a press that may be carried out in a group; anybody can send any data."""
    if event.verb in _PERSONAL:
        link = kit.me.link(f"go_{event.verb}")
        await kit.show(event, lambda: Screen(None, link=link))
    elif event.verb not in _BUTTONS or event.chat_id > 0:
        words = text(event.language, "groups-private-button")
        await kit.show(event, lambda: alert(words, is_loud=True), UpdateState.REFUSED, "private")
    elif event.verb == "new" and not await may_renew(kit, event):
        words = text(event.language, "groups-leaders-only")
        await kit.show(event, lambda: alert(words, is_loud=True), UpdateState.REFUSED, "leaders")
    else:
        return event
    return None


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_guard(application, in_group, GuardGroup.GROUP)
    application.add_handler(InlineQueryHandler(callback_of(answer_inline)))
    mine = ChatMemberHandler.MY_CHAT_MEMBER
    application.add_handler(ChatMemberHandler(callback_of(membership), mine))
    add_handlers(application, commands={"settings": settings}, buttons={"group": pressed})
