"""Settings of the bot: the texts that the operator writes in it, such as that of /info.

The bot also stores its id and name here, for the API, which has no token to ask Telegram.
"""

from __future__ import annotations

import re
from typing import Any

from peewee import fn

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
# The operator's texts are settings with these names and a language: privacy.ru.
PRIVACY, TERMS = "privacy", "terms"
BOT_ID, BOT_NAME = "bot.id", "bot.name"
# The address that the bot gave Telegram last.
WEBHOOK = "bot.webhook"
# Source: core.telegram.org/bots/features, "Deep linking".
_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_of_other_bot(bot_id: Any) -> Any:
    """Return the condition of rows of an earlier bot, whose token was replaced by another bot's."""
    current = SETTING.select(SETTING.value.cast("BIGINT")).where(SETTING.name == BOT_ID)
    return bot_id != fn.COALESCE(current, bot_id)


def bot_link(ctx: Context, payload: str) -> str:
    """Return the link that opens the bot with a payload; "" if the bot or the link is unknown."""
    name = Settings(ctx.db).get(BOT_NAME)
    if not name or not _PAYLOAD.fullmatch(payload):
        return ""
    return f"{ctx.config.telegram.link_url.rstrip('/')}/{name}?start={payload}"


def legal_text(settings: Settings, name: str, language: str) -> str:
    """Return the text PRIVACY or TERMS: the operator's own, else the built-in one."""
    return settings.get(f"{name}.{language}") or text(language, f"{name}-text")


def put_text(ctx: Context, actor: Actor, name: str, message: str) -> None:
    """Store an operator's text, or remove it for ""; the audit log keeps both. Raises NotFound."""
    if not actor.may(Permission.EDIT_TEXTS):
        raise NotFound("no such text", "bot-button-old")
    settings = Settings(ctx.db, ctx.clock)
    before = settings.get(name)
    settings.put(name, message, actor.name)
    changed = {"from": before, "to": message}
    Audit(ctx.db, ctx.clock).note(actor.name, "setting.put", f"setting:{name}", changed)


class Settings(Repository):
    """Settings by name; they are public, and therefore not encrypted."""

    def get(self, name: str) -> str:
        """Return the text, or ""."""
        value = self.db.value(SETTING.select(SETTING.value).where(SETTING.name == name))
        return "" if value is None else str(value)

    @transaction
    def put(self, name: str, value: str, by: str) -> None:
        """Store the text and its author; "" removes it."""
        if not value:
            self.db.delete(SETTING, SETTING.name == name)
            return
        values = {
            "value": storable_text(value),
            "by_whom": storable_text(by),
            "at": iso(self._clock()),
        }
        self.db.upsert(SETTING, {"name": name}, values)
