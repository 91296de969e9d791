"""The stock bot of the bench: python-telegram-bot and `openai` as in their documentation.

Default transport, concurrent updates, default client, no rate limiter, no storage. With `--edits`
it edits the growing answer every 45 characters, as popular bots do.
"""

import argparse

from openai import AsyncOpenAI
from telegram import Update
from telegram.ext import ApplicationBuilder, ContextTypes, MessageHandler, filters

EVERY = 45
AT_ONCE = 256
Context = ContextTypes.DEFAULT_TYPE


class StockHandlers:
    """The handlers of the stock bot."""

    def __init__(self, provider: str) -> None:
        self._client = AsyncOpenAI(base_url=provider, api_key="none")

    async def answer_once(self, update: Update, _context: Context) -> None:
        """Answer with one message."""
        message = update.effective_message
        assert message is not None
        completion = await self._client.chat.completions.create(
            model="bench", messages=[{"role": "user", "content": message.text or ""}]
        )
        await message.reply_text(completion.choices[0].message.content or "")

    async def answer_by_edits(self, update: Update, _context: Context) -> None:
        """Answer with a message that is edited as the answer grows."""
        message = update.effective_message
        assert message is not None
        stream = await self._client.chat.completions.create(
            model="bench",
            messages=[{"role": "user", "content": message.text or ""}],
            stream=True,
        )
        text = ""
        shown_length = 0
        answer_message = None
        async for chunk in stream:
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
            if answer_message is None and text:
                answer_message = await message.reply_text(text)
                shown_length = len(text)
            elif answer_message is not None and len(text) - shown_length >= EVERY:
                shown_length = len(text)
                await answer_message.edit_text(text)
        if answer_message is not None and len(text) > shown_length:
            await answer_message.edit_text(text)


def main() -> None:
    """Poll until killed."""
    parser = argparse.ArgumentParser()
    for name in ("token", "telegram", "provider"):
        parser.add_argument(name)
    parser.add_argument("--edits", action="store_true")
    args = parser.parse_args()
    stock = StockHandlers(args.provider)
    application = (
        ApplicationBuilder()
        .token(args.token)
        .base_url(args.telegram)
        .concurrent_updates(AT_ONCE)
        .build()
    )
    handler = stock.answer_by_edits if args.edits else stock.answer_once
    application.add_handler(MessageHandler(filters.TEXT, handler))
    application.run_polling()


if __name__ == "__main__":
    main()
