"""Dialog: what the bot has asked a person for and waits to hear, kept over restarts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

# Who writes after so long has forgotten what was asked, and asks something.
LASTS = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Dialog:
    """The step that the next message belongs to, and what was said so far (JSON values).

    `asked_by` is the update that led to it, `asked_at` when it was stored.
    """

    step: str
    said: Mapping[str, Any] = field(default_factory=dict)
    asked_by: int = 0
    asked_at: datetime | None = None

    def awaits(self, update_id: int, now: datetime) -> bool:
        """Return whether words that came with this update are what was asked for.

        What was on its way before is not, nor what comes when nobody thinks of it any more.
        """
        is_forgotten = self.asked_at is not None and now - self.asked_at > LASTS
        return update_id > self.asked_by and not is_forgotten


class Dialogs(Protocol):
    """Where dialogs are kept, of one bot: at most one a person and chat."""

    def get(self, chat_id: int, user_id: int) -> Dialog | None:
        """Return what is waited for, None for nothing."""

    def put(self, chat_id: int, user_id: int, dialog: Dialog) -> None:
        """Wait for this from now on, and for nothing else."""

    def end(self, chat_id: int, user_id: int) -> bool:
        """Wait for nothing; return whether something was waited for."""
