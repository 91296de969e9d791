"""What follows from the bot's token: the bot's id, and the word by which the api knows Telegram."""

from __future__ import annotations

import hashlib

from merlin.core.errors import ConfigError


def bot_id(token: str) -> int:
    """Return the id that a token begins with. Raises ConfigError, whose words hide the token."""
    number, _, rest = token.partition(":")
    if not number.isdecimal() or not rest:
        raise ConfigError("TELEGRAM_BOT_TOKEN is not a bot token", "bot-bad-token")
    return int(number)


def webhook_secret(token: str) -> str:
    """Return the word that Telegram repeats with every update.

    It follows from the token, so bot and api agree on it without one more credential to keep.
    """
    return hashlib.sha256(f"merlin webhook {token}".encode()).hexdigest()
