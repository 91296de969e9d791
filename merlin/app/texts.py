"""Texts that the operator writes in the bot, such as what /info says.

The bot leaves here who it is, for the API, which has no token to ask Telegram with.
"""

from __future__ import annotations

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.core.clock import iso
from merlin.core.errors import NotFound
from merlin.core.i18n import text
from merlin.core.permissions import Permission
from merlin.db.audit import Audit
from merlin.db.database import Repository, transaction
from merlin.db.tables import SETTING
from merlin.db.values import storable_text

MAX_CHARACTERS = 1500
# The operator's own words are settings of these names and a language: privacy.ru.
PRIVACY, TERMS = "privacy", "terms"
BOT_ID, BOT_NAME = "bot.id", "bot.name"


def legal_text(settings: Settings, name: str, language: str) -> str:
    """Return the text PRIVACY or TERMS: the operator's own, or that of every new bot."""
    return settings.get(f"{name}.{language}") or text(language, f"{name}-text")


def put_text(ctx: Context, actor: Actor, name: str, message: str) -> None:
    """Keep an operator's text, "" removes it; what it was stays in the audit. Raises NotFound."""
    if not actor.may(Permission.EDIT_TEXTS):
        raise NotFound("no such text", "bot-button-old")
    settings = Settings(ctx.db, ctx.clock)
    before = settings.get(name)
    settings.put(name, message, actor.name)
    changed = {"from": before, "to": message}
    Audit(ctx.db, ctx.clock).note(actor.name, "setting.put", f"setting:{name}", changed)


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
