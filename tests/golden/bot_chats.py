"""Somebody's private chat with a bot of another process: what they do, and what changes then."""

from __future__ import annotations

from merlin.db.database import open_database

ENDED = "SELECT COUNT(*) FROM updates WHERE user_id = ? AND state <> 'waiting'"
NOTICES = "SELECT COUNT(*) FROM notice WHERE handed_over_at IS NULL"
ON_THE_WAY = "SELECT COUNT(*) FROM outgoing WHERE state NOT IN ('sent', 'dropped')"
IDS = {"anna": 1001, "boris": 1002, "vera": 1003}


class Person:
    """One of the people; each act waits until the bot has dealt with it."""

    def __init__(self, telegram, name, database):
        self.telegram = telegram
        self.name = name
        self._database = database

    def _count(self, query, *values):
        with open_database(self._database, read_only=True) as database:
            return database.sql(query, *values)[0][0]

    def _ended(self):
        return self._count(ENDED, IDS[self.name])

    def do(self, act, *said, **more):
        """Do something of the stand-in's; return the newest message of the bot."""
        before = self._ended()
        act(self.name, *said, **more)
        self.telegram.wait_for(lambda: self._ended() > before and not self._count(ON_THE_WAY))
        return self.newest

    def has_all(self):
        """Return whether the bot has nothing left to send, to anybody."""
        return not self._count(NOTICES) and not self._count(ON_THE_WAY)

    def say(self, words):
        return self.do(self.telegram.say, words)

    def press(self, data, *, forged=False):
        """Press a button of the newest message, or one that is not there."""
        answered = len(self.telegram.calls("answerCallbackQuery"))
        self.do(self.telegram.press, data, self.newest.message_id if forged else 0, forged=forged)
        self.telegram.wait_for(lambda: len(self.telegram.calls("answerCallbackQuery")) > answered)
        return self.newest

    @property
    def newest(self):
        return self.telegram.answers(self.name)[-1]

    def messages(self):
        """Return every message of the bot's in the chat, gone ones too."""
        return [each for each in self.telegram.log(self.name) if each.by_bot]

    @staticmethod
    def state(message):
        """Return what differs once a message has been edited or deleted."""
        return len(message.versions), message.deleted_at

    def seen(self):
        """Return how each message of the bot's is by now."""
        return {message.message_id: self.state(message) for message in self.messages()}

    def alerts(self):
        """Return what was said over chats, oldest first."""
        calls = self.telegram.calls("answerCallbackQuery")
        return [call.arguments.get("text", "") for call in calls]
