"""Updates as Telegram sends them and python-telegram-bot reads them, without a running bot."""

import telegram

from merlin.app.inbox import read_update
from merlin.bot.context import ReceivedUpdate
from merlin.bot.updates import parse_update

HIDDEN_AUTHOR = {"type": "hidden_user", "date": 0, "sender_user_name": "B"}
BOT = telegram.Bot("1:token")


def message_body(user_id, text="", *, is_bot=False, **fields):
    """Return a message in a private chat as JSON; `fields` replace and add to its own."""
    chat = {"id": user_id, "type": "private"}
    sender = {"id": user_id, "first_name": "A", "is_bot": is_bot}
    return {
        "message_id": 1,
        "date": 0,
        "chat": chat,
        "from": sender,
        "text": text,
    } | fields


def task(number, kind="message", **content):
    """Return the task of an update whose payload is `content`."""
    return ReceivedUpdate.parse(read_update({"update_id": number, kind: content}), BOT)


def received(number, **content):
    """Return an update with a message as the library's object."""
    return parse_update(read_update({"update_id": number, "message": content}), BOT)
