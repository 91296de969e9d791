"""Kit: what every handler works with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from merlin.bot.calls import Calls
from merlin.bot.event import Event
from merlin.bot.sender import After, Sender
from merlin.bot.services import BotServices, Rows, Store
from merlin.chat.desk import Desk
from merlin.chat.parts import split
from merlin.inbox.outgoing import Letter, Outgoing
from merlin.inbox.update import Outcome, UpdateState


@dataclass(frozen=True, slots=True)
class Kit:
    """The services and the parts made of them."""

    services: BotServices
    calls: Calls
    sender: Sender
    desk: Desk

    @property
    def store(self) -> Store:
        """Return what runs work on the database."""
        return self.services.store

    @property
    def rows(self) -> Rows:
        """Return the rows; to be called within the store's work."""
        return self.services.rows

    def finish(self, event: Event, state: UpdateState, reason: str = "") -> None:
        """Store the update's final state; to be called within the store's work."""
        outcome = Outcome(event.update_id, state, reason)
        self.rows.inbox.finish(self.services.owner, event.chat_id, [outcome])

    def ending(self, event: Event, state: UpdateState, reason: str = "") -> After:
        """Return what ends the update, when it is known whether its answer was confirmed."""

        def after(is_sure: bool) -> None:  # noqa: FBT001 - an `After`
            if is_sure:
                self.finish(event, state, reason)
            else:
                self.finish(event, UpdateState.FAILED, "unconfirmed")

        return after

    async def end(self, event: Event, state: UpdateState, reason: str = "") -> None:
        """Store the final state of an update that gets no answer."""
        await self.store.do(lambda: self.finish(event, state, reason))

    async def say(
        self,
        event: Event,
        words: Callable[[], str],
        state: UpdateState = UpdateState.ANSWERED,
        reason: str = "",
    ) -> None:
        """Answer an update by what `words` returns, and end it; once, whatever happens.

        `words` may read and write: it runs in the transaction that stores the answer.
        """

        def prepare() -> Sequence[Outgoing]:
            said = self.rows.outbox.of_update(event.update_id) if event.is_resumed else []
            return said or self.rows.outbox.put(letters(event, split(words())))

        await self.sender.deliver(prepare, self.ending(event, state, reason), event.language)


def letters(event: Event, parts: Sequence[str], first: int = 0) -> list[Letter]:
    """Return the parts as letters that answer an update, numbered from `first`."""
    return [
        Letter(f"update:{event.update_id}:{place}", event.chat_id, part, event.update_id)
        for place, part in enumerate(parts, first)
    ]
