"""Helping: /help, all commands in groups; those of admins and editors for them alone."""

from __future__ import annotations

from collections.abc import Sequence

from merlin.account.role import Standing
from merlin.bot.event import Event
from merlin.bot.handlers.topic import Topic, told
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.core.page import Mark, Page
from merlin.core.text import text
from merlin.core.utf16 import units

# What stands in no group goes into the last one.
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("help-talk", ("new", "sessions", "clear", "t")),
    ("help-answers", ("model", "course", "preset", "system")),
    ("help-mine", ("lang", "plan", "privacy", "export", "delete_me")),
    ("help-bot", ("help", "info", "terms", "paysupport")),
)


def help_topic(topics: Sequence[Topic]) -> Topic:
    """Return the topic that tells of these topics and of itself."""

    def show(kit: Kit, event: Event) -> Screen:
        standing = kit.rows.roles.standing(event.user_id)
        known = [name for topic in (*topics, TOPIC) for name in topic.menu]
        parts = [text(event.language, "bot-help"), *_groups(known, event.language)]
        staff = staff_menu(topics, standing)
        if staff:
            parts.append(_group("help-staff", staff, event.language))
        return _with_heads("\n\n".join([*parts, text(event.language, "bot-help-end")]), event)

    return Topic(commands={"help": told(show)}, menu=TOPIC.menu, group_menu=TOPIC.group_menu)


def _with_heads(words: str, event: Event) -> Screen:
    """Return the words with the head of each group in bold."""
    keys = [*(key for key, _ in GROUPS), "help-staff"]
    heads = [text(event.language, key) for key in keys]
    places = [(words.find(f"\n\n{head}\n/"), head) for head in heads]
    marks = tuple(
        Mark("bold", units(words[: place + 2]), units(head)) for place, head in places if place >= 0
    )
    return Screen(Page(words, marks))


TOPIC = Topic(menu=("help",), group_menu=("help",))


def staff_menu(topics: Sequence[Topic], standing: Standing) -> list[str]:
    """Return the further commands of whoever stands so."""
    found = [each for topic in topics for each in topic.staff.items()]
    return [name for name, permission in found if standing.may(permission)]


def _groups(known: Sequence[str], language: str) -> list[str]:
    told_of = {name for _, names in GROUPS for name in names}
    rest = [name for name in known if name not in told_of]
    last = GROUPS[-1][0]
    groups = [
        (key, [*(name for name in names if name in known), *(rest if key == last else ())])
        for key, names in GROUPS
    ]
    return [_group(key, names, language) for key, names in groups if names]


def _group(key: str, names: Sequence[str], language: str) -> str:
    lines = [f"/{name} — {text(language, f'bot-command-{name}')}" for name in names]
    return "\n".join([text(language, key), *lines])
