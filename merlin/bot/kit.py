"""Kit: what every handler works with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from merlin.bot.answered import Answered
from merlin.bot.calls import Calls
from merlin.bot.event import Event
from merlin.bot.files import Files
from merlin.bot.me import Me
from merlin.bot.screen import Screen
from merlin.bot.sender import After, Sender
from merlin.bot.services import BotServices, Rows
from merlin.bot.watches import Watches
from merlin.chat.desk import Desk
from merlin.chat.dialog import Dialog
from merlin.chat.markup.parts import split
from merlin.chat.stop import Stops
from merlin.core.page import Page
from merlin.core.store import Store
from merlin.inbox.outgoing import Letter, Outgoing, Spot
from merlin.inbox.update import Outcome, UpdateState


@dataclass(frozen=True, slots=True)
class Kit:
    """The services and the parts made of them.

    `placed` are placeholders that stand in a chat and in no row yet, by their updates; `me` is
    what the bot knows of itself.
    """

    services: BotServices
    calls: Calls
    sender: Sender
    desk: Desk
    files: Files
    stops: Stops = field(default_factory=Stops)
    watches: Watches = field(default_factory=Watches)
    placed: dict[int, int] = field(default_factory=dict)
    me: Me = field(default_factory=Me)

    @property
    def store(self) -> Store:
        """Return what runs work on the database."""
        return self.services.store

    @property
    def rows(self) -> Rows:
        """Return the rows; to be called within the store's work."""
        return self.services.rows

    def finish(self, event: Event, state: UpdateState, reason: str = "") -> None:
        """Store the final state of an update and of those joined to it; within the store's work."""
        ids = (event.update_id, *(update.update_id for update in event.joined))
        outcomes = [Outcome(update_id, state, reason) for update_id in ids]
        self.rows.inbox.finish(self.services.owner, event.chat_id, outcomes)

    def wait(self, event: Event, dialog: Dialog) -> None:
        """Let the person's next message belong to a dialog; within the store's work."""
        asked = replace(dialog, asked_by=event.update_id)
        self.rows.dialogs.put(event.chat_id, event.user_id, asked)

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

    async def show(
        self,
        event: Event,
        act: Callable[[], Screen],
        state: UpdateState = UpdateState.ANSWERED,
        reason: str = "",
    ) -> None:
        """Answer an update by the screen that `act` returns, and end it; once, whatever happens.

        `act` may read and write: it runs in the transaction that stores the screen. A pressed
        button is answered as soon as that is stored.
        """
        answered = Answered(self.calls, event)

        def prepare() -> Sequence[Outgoing]:
            begun = self._begun(event) if event.is_resumed else []
            screen = Screen(None) if begun else act()
            answered.knows(screen)
            return begun or self.rows.outbox.put(letters(event, screen))

        async with answered:
            await self.sender.deliver(prepare, self.ending(event, state, reason), event.language)

    def _begun(self, event: Event) -> Sequence[Outgoing]:
        """Return what an earlier try stored to be said; a screen costs nothing of a plan."""
        self.rows.quotas.give_back(event.update_id)
        return self.rows.outbox.of_update(event.update_id)

    async def say(
        self, event: Event, words: str, state: UpdateState = UpdateState.ANSWERED, reason: str = ""
    ) -> None:
        """Answer an update by plain words, and end it."""
        await self.show(event, lambda: Screen(Page(words)), state, reason)


def letters(event: Event, screen: Screen) -> list[Letter]:
    """Return a screen as letters that answer an update: edited in, or sent behind each other."""
    if screen.page is None:
        return []
    is_edit = event.verb != "" and not screen.is_new
    first = replace(spot_of(event), edit_of=event.message_id if is_edit else 0)
    return page_letters(event, split(screen.page), first)


def page_letters(
    event: Event, pages: Sequence[Page], first: Spot | None = None, number: int = 0
) -> list[Letter]:
    """Return pages as letters that answer an update, numbered from `number`."""
    spot = spot_of(event)
    spots = [first or spot, *[spot] * len(pages)][: len(pages)]
    return [
        Letter(f"update:{event.update_id}:{place}", event.chat_id, page, event.update_id, at)
        for place, (page, at) in enumerate(zip(pages, spots, strict=True), number)
    ]


def spot_of(event: Event) -> Spot:
    """Return where answers to an update go: into its topic, in groups under its message.

    The answer to an edited message stands under it too: between lies what was said since.
    """
    is_edited = event.update.kind == "edited_message"
    is_reply = is_edited or not (event.is_private or event.verb)
    reply_to = event.message_id if is_reply else 0
    return Spot(event.thread_id, reply_to)
