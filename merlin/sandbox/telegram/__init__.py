"""A stand-in of Telegram's Bot API, with a page on which people chat with the bot.

Start reading at `server` (the methods a bot calls, the whole as one ASGI application),
`user_actions` (what people do), `world` (the state).
"""
