"""Sender: messages that matter go out through the outbox, in order, each with a row of its own.

A message is stored as `sending` before it is sent. One that ended in doubt is sent once more with
a mark, when Telegram answers again; never a third time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from telegram.error import BadRequest

from merlin.bot.calls import Calls, Doubt, Shut, Unreachable
from merlin.bot.line import Line
from merlin.bot.services import BotServices
from merlin.core.killpoint import reached
from merlin.core.log import get_logger, redact
from merlin.core.notice import ADMINS
from merlin.core.page import Page
from merlin.core.text import text
from merlin.core.utf16 import units
from merlin.inbox.outgoing import Letter, Outgoing, OutgoingState

log = get_logger(__name__)

# Hears whether Telegram has confirmed every message.
After = Callable[[bool], None]


@dataclass(frozen=True, slots=True)
class _Run:
    """What is still to be sent, and whether all before it was confirmed."""

    waiting: tuple[Outgoing, ...]
    is_sure: bool


def _is_lost(outgoing: Outgoing) -> bool:
    """Return whether nobody will ever know if this message arrived."""
    return outgoing.state is OutgoingState.UNKNOWN and outgoing.is_over


class Sender:
    """Sends stored messages; the order of a chat is kept by whoever calls."""

    def __init__(self, services: BotServices, calls: Calls, line: Line) -> None:
        self._store = services.store
        self._rows = services.rows
        self._owner = services.owner
        self._calls = calls
        self._line = line

    async def deliver(
        self, prepare: Callable[[], Sequence[Outgoing]], after: After, language: str
    ) -> None:
        """Send what `prepare` stores or finds; `after` is stored with the end of the last one.

        Both run in transactions of the store, perhaps several times. Raises Unreachable, with
        everything that waited for the chat dropped.
        """
        run, is_begun = await self._store.do(lambda: self._open(prepare, after))
        while run.waiting:
            ended = await self._send(run.waiting[0], language) if is_begun else None
            run = await self._left(ended, run)
            is_begun = await self._store.do(partial(self._settle, ended, run, after))
        reached("answer.recorded")

    def _open(self, prepare: Callable[[], Sequence[Outgoing]], after: After) -> tuple[_Run, bool]:
        found = prepare()
        waiting = tuple(outgoing for outgoing in found if not outgoing.is_over)
        run = _Run(waiting, is_sure=not any(map(_is_lost, found)))
        return run, self._begin(run, after)

    def _begin(self, run: _Run, after: After) -> bool:
        """Begin the first message, or end the whole; return whether one was begun."""
        if run.waiting:
            return self._rows.outbox.begin(run.waiting[0].outgoing_id, self._owner)
        after(run.is_sure)
        return False

    def _settle(self, ended: Outgoing | None, run: _Run, after: After) -> bool:
        """Store how the last message ended (None: another process has it); begin the next."""
        if ended is not None:
            self._rows.outbox.settle(ended.outgoing_id, ended.state, ended.message_id)
            self._tell_of_doubt(ended)
        return self._begin(run, after)

    def _tell_of_doubt(self, ended: Outgoing) -> None:
        # A notice about a notice in doubt would lead to the next one.
        if _is_lost(ended) and ended.letter.update_id:
            told = {"chat": str(ended.letter.chat_id)}
            self._rows.notices.tell(ADMINS, "notice-unconfirmed", told, ended.letter.key)

    async def _left(self, ended: Outgoing | None, run: _Run) -> _Run:
        """Return what is still to be sent; a doubtful message again, once Telegram answers."""
        rest = run.waiting[1:]
        if ended is None or ended.state is OutgoingState.SENT:
            return replace(run, waiting=rest)
        if ended.is_over:
            return _Run(rest, is_sure=False)
        await self._until_well(ended)
        return replace(run, waiting=(ended, *rest))

    async def _send(self, outgoing: Outgoing, language: str) -> Outgoing:
        """Send one message that was begun; return it as it then stands."""
        letter = outgoing.letter
        tries = outgoing.tries + 1
        try:
            message_id = await self._shown(letter, language, is_repeat=outgoing.tries > 0)
        except Doubt:
            log.warning("a message was left in doubt", chat=letter.chat_id, tries=tries)
            return replace(outgoing, state=OutgoingState.UNKNOWN, tries=tries)
        except BadRequest as error:
            log.warning("telegram takes no such text", reason=redact(str(error)))
            return replace(outgoing, state=OutgoingState.DROPPED, tries=tries)
        except Shut:
            log.info("nothing may be written here", chat=letter.chat_id)
            return replace(outgoing, state=OutgoingState.DROPPED, tries=tries)
        except Unreachable:
            await self._drop(outgoing)
            raise
        reached("answer.sent")
        return replace(outgoing, state=OutgoingState.SENT, tries=tries, message_id=message_id)

    async def _shown(self, letter: Letter, language: str, *, is_repeat: bool) -> int:
        """Let a letter stand in its chat, edited in or sent; return its message's id."""
        edit_of = letter.spot.edit_of
        may_edit = edit_of and letter.page.file is None
        # An edit may be repeated without a mark: nothing can be doubled by it.
        if may_edit and await self._calls.edit(letter.chat_id, edit_of, letter.page):
            return edit_of
        page = _marked(letter.page, language) if is_repeat else letter.page
        return await self._calls.send(letter.chat_id, page, letter.spot)

    async def _until_well(self, outgoing: Outgoing) -> None:
        # Typing is harmless to repeat, so it tells whether this chat can be reached again.
        attempt = 0
        try:
            while not await self._calls.typing(outgoing.letter.chat_id):
                await self._line.pause(attempt)
                attempt += 1
        except Unreachable:
            await self._drop(outgoing)
            raise

    async def _drop(self, outgoing: Outgoing) -> None:
        chat_id = outgoing.letter.chat_id

        def work() -> None:
            self._rows.outbox.settle(outgoing.outgoing_id, OutgoingState.DROPPED)
            self._rows.outbox.drop(chat_id)
            self._rows.users.unreachable(chat_id)

        await self._store.do(work)


def _marked(page: Page, language: str) -> Page:
    """Return the page with the mark of a repeat above it."""
    mark = f"{text(language, 'bot-repeat')}\n"
    marks = tuple(replace(each, offset=each.offset + units(mark)) for each in page.marks)
    return replace(page, text=f"{mark}{page.text}", marks=marks)
