"""A stand-in of Telegram's Bot API, with a page where people chat with the bot.

Start reading at `server` (the Bot API methods and the ASGI application), `user_actions` (what
people do) and `world` (the state).
"""
