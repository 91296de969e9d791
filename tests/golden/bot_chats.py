"""A person's private chat with a bot in another process: actions and the changed messages."""

PROCESSED_UPDATES = (
    "SELECT COUNT(*) FROM telegram_update WHERE user_id = ? AND state <> 'waiting'"
)
UNSENT_NOTICES = "SELECT COUNT(*) FROM notice WHERE handed_over_at IS NULL"
UNSENT_MESSAGES = "SELECT COUNT(*) FROM outgoing WHERE state NOT IN ('sent', 'dropped')"
IDS = {"anna": 1001, "boris": 1002, "vera": 1003}


class Person:
    """A person; each action waits until the bot has processed it."""

    def __init__(self, telegram, name, database):
        self.telegram = telegram
        self.name = name
        self._database = database

    def _count(self, query, *values):
        return self._database.sql(query, *values)[0][0]

    def _count_processed(self):
        return self._count(PROCESSED_UPDATES, IDS[self.name])

    def do(self, act, *arguments, **options):
        """Perform an action of the stand-in; return the bot's newest message."""
        before = self._count_processed()
        act(self.name, *arguments, **options)
        self.telegram.wait_for(
            lambda: (
                self._count_processed() > before and not self._count(UNSENT_MESSAGES)
            )
        )
        return self.newest

    def has_sent_all(self):
        """Return whether the bot has sent all messages, to everyone."""
        return not self._count(UNSENT_NOTICES) and not self._count(UNSENT_MESSAGES)

    def say(self, text):
        return self.do(self.telegram.say, text)

    def press(self, data, *, forged=False):
        """Press a button of the newest message; if `forged`, one that the message need not have."""
        answers_before = len(self.telegram.calls("answerCallbackQuery"))
        self.do(
            self.telegram.press,
            data,
            self.newest.message_id if forged else 0,
            forged=forged,
        )
        self.telegram.wait_for(
            lambda: len(self.telegram.calls("answerCallbackQuery")) > answers_before
        )
        return self.newest

    @property
    def newest(self):
        return self.telegram.answers(self.name)[-1]

    def list_messages(self):
        """Return all messages of the bot in the chat, also deleted ones."""
        return [entry for entry in self.telegram.log(self.name) if entry.by_bot]

    @staticmethod
    def get_state(message):
        """Return a value that changes when the message is edited."""
        return len(message.versions)

    def get_states(self):
        """Return the state of each message of the bot by id."""
        return {
            message.message_id: self.get_state(message)
            for message in self.list_messages()
        }

    def list_alerts(self):
        """Return the texts of answered callback queries, oldest first."""
        calls = self.telegram.calls("answerCallbackQuery")
        return [call.body.get("text", "") for call in calls]
