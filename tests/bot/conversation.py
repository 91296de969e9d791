"""Users who talk to a running bot, in private chats and in groups."""

from contextlib import contextmanager

from merlin.sandbox.telegram.arguments import Upload
from merlin.sandbox.telegram.world import BOT_NAME
from tests.bot.running_bot import RunningBot, select_rows
from tests.support.waiting import DEADLINE_S

USER_IDS = {"anna": 1001, "boris": 1002, "vera": 1003}


class ChatUser:
    """A user's actions; each method waits until the bot has processed this user's update."""

    def __init__(self, telegram, settings, who="anna"):
        self.telegram = telegram
        self.settings = settings
        self.who = who

    @classmethod
    @contextmanager
    def of_running_bot(cls, telegram, settings, *who):
        """Run a bot; yield a person who talks to it, anna if no other is named."""
        with RunningBot(settings):
            yield cls(telegram, settings, *who)

    @property
    def user_id(self):
        name, _, _ = self.who.partition("@")
        return USER_IDS.get(name) or int(name)

    def _count_ended(self):
        of_user = f"user_id = {self.user_id} AND state <> 'waiting'"
        query = f"SELECT COUNT(*) FROM telegram_update WHERE {of_user}"  # noqa: S608 - a number
        return select_rows(self.settings, query)[0][0]

    def _act(self, act, *arguments, count=1, **options):
        before = self._count_ended()
        act(self.who, *arguments, **options)
        self.telegram.wait_for(lambda: self._count_ended() >= before + count)
        return self.last

    def say(self, text, **options):
        """Send a text or a command; return the bot's newest message."""
        return self._act(self.telegram.say, text, **options)

    def send(self, content, name="a.txt", mime="text/plain", **options):
        """Send a file; return the bot's newest message."""
        return self._act(
            self.telegram.send_file, Upload(name, mime, content), **options
        )

    def start(self, payload=""):
        """Follow a deep link; return the bot's newest message."""
        return self._act(self.telegram.start_bot, payload)

    def press(self, data, message_id=0, **options):
        """Press a button by its data or label; return the bot's newest message.

        Waits for the answer to the callback query too.
        """
        before = len(self.telegram.calls("answerCallbackQuery"))
        self._act(self.telegram.press, data, message_id, **options)
        self.telegram.wait_for(
            lambda: len(self.telegram.calls("answerCallbackQuery")) > before
        )
        return self.last

    def wait_for_text(self, part, within_s=DEADLINE_S):
        """Wait until the bot's newest message contains this text; return it."""
        newest = self.telegram.answers
        self.telegram.wait_for(
            lambda: any(part in message.text for message in newest(self.who)[-1:]),
            within_s,
        )
        return self.last

    @property
    def last(self):
        """Return the bot's newest message."""
        return self.telegram.answers(self.who)[-1]

    @property
    def labels(self):
        """Return the labels of the newest message's buttons."""
        return [key["text"] for row in self.last.keys for key in row]

    def button_data(self, verb):
        """Return the callback data of the newest message's first button with this verb."""
        callback_data = [
            key.get("callback_data", "") for row in self.last.keys for key in row
        ]
        return next(data for data in callback_data if data.split(":")[0] == verb)

    def find_button(self, text):
        """Return the callback data of the first button whose label contains a text."""
        keys = [key for row in self.last.keys for key in row]
        return next(key["callback_data"] for key in keys if text in key["text"])

    def alerts(self):
        """Return the texts of answered callback queries, oldest first."""
        calls = self.telegram.calls("answerCallbackQuery")
        return [call.body["text"] for call in calls if call.body.get("text")]


MENTION = f"@{BOT_NAME}"


def join_group_chat(telegram, settings, who="anna@study"):
    return ChatUser(telegram, settings, who)


def user_messages(provider):
    """Return the user messages of the newest request to a model, in order."""
    messages = provider.calls("chat.create")[-1].body["messages"]
    return [message["content"] for message in messages if message["role"] == "user"]
