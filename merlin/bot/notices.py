"""Notices as messages, each in its reader's language, with buttons to act at once.

Notices to admins with the same cause become one message with their number, so that an outage that
affects ten jobs notifies once; notices to admins wait a while to be grouped. The message says what
to do about their cause, and has buttons for the likely actions.

A notice becomes one message per recipient, stored under a unique key in the transaction that marks
the notice as handled. Messages left by a crashed process are sent here too.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import groupby

from merlin.app.outbox import OutgoingMessage, OutgoingState, QueuedMessage
from merlin.app.verdicts import find_notified_editors
from merlin.bot.bot_api import ChatUnreachable
from merlin.bot.handlers.admin import act_button
from merlin.bot.outbox import OutboxSender
from merlin.bot.processor import retry_until_stored
from merlin.bot.rendering import notice_text
from merlin.bot.services import BotServices
from merlin.core.formatted_text import FormattedMessage, split
from merlin.core.i18n import text
from merlin.core.json_fields import is_telegram_id
from merlin.core.log import get_logger
from merlin.db.notices import ADMINS, NEWS, Notice, Notices, cause_of

log = get_logger(__name__)

MAX_LISTED = 8
_MAX_ACTS = 2


def build_messages(
    services: BotServices, notices: Sequence[Notice]
) -> Iterator[OutgoingMessage]:
    """Yield the messages to the recipients of the notices; within the store's work."""
    for group in _group_by_cause(notices):
        # The author of an edit gets a message of their own and is left out here.
        left_out = {
            notice.notice_id: find_notified_editors(
                services.db, notice.key, notice.arguments
            )
            for notice in group
        }
        for chat_id in filter(is_telegram_id, _recipients(services, group)):
            relevant = [
                each for each in group if str(chat_id) not in left_out[each.notice_id]
            ]
            language = services.language_of(chat_id)
            pages = split(_page(services, relevant, language)) if relevant else ()
            for index, page in enumerate(pages):
                suffix = f":{index}" if index else ""
                key = f"notice:{group[0].notice_id}:{chat_id}{suffix}"
                yield OutgoingMessage(key, chat_id, page)


def _recipients(services: BotServices, group: Sequence[Notice]) -> Sequence[int]:
    notice = group[0]
    if notice.to == ADMINS:
        return services.roles.admins()
    return [int(notice.to)] if notice.to.lstrip("-").isdecimal() else []


def _page(
    services: BotServices, group: Sequence[Notice], language: str
) -> FormattedMessage:
    lines = list(
        dict.fromkeys(notice_text(services, notice, language) for notice in group)
    )
    parts = lines[:MAX_LISTED]
    if len(group) > 1:
        parts.insert(0, text(language, "admin-grouped", count=len(group)))
    if len(lines) > MAX_LISTED:
        parts.append(
            text(language, "admin-grouped-more", count=len(lines) - MAX_LISTED)
        )
    if cause := cause_of(group[0].key):
        parts.append(text(language, f"runbook-{cause}"))
    buttons = filter(None, (act_button(services, notice, language) for notice in group))
    rows = [tuple({button.label: button for button in buttons}.values())[:_MAX_ACTS]]
    return FormattedMessage("\n\n".join(parts), buttons=tuple(filter(None, rows)))


def _group_by_cause(notices: Sequence[Notice]) -> Iterator[list[Notice]]:
    """Yield the notices in groups; those to admins with one cause are grouped."""

    def group_key(notice: Notice) -> tuple[str, int]:
        is_alone = notice.to != ADMINS or notice.key in NEWS
        return (cause_of(notice.key) or notice.key, notice.notice_id if is_alone else 0)

    groups = groupby(sorted(notices, key=group_key), group_key)
    yield from sorted(
        (list(group) for _, group in groups), key=lambda group: group[0].notice_id
    )


BATCH_SIZE = 100
# How long a stop waits for the messages in transit: one cut off would be sent again, with a mark.
LAST_S = 2.0


class NoticeSender:
    """Sends notices and leftover messages; a slow chat does not delay the others."""

    def __init__(self, services: BotServices, sender: OutboxSender) -> None:
        self._services = services
        self._sender = sender
        self._on_the_way: dict[int, asyncio.Task[None]] = {}

    async def send_pending(self) -> None:
        """Turn notices into messages, and start sending all unsent messages."""
        if await self._services.store.read(self._list_waiting):
            await self._services.store.do(self._hand_over)
        # A chat that Telegram asks to wait, perhaps for hours, takes no place of the batch.
        limit = max(BATCH_SIZE + len(self._sender.flooded) - len(self._on_the_way), 0)
        owner = self._services.owner
        # A notice would end the draft of an answer.
        busy = [*self._on_the_way, *self._sender.drafting]
        unsent = await self._services.store.do(
            lambda: self._services.outbox.list_unprompted(owner, limit, busy)
        )
        by_chat: dict[int, list[QueuedMessage]] = {}
        for outgoing in unsent:
            by_chat.setdefault(outgoing.message.chat_id, []).append(outgoing)
        for chat_id, messages in by_chat.items():
            self._on_the_way[chat_id] = asyncio.create_task(
                self._deliver(chat_id, messages)
            )

    def _list_waiting(self) -> list[Notice]:
        """Return the notices that may be sent now."""
        before = self._services.clock() - timedelta(seconds=self._services.pace.group_s)
        return Notices(self._services.db).list_waiting(BATCH_SIZE, before)

    def _hand_over(self) -> None:
        services = self._services
        notices = Notices(self._services.db)
        claimed = [
            notice
            for notice in self._list_waiting()
            if notices.mark_handed_over(notice.notice_id)
        ]
        services.outbox.put(list(build_messages(services, claimed)))

    async def _deliver(self, chat_id: int, messages: Sequence[QueuedMessage]) -> None:
        try:
            language = await self._services.store.read(
                lambda: self._services.language_of(chat_id)
            )
            await self._sender.deliver(lambda: messages, lambda _: None, language)
        except ChatUnreachable:
            log.warning("a chat cannot receive notifications", chat=chat_id)
        except Exception:
            log.exception("messages could not be sent", chat=chat_id)

            def store_unknown() -> None:
                # This only changes the message that was being sent.
                for outgoing in messages:
                    self._services.outbox.settle(
                        outgoing.outgoing_id, OutgoingState.UNKNOWN
                    )

            await retry_until_stored(
                self._services, store_unknown, "doubt was not stored"
            )
        finally:
            del self._on_the_way[chat_id]

    async def close(self) -> None:
        """Stop sending; unsent messages are sent after the next start."""
        if tasks := list(self._on_the_way.values()):
            await asyncio.wait(tasks, timeout=LAST_S)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
