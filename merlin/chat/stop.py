"""Stop: a person ends an answer that is being written; what came until then stays."""

from __future__ import annotations

import asyncio
from typing import Any


class Stop:
    """One answer's stop button; pressed at most once, before or while the answer is written."""

    def __init__(self) -> None:
        self.is_pressed = False
        self._asking: asyncio.Future[Any] | None = None

    def ends(self, asking: asyncio.Future[Any]) -> None:
        """Name what pressing ends."""
        self._asking = asking
        if self.is_pressed:
            asking.cancel()

    def press(self) -> None:
        """End the answer."""
        self.is_pressed = True
        if self._asking is not None:
            self._asking.cancel()


class Stops:
    """The answers that are being written in this process, by the update that asked."""

    def __init__(self) -> None:
        self._running: dict[int, tuple[int, Stop]] = {}

    def begin(self, update_id: int, user_id: int) -> Stop:
        """Return the stop of an answer that is about to be written for this person."""
        stop = Stop()
        self._running[update_id] = (user_id, stop)
        return stop

    def end(self, update_id: int) -> None:
        """Forget an answer that is written."""
        self._running.pop(update_id, None)

    def press(self, update_id: int, user_id: int) -> bool:
        """Stop the answer; False where it is over, or another person's."""
        owner, stop = self._running.get(update_id, (0, None))
        if stop is None or owner != user_id:
            return False
        stop.press()
        return True
