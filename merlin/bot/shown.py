"""Shown: a written turn as the messages that people read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from merlin.bot import offers
from merlin.chat.document import bodies
from merlin.chat.markup.parts import copyable, split
from merlin.chat.markup.rich import rich
from merlin.chat.turn import Turn, Written
from merlin.core.page import Mark, Page
from merlin.core.text import text
from merlin.core.utf16 import units

HEARD_LENGTH = 300
# Reading so much Markdown takes about as long as a call over the network.
LONG_CHARACTERS = 4000
T = TypeVar("T")


async def draw(work: Callable[[], T], characters: int) -> T:
    """Return what `work` makes of so many characters; of many beside the event loop.

    Half a second is not unheard of, and nobody else is to wait for it.
    """
    return await asyncio.to_thread(work) if characters > LONG_CHARACTERS else work()


def pages(turn: Turn, written: Written, language: str, *, is_script: bool = False) -> list[Page]:
    """Return the messages of a turn, at least one: what was heard, the answer, the note.

    `is_script`: what was heard is wanted whole, not as a reminder.
    """
    body = rich(written.answer) if written.answer.strip() else Page("")
    if turn.question.format == "voice" and written.answer:
        body = _after(_heard(turn.question.text, is_whole=is_script), body)
    if written.note.strip():
        body = _after(body, _noted(written.note))
    rows = offers.offered(written.offer, turn.turn_id, language)
    copies = copyable(body, text(language, "bot-button-copy"))
    buttons = (*((copies,) if copies else ()), *(rows if written.answer or written.offer else ()))
    return split(replace(body, buttons=buttons)) or [Page("…")]


def _heard(question: str, *, is_whole: bool) -> Page:
    words = "\n\n".join(bodies(question)) or question
    if len(words) > HEARD_LENGTH and not is_whole:
        words = f"{words[:HEARD_LENGTH]}…"
    line = f"🎙 {words}"
    kind = "expandable_blockquote" if is_whole else "blockquote"
    return Page(line, (Mark(kind, 0, units(line)),))


def _noted(note: str) -> Page:
    return Page(note, (Mark("italic", 0, units(note)),))


def _after(first: Page, second: Page) -> Page:
    """Return both pages as one, an empty line between them."""
    if not first.text.strip():
        return second
    start = units(first.text) + 2
    moved = tuple(replace(mark, offset=mark.offset + start) for mark in second.marks)
    return Page(f"{first.text}\n\n{second.text}", (*first.marks, *moved))
