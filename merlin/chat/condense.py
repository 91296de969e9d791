"""Condense: a text too long for a model's window is told in short, part by part.

Who tells a part in short, and who hears how far it has come, is the caller's to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from merlin.chat.document import BYTES_PER_TOKEN, pieces

# More than these would take minutes and cost much; what is behind them is left out and told.
MOST_PARTS = 40
AT_ONCE = 3
# Short versions of short versions are made so often at most; then the rest is cut off.
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a text; `number` counts from 1."""

    number: int
    count: int
    text: str


@dataclass(frozen=True, slots=True)
class Measure:
    """How many tokens a part may have, the short version of all, and how many parts are read."""

    part_tokens: int
    room_tokens: int
    most_parts: int = MOST_PARTS


@dataclass(frozen=True, slots=True)
class Short:
    """A text in short; `parts` is how many there were, `read` how many of them are in it."""

    text: str
    parts: int
    read: int


# Returns a part in short; raises what ends the whole.
Tell = Callable[[Part], Awaitable[str]]
# Hears how many parts of how many are done.
Progress = Callable[[int, int], None]


async def condense(text: str, measure: Measure, tell: Tell, progress: Progress) -> Short:
    """Return the text so short that it fits into the measure's room.

    Raises ValueError when a part or the room is of no token, and whatever `tell` raises.
    """
    part_tokens, room_tokens = measure.part_tokens, measure.room_tokens
    first = pieces(text, part_tokens)
    taken = first[: measure.most_parts]
    short = await _told(taken, tell, progress)
    for _ in range(ROUNDS - 1):
        if fits_into(short, room_tokens):
            break
        # A short round; one that begins to count anew would only startle.
        short = await _told(pieces(short, part_tokens), tell, lambda _done, _count: None)
    return Short("".join(pieces(short, room_tokens)[:1]), len(first), len(taken))


def fits_into(text: str, room_tokens: int) -> bool:
    """Return whether a text takes no more than so many tokens, as far as can be guessed."""
    return len(text.encode("utf-8", "replace")) <= room_tokens * BYTES_PER_TOKEN


async def _told(texts: Sequence[str], tell: Tell, progress: Progress) -> str:
    """Return all parts in short, in their order, a few asked for at once."""
    room = asyncio.Semaphore(AT_ONCE)
    done = 0

    async def one(part: Part) -> str:
        nonlocal done
        async with room:
            short = await tell(part)
        done += 1
        progress(done, part.count)
        return short

    progress(0, len(texts))
    parts = (Part(number, len(texts), each) for number, each in enumerate(texts, 1))
    tasks = [asyncio.create_task(one(part)) for part in parts]
    try:
        return "\n\n".join(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
