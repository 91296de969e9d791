"""The stock bot of the bench: python-telegram-bot and `openai` as their own pages show them.

Default transport, updates side by side, default client, no rate limiter, nothing stored. With
`edits` it shows the answer as it grows, every 45 characters, as its popular relatives do.
"""

from __future__ import annotations

import argparse

from openai import AsyncOpenAI
from telegram import Update
from telegram.ext import ApplicationBuilder, ContextTypes, MessageHandler, filters

EVERY = 45
AT_ONCE = 256
Context = ContextTypes.DEFAULT_TYPE


class Stock:
    """The handlers of the stock bot."""

    def __init__(self, provider: str) -> None:
        self._client = AsyncOpenAI(base_url=provider, api_key="none")

    async def whole(self, update: Update, _context: Context) -> None:
        """Answer by one message."""
        message = update.effective_message
        assert message is not None
        told = await self._client.chat.completions.create(
            model="bench", messages=[{"role": "user", "content": message.text or ""}]
        )
        await message.reply_text(told.choices[0].message.content or "")

    async def edits(self, update: Update, _context: Context) -> None:
        """Answer by a message that grows."""
        message = update.effective_message
        assert message is not None
        stream = await self._client.chat.completions.create(
            model="bench", messages=[{"role": "user", "content": message.text or ""}], stream=True
        )
        text, shown, sent = "", 0, None
        async for chunk in stream:
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
            if sent is None and text:
                sent, shown = await message.reply_text(text), len(text)
            elif sent is not None and len(text) - shown >= EVERY:
                shown = len(text)
                await sent.edit_text(text)
        if sent is not None and len(text) > shown:
            await sent.edit_text(text)


def main() -> None:
    """Poll until killed."""
    parser = argparse.ArgumentParser()
    for name in ("token", "telegram", "provider"):
        parser.add_argument(name)
    parser.add_argument("--edits", action="store_true")
    args = parser.parse_args()
    stock = Stock(args.provider)
    application = (
        ApplicationBuilder()
        .token(args.token)
        .base_url(args.telegram)
        .concurrent_updates(AT_ONCE)
        .build()
    )
    handler = stock.edits if args.edits else stock.whole
    application.add_handler(MessageHandler(filters.TEXT, handler))
    application.run_polling()


if __name__ == "__main__":
    main()
