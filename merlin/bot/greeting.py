"""Greeting: what the bot tells Telegram of itself at the start.

Its commands in each language, and in webhook mode where updates shall go. A webhook that somebody
else has set is never taken away.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from telegram import BotCommand
from telegram.error import TelegramError
from telegram.ext import ExtBot

from merlin.bot.handlers.commands import COMMANDS
from merlin.bot.intake import WANTED
from merlin.bot.limiter import Lane
from merlin.bot.line import Line
from merlin.bot.services import BotServices
from merlin.core.log import get_logger, redact
from merlin.core.text import LANGUAGES, text

log = get_logger(__name__)


async def greet(bot: ExtBot[Lane], line: Line, services: BotServices) -> None:
    """Tell Telegram all of it, each part until it has been taken."""
    for code in ("", *LANGUAGES):
        menu = [
            BotCommand(name, text(code or services.language, f"bot-command-{name}"))
            for name in COMMANDS
        ]
        call = partial(bot.set_my_commands, menu, language_code=code or None)
        await _until_taken(line, call)
    if services.webhook is not None:
        url, secret = services.webhook
        call = partial(bot.set_webhook, url, secret_token=secret, allowed_updates=list(WANTED))
        await _until_taken(line, call)


async def _until_taken(line: Line, call: Callable[[], Awaitable[bool]]) -> None:
    attempt = 0
    while True:
        try:
            await call()
        except TelegramError as error:
            log.info("telegram has not taken it yet", reason=redact(str(error)))
        else:
            return
        await line.pause(attempt)
        attempt += 1
