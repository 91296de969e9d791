"""Notices as messages, each in its reader's language, with buttons to act at once.

Several of one cause to the admins become one message with their number, so that an outage that
touches ten jobs rings once; what the admins were told lately waits for company. Under it are the
buttons that mend, and one to what else to do.

A notice becomes one message for each person it is for, by a key that cannot be stored twice, and
is handed over by the same transaction. Messages left over from before a kill go out here too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import groupby

from merlin.app.outbox import OutgoingMessage, OutgoingState, QueuedMessage
from merlin.app.verdicts import editors_told_separately
from merlin.bot.bot_api import ChatUnreachable
from merlin.bot.handlers.admin import act_button, runbook_row
from merlin.bot.handlers.approvals import decisions_of
from merlin.bot.handlers.changes import conflict_buttons
from merlin.bot.outbox import OutboxSender
from merlin.bot.processor import retry_until_stored
from merlin.bot.registry import AS_NEW_MESSAGE
from merlin.bot.rendering import read_amount, reference_name
from merlin.bot.services import BotServices
from merlin.core.formatted_text import FormattedMessage, split
from merlin.core.i18n import text
from merlin.core.log import get_logger
from merlin.db.audit import person_reference
from merlin.db.notices import ADMINS, NEWS, OTHERS, Notice, Notices, cause_of

log = get_logger(__name__)

MAX_LISTED, _MAX_ACTS = 8, 2
_TO_ADMINS = (ADMINS, OTHERS)


def letters_of(services: BotServices, notices: Sequence[Notice]) -> Iterator[OutgoingMessage]:
    """Yield the messages to everybody whom these notices are for; within the store's work."""
    for group in _grouped(notices):
        chat_sets = [
            editors_told_separately(services.db, each.key, each.arguments) for each in group
        ]
        for chat_id in _readers(services, group):
            # Who made the edit hears of it by itself, and not a second time as an admin.
            news = [
                each
                for each, heard in zip(group, chat_sets, strict=True)
                if str(chat_id) not in heard
            ]
            pages = split(_page(services, news, services.language_of(chat_id))) if news else ()
            for place, page in enumerate(pages):
                more = f":{place}" if place else ""
                key = f"notice:{group[0].notice_id}:{chat_id}{more}"
                yield OutgoingMessage(key, chat_id, page)


def _readers(services: BotServices, group: Sequence[Notice]) -> Sequence[int]:
    notice = group[0]
    if notice.to in _TO_ADMINS:
        # Whom it was done to is told by a message of their own.
        concerned = {str(each.arguments.get("to", "")) for each in group}
        known = {_doer(notice), *(concerned if len(concerned) == 1 else ())}
        return [admin for admin in services.roles.admins() if person_reference(admin) not in known]
    return [int(notice.to)] if notice.to.lstrip("-").isdecimal() else []


def _page(services: BotServices, group: Sequence[Notice], language: str) -> FormattedMessage:
    lines = list(dict.fromkeys(_rendered(services, notice, language) for notice in group))
    words = lines[:MAX_LISTED]
    if len(group) > 1:
        words.insert(0, text(language, "admin-grouped", count=len(group)))
    if len(lines) > MAX_LISTED:
        words.append(text(language, "admin-grouped-more", count=len(lines) - MAX_LISTED))
    change_id = str(group[0].arguments.get("change", ""))
    if group[0].key == "notice-change-conflict":
        row = conflict_buttons(change_id, language, AS_NEW_MESSAGE) if change_id else ()
    elif decisions := decisions_of(group[0], language, AS_NEW_MESSAGE):
        row = decisions
    else:
        acts = filter(None, (act_button(each, language) for each in group))
        row = tuple({act.label: act for act in acts}.values())[:_MAX_ACTS]
    rows = row, runbook_row(group[0].key, language)
    return FormattedMessage("\n\n".join(words), buttons=tuple(filter(None, rows)))


def _rendered(services: BotServices, notice: Notice, language: str) -> str:
    arguments = dict(notice.arguments)
    amount = read_amount(str(arguments.get("amount", "")))
    if amount is not None:
        # As people say it: "299.00 RUB" is 299 ₽.
        arguments["amount"] = amount.format(language)
    if notice.to == OTHERS:
        for name in arguments.keys() & {"by", "to", "subject"}:
            arguments[name] = reference_name(services, str(arguments[name]), language)
    try:
        return text(language, notice.key, **arguments)
    except (KeyError, ValueError, TypeError):
        log.exception("a notice has no text", key=notice.key)
        return text(language, "notice-untranslated", name=notice.key)


def _grouped(notices: Sequence[Notice]) -> Iterator[list[Notice]]:
    """Yield the notices, those of one cause to the admins together."""

    def together(notice: Notice) -> tuple[str, str, int]:
        is_alone = notice.to not in _TO_ADMINS or notice.key in NEWS
        same = cause_of(notice.key) or notice.key
        return (same, _doer(notice), notice.notice_id if is_alone else 0)

    groups = groupby(sorted(notices, key=together), together)
    yield from sorted((list(group) for _, group in groups), key=lambda group: group[0].notice_id)


def _doer(notice: Notice) -> str:
    """Return the admin of whose deed the others are told, "" for any other notice."""
    return str(notice.arguments.get("by", "")) if notice.to == OTHERS else ""


AT_ONCE = 100


class NoticeSender:
    """One round hands over what waits; a chat that must wait holds up nobody else."""

    def __init__(self, services: BotServices, sender: OutboxSender) -> None:
        self._services = services
        self._sender = sender
        self._on_the_way: dict[int, asyncio.Task[None]] = {}

    async def round(self) -> None:
        """Turn notices into messages, and begin to send every message that waits."""
        if await self._services.store.read(self._waiting):
            await self._services.store.do(self._hand_over)
        loose = await self._services.store.do(
            lambda: self._services.outbox.loose(self._services.owner, AT_ONCE)
        )
        by_chat: dict[int, list[QueuedMessage]] = {}
        for outgoing in loose:
            by_chat.setdefault(outgoing.letter.chat_id, []).append(outgoing)
        for chat_id, waiting in by_chat.items():
            if chat_id not in self._on_the_way:
                task = asyncio.create_task(self._deliver(chat_id, waiting))
                self._on_the_way[chat_id] = task

    def _waiting(self) -> list[Notice]:
        """Return the notices that may be told now."""
        lately = self._services.clock() - timedelta(seconds=self._services.pace.group_s)
        return Notices(self._services.db).waiting(AT_ONCE, lately)

    def _hand_over(self) -> None:
        services, notices = self._services, Notices(self._services.db)
        mine = [each for each in self._waiting() if notices.handed_over(each.notice_id)]
        services.outbox.put(list(letters_of(services, mine)))

    async def _deliver(self, chat_id: int, waiting: Sequence[QueuedMessage]) -> None:
        try:
            language = await self._services.store.read(lambda: self._services.language_of(chat_id))
            await self._sender.deliver(lambda: waiting, lambda _: None, language)
        except ChatUnreachable:
            log.warning("nobody takes messages here", chat=chat_id)
        except Exception:
            log.exception("messages could not be sent", chat=chat_id)

            def doubt() -> None:
                # Of these only the one that was being sent is changed.
                for outgoing in waiting:
                    self._services.outbox.settle(outgoing.outgoing_id, OutgoingState.UNKNOWN)

            await retry_until_stored(self._services, doubt, "doubt was not stored")
        finally:
            del self._on_the_way[chat_id]

    async def close(self) -> None:
        """Stop sending; what was on its way is taken up by the next start."""
        tasks = list(self._on_the_way.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
