"""Bulletin: notices as messages, each in its reader's language, with a button to act.

Several of one key to the admins become one message with their number, so that an outage that
touches ten jobs rings once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from merlin.account.audit import user
from merlin.account.role import Role
from merlin.bot.alarm_buttons import act_buttons
from merlin.bot.deeds import named
from merlin.bot.services import BotServices
from merlin.bot.stars.words import read_amount
from merlin.chat.markup.parts import split
from merlin.core.log import get_logger
from merlin.core.notice import ADMINS, NEWS, OTHERS, Notice
from merlin.core.page import Page
from merlin.core.text import text
from merlin.inbox.outgoing import Letter
from merlin.model.news import told_anyway

log = get_logger(__name__)

MOST_TOLD = 8
_TO_ADMINS = (ADMINS, OTHERS)


class Bulletin:
    """What notices become; every method runs within the store's work."""

    def __init__(self, services: BotServices) -> None:
        self._services = services
        self._rows = services.rows

    def letters(self, notices: Sequence[Notice]) -> Iterator[Letter]:
        """Yield the messages to everybody whom these notices are for."""
        for group in _grouped(notices):
            told = [told_anyway(self._rows.news, each.key, each.arguments) for each in group]
            for chat_id in self._readers(group):
                # Who made the edit hears of it by itself, and not a second time as an admin.
                news = [
                    each
                    for each, heard in zip(group, told, strict=True)
                    if str(chat_id) not in heard
                ]
                if not news:
                    continue
                pages = split(self._page(news, self._services.language_of(chat_id)))
                for place, page in enumerate(pages):
                    more = f":{place}" if place else ""
                    yield Letter(f"notice:{group[0].notice_id}:{chat_id}{more}", chat_id, page)

    def _readers(self, group: Sequence[Notice]) -> Sequence[int]:
        notice = group[0]
        if notice.to in _TO_ADMINS:
            granted = [each for each in self._rows.roles.granted() if each.role is Role.ADMIN]
            admins = dict.fromkeys([*self._services.admins, *(each.user_id for each in granted)])
            # Whom it was done to is told by a message of their own.
            concerned = {str(each.arguments.get("to", "")) for each in group}
            known = {_doer(notice), *(concerned if len(concerned) == 1 else ())}
            return [each for each in admins if user(each) not in known]
        return [int(notice.to)] if notice.to.lstrip("-").isdecimal() else []

    def _page(self, group: Sequence[Notice], language: str) -> Page:
        told = list(dict.fromkeys(self._rendered(notice, language) for notice in group))
        words = told[:MOST_TOLD]
        if len(group) > 1:
            words.insert(0, text(language, "admin-grouped", count=len(group)))
        if len(told) > MOST_TOLD:
            words.append(text(language, "admin-grouped-more", count=len(told) - MOST_TOLD))
        return Page("\n\n".join(words), buttons=act_buttons(group[0], language))

    def _rendered(self, notice: Notice, language: str) -> str:
        told = _spoken(notice.arguments, language)
        if notice.to == OTHERS:
            whom = {name: str(told[name]) for name in ("by", "to") if name in told}
            named_ = {name: named(self._services, word, language) for name, word in whom.items()}
            told = {**told, **named_}
        try:
            return text(language, notice.key, **told)
        except (KeyError, ValueError, TypeError):
            log.exception("a notice has no text", key=notice.key)
            return text(language, "notice-untranslated", name=notice.key)


def _grouped(notices: Sequence[Notice]) -> Iterator[list[Notice]]:
    """Yield the notices, those of one key to the admins together."""

    def together(notice: Notice) -> tuple[str, str, int]:
        is_alone = notice.to not in _TO_ADMINS or notice.key in NEWS
        return (notice.key, _doer(notice), notice.notice_id if is_alone else 0)

    groups = groupby(sorted(notices, key=together), together)
    yield from sorted((list(group) for _, group in groups), key=lambda group: group[0].notice_id)


def _doer(notice: Notice) -> str:
    """Return the admin of whose deed the others are told, "" for any other notice."""
    return str(notice.arguments.get("by", "")) if notice.to == OTHERS else ""


def _spoken(told: Mapping[str, object], language: str) -> Mapping[str, object]:
    """Return the arguments with the amount as people say it: "299.00 RUB" is 299 ₽."""
    amount = read_amount(str(told.get("amount", "")))
    return told if amount is None else {**told, "amount": amount.told(language)}
