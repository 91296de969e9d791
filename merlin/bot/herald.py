"""Herald: hands running broadcasts to the outbox, a little every second.

So little waits in the outbox at a time that an answer or a notice is never behind a broadcast. A
kill loses and doubles nobody: whom to write to, and that they were handed over, is one
transaction.
"""

from __future__ import annotations

from functools import partial

from merlin.bot.services import BotServices
from merlin.chat.markup.rich import rich
from merlin.core.killpoint import reached
from merlin.core.page import Button, Page
from merlin.core.text import text
from merlin.inbox.broadcast import Broadcast, BroadcastState, Delivered
from merlin.inbox.outgoing import Letter

EVERY_S = 0.25


class Herald:
    """One round hands over as many people as may wait, and tells what came of a broadcast."""

    def __init__(self, services: BotServices) -> None:
        self._services = services
        self._rows = services.rows

    async def round(self) -> None:
        """Move every running broadcast on."""
        for broadcast in await self._services.store.read(self._rows.outreach.deliveries.open):
            if broadcast.state is BroadcastState.RUNNING and not broadcast.is_whole:
                await self._services.store.do(partial(self._move, broadcast))
                reached("broadcast.handed")
            else:
                await self._services.store.do(partial(self._end, broadcast))

    def _move(self, broadcast: Broadcast) -> None:
        room = self._services.pace.broadcast_per_s - self._rows.outreach.deliveries.waiting()
        if room < 1:
            return
        users = self._rows.outreach.deliveries.next(broadcast.broadcast_id, room)
        page = rich(broadcast.text)
        self._rows.outbox.put([Letter(broadcast.key(user), user, page) for user in users])
        if users:
            self._rows.wake.bump()

    def _end(self, broadcast: Broadcast) -> None:
        """Tell who sent it what came of it, once nothing waits any more."""
        done = self._rows.outreach.deliveries.delivered(broadcast.broadcast_id)
        if done.waiting or not self._rows.outreach.deliveries.end(broadcast.broadcast_id):
            return
        over = self._rows.outreach.broadcasts.get(broadcast.broadcast_id) or broadcast
        if not over.by_user:  # who sent it has deleted everything
            return
        language = self._services.language_of(over.by_user)
        onward = Button(text(language, "admin-broadcast"), "a-casts:n")
        page = Page(report(over, done, language), buttons=((onward,),))
        self._rows.outbox.put([Letter(f"report:{over.prefix}", over.by_user, page)])
        self._rows.wake.bump()


def report(broadcast: Broadcast, done: Delivered, language: str) -> str:
    """Return how far a broadcast is, or what came of it."""
    return text(
        language,
        "cast-report",
        number=broadcast.broadcast_id,
        state=broadcast.state.value,
        total=broadcast.total,
        sent=done.sent,
        blocked=done.blocked,
        failed=done.failed,
        left=max(broadcast.total - done.sent - done.blocked - done.failed, 0),
    )
