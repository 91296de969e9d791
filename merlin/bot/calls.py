"""Calls: the Bot API in our words, with the one rule for each call of when to try it again.

An edit may be repeated any number of times. A message may not: Telegram has no key by which it
would know a repeat, so a send that ended in doubt is the caller's to decide on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from enum import Enum, auto
from typing import Any

from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    NetworkError,
    TelegramError,
)

from merlin.bot.limiter import GaveWay, Lane
from merlin.bot.line import Line
from merlin.bot.transport import NotSent
from merlin.bot.wire import Wire, captioned, keyboard, shown, spotted
from merlin.chat.session import Place
from merlin.core.log import get_logger, redact
from merlin.core.page import Button, Page
from merlin.inbox.outgoing import Spot

log = get_logger(__name__)

NOWHERE = Spot()
# Hears that a group became a supergroup: the old id, then the new one.
Moved = Callable[[int, int], Awaitable[None]]
Buttons = tuple[tuple[Button, ...], ...]


class Unreachable(Exception):
    """This person or chat takes no messages: blocked, deleted, unknown."""


class Shut(Unreachable):
    """Others may be told here, but not this: the topic is closed or gone, or rights are missing."""


class Doubt(Exception):
    """Nobody knows whether the message was sent."""


class Meaning(Enum):
    """What an error of the Bot API means for the call."""

    NOT_SENT = auto()
    DOUBT = auto()
    UNREACHABLE = auto()
    SHUT = auto()
    MOVED = auto()
    SAME = auto()
    GONE = auto()
    REFUSED = auto()


# Telegram has no codes for these, only words. Source: tdlib.
_SAID = {
    Meaning.SHUT: (
        "topic_closed",
        "topic_deleted",
        "message thread not found",
        "not enough rights to send",
        "have no rights to send",
        "chat_write_forbidden",
        "chat_restricted",
    ),
    Meaning.SAME: ("message is not modified",),
    Meaning.GONE: (
        "message to edit not found",
        "message can't be edited",
        "message_id_invalid",
        # A button under a file: its words cannot become a text.
        "no text in the message to edit",
    ),
    Meaning.UNREACHABLE: (
        "chat not found",
        "user not found",
        "peer_id_invalid",
        "user is deactivated",
    ),
}


def meaning(error: TelegramError) -> Meaning:
    """Return what `error` means for the call that it ended."""
    if isinstance(error, ChatMigrated):
        return Meaning.MOVED
    if not isinstance(error, BadRequest | Forbidden):
        return Meaning.NOT_SENT if isinstance(error, NotSent) else Meaning.DOUBT
    words = str(error).lower()
    found = (what for what, marks in _SAID.items() if any(mark in words for mark in marks))
    is_nobody = isinstance(error, Forbidden)
    return next(found, Meaning.UNREACHABLE if is_nobody else Meaning.REFUSED)


class Calls:
    """The calls by which answers are shown."""

    def __init__(self, wire: Wire, line: Line, moved: Moved | None = None) -> None:
        self._wire = wire
        self._line = line
        self._moved = moved

    async def send(self, chat_id: int, page: Page, spot: Spot = NOWHERE) -> int:
        """Send a message; return its id. Waits as long as no connection comes about.

        Where the chat became a supergroup, it is sent there, as a reply to nothing.
        Marks that Telegram does not take are left out. Raises Doubt, Unreachable, BadRequest
        when Telegram will never take this text.
        """
        attempt = 0
        while True:
            try:
                message = await self._sent(chat_id, page, spot)
            except TelegramError as error:
                what = self._note(error, chat_id)
                if what is Meaning.DOUBT:
                    raise Doubt(type(error).__name__) from error
                if isinstance(error, ChatMigrated):
                    chat_id, spot = await self._follow(chat_id, error), NOWHERE
                    continue
                if what is Meaning.REFUSED and page.marks:
                    page = replace(page, marks=())
                    continue
                if what is not Meaning.NOT_SENT:
                    raise
            else:
                self._line.works()
                return int(message["message_id"])
            await self._line.pause(attempt)
            attempt += 1

    async def _follow(self, chat_id: int, error: ChatMigrated) -> int:
        """Let everybody know where a chat is now; return its new id. Raises Unreachable."""
        if self._moved is None or error.new_chat_id == chat_id:
            raise Unreachable(str(chat_id)) from error
        await self._moved(chat_id, error.new_chat_id)
        return error.new_chat_id

    async def _sent(self, chat_id: int, page: Page, spot: Spot) -> Any:
        at = {"chat_id": chat_id, **spotted(spot)}
        if page.file is None:
            return await self._wire.call("sendMessage", at | shown(page))
        method = "sendPhoto" if page.file.is_picture else "sendDocument"
        return await self._wire.call(method, at | captioned(page), file=page.file)

    async def place(self, chat_id: int, page: Page, spot: Spot = NOWHERE) -> int:
        """Send a placeholder; return its id. In doubt another one is sent: at worst one is left.

        Raises Unreachable.
        """
        attempt = 0
        while True:
            try:
                return await self.send(chat_id, page, spot)
            except Doubt:
                await self._line.pause(attempt)
            attempt += 1

    async def edit(self, chat_id: int, message_id: int, page: Page) -> bool:
        """Let a message show `page`, however often that must be tried; False when it is gone.

        Raises Unreachable, BadRequest when Telegram will never take this text.
        """
        attempt = 0
        while True:
            try:
                await self._wire.call("editMessageText", _edit(chat_id, message_id, page))
            except TelegramError as error:
                what = self._note(error, chat_id)
                if what in {Meaning.SAME, Meaning.GONE, Meaning.MOVED}:
                    return what is Meaning.SAME
                if what is Meaning.REFUSED and page.marks:
                    page = replace(page, marks=())
                    continue
                if what is Meaning.REFUSED:
                    raise
            else:
                self._line.works()
                return True
            await self._line.pause(attempt)
            attempt += 1

    async def progress(self, chat_id: int, message_id: int, page: Page) -> bool:
        """Let a message show `page` for now; False when that did not come about.

        Raises GaveWay when a limit is near.
        """
        fields = _edit(chat_id, message_id, page)
        try:
            await self._wire.call("editMessageText", fields, Lane.PROGRESS)
        except GaveWay:
            raise
        except TelegramError as error:
            log.info("a progress edit was lost", chat=chat_id, reason=redact(str(error)))
            return False
        self._line.works()
        return True

    async def mark(self, chat_id: int, message_id: int, buttons: Buttons) -> bool:
        """Let other buttons stand under a message, whose text stays; False when they do not."""
        fields = {"chat_id": chat_id, "message_id": message_id}
        fields |= keyboard(Page("", buttons=buttons))
        try:
            await self._wire.call("editMessageReplyMarkup", fields, Lane.PROGRESS)
        except TelegramError as error:
            log.info("buttons were not changed", chat=chat_id, reason=redact(str(error)))
            return False
        self._line.works()
        return True

    async def typing(self, chat_id: int, thread_id: int = 0) -> bool:
        """Show that an answer is being written; False when that did not come about.

        Raises Unreachable.
        """
        fields = {"chat_id": chat_id, "action": "typing", **spotted(Spot(thread_id))}
        try:
            await self._wire.call("sendChatAction", fields, Lane.PROGRESS)
        except GaveWay:
            return False
        except TelegramError as error:
            return self._note(error, chat_id) in {Meaning.SAME, Meaning.MOVED}
        self._line.works()
        return True

    async def draft(self, place: Place, draft_id: int, page: Page) -> bool:
        """Show a draft for half a minute; False when that did not come about.

        Raises Unreachable.
        """
        fields = {
            "chat_id": place.chat_id,
            "draft_id": draft_id,
            **spotted(Spot(place.thread_id)),
            **shown(page),
        }
        try:
            await self._wire.call("sendMessageDraft", fields, Lane.PROGRESS)
        except GaveWay:
            return False
        except TelegramError as error:
            return self._note(error, place.chat_id) is Meaning.SAME
        self._line.works()
        return True

    async def answer(self, method: str, fields: Mapping[str, Any]) -> bool:
        """Answer a query at once and once; False when Telegram does not take it (any more)."""
        try:
            await self._wire.call(method, fields, Lane.URGENT)
        except TelegramError as error:
            log.info("a query was not answered", method=method, reason=redact(str(error)))
            return False
        self._line.works()
        return True

    async def ask(self, method: str, fields: Mapping[str, Any]) -> Any:
        """Return what a call brings, tried once; None where Telegram does not take it."""
        try:
            return await self._wire.call(method, fields)
        except TelegramError as error:
            log.info("a call was not taken", method=method, reason=redact(str(error)))
            return None

    async def once(self, method: str, fields: Mapping[str, Any]) -> Any:
        """Return what a call brings, tried once.

        Raises Unreachable, and TelegramError: BadRequest where it is refused for good.
        """
        try:
            found = await self._wire.call(method, fields)
        except TelegramError as error:
            self._note(error, int(fields.get("chat_id", 0)))
            raise
        self._line.works()
        return found

    def _note(self, error: TelegramError, chat_id: int) -> Meaning:
        """Return what the error means. Raises Unreachable when nobody is there, Shut."""
        what = meaning(error)
        if what is Meaning.SHUT:
            raise Shut(str(chat_id)) from error
        if what is Meaning.UNREACHABLE:
            raise Unreachable(str(chat_id)) from error
        if isinstance(error, NetworkError) and what in {Meaning.NOT_SENT, Meaning.DOUBT}:
            self._line.fails(error)
        return what


def _edit(chat_id: int, message_id: int, page: Page) -> dict[str, Any]:
    return {"chat_id": chat_id, "message_id": message_id, **shown(page)}
