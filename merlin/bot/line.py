"""Line: whether Telegram answers, told once when it stops and once when it is back."""

from __future__ import annotations

from merlin.bot.pause import pause
from merlin.core.log import get_logger, redact

log = get_logger(__name__)

# One request that goes wrong on a line that works is no news.
TOLD_AFTER = 3


class Line:
    """What all calls of one bot have met lately."""

    def __init__(self, longest_pause_s: float) -> None:
        self._longest_pause_s = longest_pause_s
        self._failed = 0

    @property
    def is_down(self) -> bool:
        """Return whether Telegram has not answered several times in a row."""
        return self._failed >= TOLD_AFTER

    def works(self) -> None:
        """Note that Telegram answered."""
        if self.is_down:
            log.info("telegram answers again", failed_calls=self._failed)
        self._failed = 0

    def fails(self, error: Exception) -> None:
        """Note that Telegram did not answer."""
        self._failed += 1
        if self._failed == TOLD_AFTER:
            log.error("telegram does not answer", reason=redact(str(error)))

    async def pause(self, attempt: int) -> None:
        """Wait before trying again."""
        await pause(attempt, self._longest_pause_s)
