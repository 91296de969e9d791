"""Setting: texts that the operator writes in the bot, such as what /info says of this bot."""

from __future__ import annotations

from typing import Protocol

MOST_CHARACTERS = 1500


class Settings(Protocol):
    """Where such texts are kept; each method is one transaction."""

    def get(self, name: str) -> str:
        """Return the text, "" where there is none."""

    def put(self, name: str, value: str, by: str) -> None:
        """Keep the text and who wrote it (as in `account.audit`); "" removes it."""
