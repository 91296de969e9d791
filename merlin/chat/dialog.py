"""Dialog: what the bot has asked a person for and waits to hear, kept over restarts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Dialog:
    """The step that the next message belongs to, and what was said so far (JSON values)."""

    step: str
    said: Mapping[str, Any] = field(default_factory=dict)


class Dialogs(Protocol):
    """Where dialogs are kept, of one bot: at most one a person and chat."""

    def get(self, chat_id: int, user_id: int) -> Dialog | None:
        """Return what is waited for, None for nothing."""

    def put(self, chat_id: int, user_id: int, dialog: Dialog) -> None:
        """Wait for this from now on, and for nothing else."""

    def end(self, chat_id: int, user_id: int) -> bool:
        """Wait for nothing; return whether something was waited for."""
