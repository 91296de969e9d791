"""A stand-in of Telegram's Bot API, with a page on which people chat with the bot.

Start reading at `server` (the methods a bot calls, the whole as one ASGI application),
`user_actions` (what people do), `world` (what is kept), `standin` (in a thread, for tests).
"""

from merlin.sandbox.telegram.server import TelegramSettings, create_app
from merlin.sandbox.telegram.standin import TelegramStandIn
from merlin.sandbox.telegram.world import Call, LoggedMessage

__all__ = ["Call", "LoggedMessage", "TelegramSettings", "TelegramStandIn", "create_app"]
