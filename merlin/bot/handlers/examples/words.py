"""Words: what an editor writes for an example: a message, or a file with more than one holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from telegram.error import NetworkError

from merlin.bot.event import Event
from merlin.bot.handlers.examples.reach import fresh, judged, trouble
from merlin.bot.handlers.topic import Handler
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.core.errors import MerlinError, Refused
from merlin.core.page import Button
from merlin.core.text import text
from merlin.dataset.limits import Limits

# More than any provider takes as one example.
MOST_LETTERS = 200_000
# What is done with the words, in the transaction that shows its screen.
Listen = Callable[[Kit, Event, str], Screen]
# The same for what takes longer; ends the update itself.
Lead = Callable[[Kit, Event, str], Awaitable[None]]


def listening(listen: Listen) -> Handler:
    """Return the handler of a step that waits for words."""

    async def lead(kit: Kit, event: Event, words: str) -> None:
        await kit.show(
            event, lambda: judged(kit, event, lambda: listen(kit, fresh(kit, event), words))
        )

    return leading(lead)


def leading(lead: Lead) -> Handler:
    """Return the handler of a step that waits for words; without them the person is told so."""

    async def handle(kit: Kit, event: Event) -> None:
        try:
            words = await typed(kit, event)
        except MerlinError as error:
            reason = error
            await kit.show(event, lambda: judged(kit, event, lambda: hint(event, reason)))
            return
        await lead(kit, event, words)

    return handle


def hint(event: Event, error: MerlinError) -> Screen:
    """Return what is wrong with a message; the dialog waits on."""
    return trouble(event, error, (Button(text(event.language, "button-cancel"), "cancel"),))


async def typed(kit: Kit, event: Event) -> str:
    """Return the words of a message or of a text file. Raises Refused for anything else."""
    words = event.text
    if event.sent is not None:
        if event.sent.kind != "document":
            raise Refused("no words", "examples-words-wanted")
        words = _decoded(await fetch(kit, event.sent.file_id, Limits().file_bytes))
    if not words.strip():
        raise Refused("no words", "examples-words-wanted")
    if len(words) > MOST_LETTERS:
        raise Refused("too long", "examples-too-long", most=MOST_LETTERS)
    return words


async def fetch(kit: Kit, file_id: str, limit_bytes: int) -> bytes:
    """Return a file by its id. Raises Refused where it cannot be had."""
    try:
        return await kit.files.fetch(file_id, limit_bytes)
    except NetworkError:
        raise Refused("Telegram hands no file out", "media-not-fetched") from None


def _decoded(content: bytes) -> str:
    try:
        found = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused("no text", "examples-words-wanted") from None
    if "\0" in found:
        raise Refused("no text", "examples-words-wanted")
    return found
