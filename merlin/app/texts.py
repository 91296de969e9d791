"""Texts that the operator writes in the bot, such as what /info says.

The bot leaves here who it is, for the API, which has no token to ask Telegram with.
"""

from __future__ import annotations

from merlin.core.clock import iso
from merlin.core.i18n import text
from merlin.db.database import Repository, transaction
from merlin.db.tables import SETTING
from merlin.db.values import storable_text

MOST_CHARACTERS = 1500
# The operator's own words are settings of these names and a language: privacy.ru.
PRIVACY, TERMS = "privacy", "terms"
BOT_ID, BOT_NAME = "bot.id", "bot.name"


def legal_text(settings: Settings, name: str, language: str) -> str:
    """Return the text PRIVACY or TERMS: the operator's own, or that of every new bot."""
    return settings.get(f"{name}.{language}") or text(language, f"{name}-text")


class Settings(Repository):
    """One row a text; what is shown to everybody is not sealed."""

    def get(self, name: str) -> str:
        """Return the text, "" where there is none."""
        found = self.db.value(SETTING.select(SETTING.value).where(SETTING.name == name))
        return "" if found is None else str(found)

    @transaction
    def put(self, name: str, value: str, by: str) -> None:
        """Keep the text and who wrote it; "" removes it."""
        if not value:
            self.db.change(SETTING.delete().where(SETTING.name == name))
            return
        newest = {
            "value": storable_text(value),
            "by_whom": storable_text(by),
            "at": iso(self._clock()),
        }
        self.db.upsert(SETTING, {"name": name}, newest)
