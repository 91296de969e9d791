"""Pause: how long to wait before something is tried again."""

from __future__ import annotations

import asyncio
import random

FIRST_PAUSE_S = 0.5
_MOST_DOUBLINGS = 10


async def pause(attempt: int, longest_s: float) -> None:
    """Wait: longer after each of the attempts (counted from 0), and never all at one moment."""
    most = min(longest_s, FIRST_PAUSE_S * 2 ** min(attempt, _MOST_DOUBLINGS))
    await asyncio.sleep(most * (0.5 + random.random() / 2))  # noqa: S311 - spreads load
