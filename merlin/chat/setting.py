"""Setting: texts that the operator writes in the bot, such as what /info says of this bot.

The bot itself leaves here who it is, for the api, which has no token to ask Telegram with.
"""

from __future__ import annotations

from typing import Protocol

from merlin.core.text import text

MOST_CHARACTERS = 1500
# The operator's own words are settings of these names and a language: privacy.ru.
PRIVACY, TERMS = "privacy", "terms"
BOT_ID, BOT_NAME = "bot.id", "bot.name"


class Settings(Protocol):
    """Where such texts are kept; each method is one transaction."""

    def get(self, name: str) -> str:
        """Return the text, "" where there is none."""

    def put(self, name: str, value: str, by: str) -> None:
        """Keep the text and who wrote it (as in `account.audit`); "" removes it."""


def legal_text(settings: Settings, name: str, language: str) -> str:
    """Return the text PRIVACY or TERMS: the operator's own, or that of every new bot."""
    return settings.get(f"{name}.{language}") or text(language, f"{name}-text")
