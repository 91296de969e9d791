"""The upper bound for the durable echo: the same transport and text, without a database."""

import sys

import uvloop
from telegram import Update
from telegram.ext import ApplicationBuilder, CommandHandler, ContextTypes

from bench.stock_bot import AT_ONCE
from merlin.bot import transport
from merlin.core.i18n import text


async def _echo(update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
    message = update.effective_message
    assert message is not None
    await message.reply_text(text("ru", "bot-unknown-command", command=message.text or ""))


def main() -> None:
    """Poll until killed."""
    token, telegram = sys.argv[1:3]
    uvloop.install()
    application = (
        ApplicationBuilder()
        .token(token)
        .base_url(telegram)
        .request(transport.AiohttpRequest())
        .get_updates_request(transport.AiohttpRequest())
        .concurrent_updates(AT_ONCE)
        .build()
    )
    application.add_handler(CommandHandler("echo", _echo))
    application.run_polling()


if __name__ == "__main__":
    main()
