"""What the bot stores of itself for the API, which has no token to ask Telegram: id and name."""

import re
from typing import Any

from merlin.app.context import Context
from merlin.config.section import choose_language
from merlin.core.i18n import text
from merlin.db.database import Repository, transaction
from merlin.db.tables import SETTING
from merlin.db.values import storable_text

BOT_ID = "bot.id"
BOT_NAME = "bot.name"
# The address that the bot gave Telegram last.
WEBHOOK = "bot.webhook"
# Source: core.telegram.org/bots/features, "Deep linking".
_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_of_other_bot(bot_id: Any) -> Any:
    """Return the condition of rows of an earlier bot, whose token was replaced by another bot's.

    NULL before a bot has stored its id.
    """
    current = SETTING.select(SETTING.value.cast("BIGINT")).where(SETTING.name == BOT_ID)
    return (bot_id < current) | (bot_id > current)  # `!=` would use no index


def bot_link(ctx: Context, payload: str) -> str:
    """Return the link that opens the bot with a payload; "" if the bot or the link is unknown."""
    name = Settings(ctx.db).get(BOT_NAME)
    if not name or not _PAYLOAD.fullmatch(payload):
        return ""
    return f"{ctx.config.telegram.link_url.rstrip('/')}/{name}?start={payload}"


def privacy_text(ctx: Context, language: str) -> str:
    """Return the text of /privacy: the operator's own, else the built-in one."""
    return choose_language(ctx.config.telegram.privacy, language) or text(
        language, "privacy-text"
    )


def terms_text(ctx: Context, language: str) -> str:
    """Return the text of /terms: the operator's own, else the built-in one."""
    return choose_language(ctx.config.telegram.terms, language) or text(
        language, "terms-text"
    )


class Settings(Repository):
    """Settings by name; they are public, and therefore not encrypted."""

    def get(self, name: str) -> str:
        """Return the text, or ""."""
        value = self.db.value(SETTING.select(SETTING.value).where(SETTING.name == name))
        return "" if value is None else str(value)

    @transaction
    def put(self, name: str, value: str) -> None:
        """Store the text; "" removes it."""
        if not value:
            self.db.delete(SETTING, SETTING.name == name)
            return
        self.db.upsert(SETTING, {"name": name}, {"value": storable_text(value)})
