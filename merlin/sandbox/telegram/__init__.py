"""A stand-in of Telegram's Bot API, with a page on which people chat with the bot.

Start reading at `api` (the methods a bot calls), `people` and `acting` (what people do), `world`
(what is kept), `app` (the whole as one ASGI application), `standin` (the door for tests).
"""

from merlin.sandbox.telegram.app import TelegramSettings, create_app
from merlin.sandbox.telegram.logged import Call, LoggedMessage
from merlin.sandbox.telegram.standin import TelegramStandIn

__all__ = ["Call", "LoggedMessage", "TelegramSettings", "TelegramStandIn", "create_app"]
