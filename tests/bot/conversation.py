"""Talking to a running bot, in private chats and in groups."""

from __future__ import annotations

from merlin.sandbox.telegram.world import BOT_NAME
from tests.bot.running_bot import states


class Talk:
    """What somebody does; each method waits until the update of it has been dealt with."""

    def __init__(self, telegram, settings, who="anna"):
        self.telegram = telegram
        self.settings = settings
        self.who = who

    def _ended(self):
        return sum(many for state, many in states(self.settings).items() if state != "waiting")

    def _done(self, act, *arguments, count=1, **more):
        before = self._ended()
        act(self.who, *arguments, **more)
        self.telegram.wait_for(lambda: self._ended() >= before + count)
        return self.last

    def say(self, words, **more):
        """Write words or a command; return the bot's newest message."""
        return self._done(self.telegram.say, words, **more)

    def start(self, payload=""):
        """Follow a deep link; return the bot's newest message."""
        return self._done(self.telegram.start_bot, payload)

    def press(self, data, message_id=0, **more):
        """Press a button by its data or label; return the bot's newest message.

        The press itself is answered by a call beside that message, which is waited for too.
        """
        before = len(self.telegram.calls("answerCallbackQuery"))
        self._done(self.telegram.press, data, message_id, **more)
        self.telegram.wait_for(lambda: len(self.telegram.calls("answerCallbackQuery")) > before)
        return self.last

    @property
    def last(self):
        """Return the bot's newest message."""
        return self.telegram.answers(self.who)[-1]

    @property
    def labels(self):
        """Return what stands on the buttons of the newest message."""
        return [key["text"] for row in self.last.keys for key in row]

    def data(self, verb):
        """Return the data of the newest message's first button of this verb."""
        found = [key.get("callback_data", "") for row in self.last.keys for key in row]
        return next(data for data in found if data.split(":")[0] == verb)

    def behind(self, words):
        """Return the data of the newest message's first button that says this."""
        keys = [key for row in self.last.keys for key in row]
        return next(key["callback_data"] for key in keys if words in key["text"])

    def alerts(self):
        """Return what was said over the chat, oldest first."""
        calls = self.telegram.calls("answerCallbackQuery")
        return [call.arguments["text"] for call in calls if call.arguments.get("text")]


NAMED = f"@{BOT_NAME}"


def talk(telegram, settings, who="anna@study"):
    return Talk(telegram, settings, who)


def asked_texts(provider):
    """Return what the newest call of a model was told by people, in order."""
    messages = provider.calls("chat.create")[-1].body["messages"]
    return [message["content"] for message in messages if message["role"] == "user"]
