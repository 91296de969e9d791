"""Group settings: /settings in a group, for its administrators, who are asked of Telegram.

Everybody sees the page; whoever presses a button on it is looked at anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace

from merlin.bot.address import address_of
from merlin.bot.event import Event
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.topic import Topic
from merlin.bot.kit import Kit
from merlin.bot.leaves import leaf, turning
from merlin.bot.screen import Screen, alert, said
from merlin.chat.group import Group, Hears
from merlin.core.page import Button
from merlin.core.text import LANGUAGES, text
from merlin.inbox.update import UpdateState

_DEFAULT = "default"
_MARK_LENGTH = 12


async def settings(kit: Kit, event: Event) -> None:
    """Show the settings of the group to one of its administrators. Raises Unreachable."""
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
    await kit.me.learn(kit.calls, again=True)
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
    shown, place = leaf(list(titles), number(event, 1))
    rows = [
        (Button(f"{'✓ ' if name == group.dataset else ''}{titles[name]}", _choose(name)),)
        for name in shown
    ]
    usual = _choice(
        event.language, "groups-about-default", f"dataset:{_DEFAULT}", group.dataset is None
    )
    back = Button(text(event.language, "button-back"), "group:show")
    turn = turning("group:datasets", place, len(titles))
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


TOPIC = Topic(commands={"settings": settings}, buttons={"group": pressed}, group_menu=("settings",))
