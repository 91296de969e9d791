"""Calls: the Bot API in our words, with the one rule for each call of when to try it again.

An edit may be repeated any number of times. A message may not: Telegram has no key by which it
would know a repeat, so a send that ended in doubt is the caller's to decide on.
"""

from __future__ import annotations

from enum import Enum, auto

from telegram.constants import ChatAction
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    NetworkError,
    TelegramError,
)
from telegram.ext import ExtBot

from merlin.bot.limiter import GaveWay, Lane
from merlin.bot.line import Line
from merlin.bot.transport import NotSent
from merlin.core.log import get_logger, redact

log = get_logger(__name__)

PLACEHOLDER = "…"


class Unreachable(Exception):
    """This person or chat takes no messages: blocked, deleted, unknown."""


class Doubt(Exception):
    """Nobody knows whether the message was sent."""


class Meaning(Enum):
    """What an error of the Bot API means for the call."""

    NOT_SENT = auto()
    DOUBT = auto()
    UNREACHABLE = auto()
    SAME = auto()
    GONE = auto()
    REFUSED = auto()


# Telegram has no codes for these, only words. Source: tdlib.
_NOBODY = ("chat not found", "user not found", "peer_id_invalid", "user is deactivated")
_GONE = ("message to edit not found", "message can't be edited", "message_id_invalid")


def meaning(error: TelegramError) -> Meaning:
    """Return what `error` means for the call that it ended."""
    words = str(error).lower()
    if isinstance(error, Forbidden | ChatMigrated):
        return Meaning.UNREACHABLE
    if isinstance(error, BadRequest):
        if "message is not modified" in words:
            return Meaning.SAME
        if any(mark in words for mark in _GONE):
            return Meaning.GONE
        is_nobody = any(mark in words for mark in _NOBODY)
        return Meaning.UNREACHABLE if is_nobody else Meaning.REFUSED
    return Meaning.NOT_SENT if isinstance(error, NotSent) else Meaning.DOUBT


class Calls:
    """The calls by which answers are shown."""

    def __init__(self, bot: ExtBot[Lane], line: Line) -> None:
        self._bot = bot
        self._line = line

    async def send(self, chat_id: int, text: str) -> int:
        """Send a message; return its id. Waits as long as no connection comes about.

        Raises Doubt, Unreachable, BadRequest when Telegram will never take this text.
        """
        attempt = 0
        while True:
            try:
                message = await self._bot.send_message(chat_id, text)
            except TelegramError as error:
                what = self._note(error, chat_id)
                if what is Meaning.DOUBT:
                    raise Doubt(type(error).__name__) from error
                if what is not Meaning.NOT_SENT:
                    raise
            else:
                self._line.works()
                return message.message_id
            await self._line.pause(attempt)
            attempt += 1

    async def place(self, chat_id: int) -> int:
        """Send a placeholder; return its id. In doubt another one is sent: at worst one is left.

        Raises Unreachable.
        """
        attempt = 0
        while True:
            try:
                return await self.send(chat_id, PLACEHOLDER)
            except Doubt:
                await self._line.pause(attempt)
            attempt += 1

    async def edit(self, chat_id: int, message_id: int, text: str) -> bool:
        """Let a message say `text`, however often that must be tried; False when it is gone.

        Raises Unreachable, BadRequest when Telegram will never take this text.
        """
        attempt = 0
        while True:
            try:
                await self._bot.edit_message_text(text, chat_id=chat_id, message_id=message_id)
            except TelegramError as error:
                what = self._note(error, chat_id)
                if what in {Meaning.SAME, Meaning.GONE}:
                    return what is Meaning.SAME
                if what is Meaning.REFUSED:
                    raise
            else:
                self._line.works()
                return True
            await self._line.pause(attempt)
            attempt += 1

    async def progress(self, chat_id: int, message_id: int, text: str) -> bool:
        """Let a message say `text` for now; False when that did not come about.

        Raises GaveWay when a limit is near.
        """
        try:
            await self._bot.edit_message_text(
                text, chat_id=chat_id, message_id=message_id, rate_limit_args=Lane.PROGRESS
            )
        except GaveWay:
            raise
        except TelegramError as error:
            log.info("a progress edit was lost", chat=chat_id, reason=redact(str(error)))
            return False
        self._line.works()
        return True

    async def typing(self, chat_id: int) -> bool:
        """Show that an answer is being written; False when that did not come about.

        Raises Unreachable.
        """
        try:
            await self._bot.send_chat_action(
                chat_id, ChatAction.TYPING, rate_limit_args=Lane.PROGRESS
            )
        except GaveWay:
            return False
        except TelegramError as error:
            return self._note(error, chat_id) is Meaning.SAME
        self._line.works()
        return True

    def _note(self, error: TelegramError, chat_id: int) -> Meaning:
        """Return what the error means. Raises Unreachable when nobody is there."""
        what = meaning(error)
        if what is Meaning.UNREACHABLE:
            raise Unreachable(str(chat_id)) from error
        if isinstance(error, NetworkError) and what in {Meaning.NOT_SENT, Meaning.DOUBT}:
            self._line.fails(error)
        return what
