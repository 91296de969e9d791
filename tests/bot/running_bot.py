"""A running bot between stand-ins: settings, database rows, messages and files sent to it."""

import asyncio
import re
import selectors
import threading
import urllib.request
from dataclasses import replace

from telegram import Bot

from merlin.billing.quota import Allowance, Format
from merlin.bot.services import Pace
from merlin.bot.transport import AiohttpRequest
from merlin.chat.answer import RetryPolicy
from merlin.core.i18n import text
from merlin.db.database import open_database
from tests.support.forked_processes import start_bot, wait_for_exit
from tests.support.migrated_databases import fresh_database, table_names
from tests.support.pictures import PNG
from tests.support.plan_config import make_plan
from tests.support.process_settings import ProcessSettings, Provider, serve_bot
from tests.support.serving_models import AT, SYSTEM, add_live_model  # noqa: F401 - imported from here by tests
from tests.support.waiting import DEADLINE_S, longest

QUICK = Pace(
    poll_s=5, conflict_s=0.2, private_edit_s=0.05, typing_s=0.5, longest_pause_s=0.2
)


def bot_settings(tmp_path, telegram, provider=None, **changes):
    """Return settings without limits, with the provider if any, and an empty database."""
    services = (
        (Provider("chat", provider.base_url, "sk-of-the-tests"),) if provider else ()
    )
    base = ProcessSettings(
        state_dir=tmp_path,
        database=fresh_database(tmp_path / "merlin.db"),
        token=telegram.token,
        telegram_url=telegram.base_url,
        providers=services,
        pace=QUICK,
        # The notice of a long wait would replace the placeholder that tests look for.
        retry_policy=RetryPolicy(first_pause_s=0.1, busy_notice_s=3600.0),
    )
    return replace(base, **changes)


def hook(settings):
    """Return the settings of a bot in webhook mode, at an address where nothing listens."""
    url = "http://127.0.0.1:9/hooks/telegram"
    secret = "a-secret-of-the-tests"
    return replace(settings, mode="webhook", webhook_url=url, webhook_secret=secret)


class RunningBot:
    """A bot in its own thread; `with RunningBot(settings):`."""

    def __init__(self, settings):
        self.settings = settings
        self.notifications = []
        self.error = None
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="bot")

    def _run(self):
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(
                    serve_bot(self.settings, self._stop, self._record_notification)
                )
        except Exception as error:  # noqa: BLE001 - raised again where the test waits
            self.error = error
        finally:
            self._ready.set()

    def _record_notification(self, message):
        self.notifications.append(message)
        if message == "READY=1":
            self._ready.set()

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(longest())
        return self

    def __exit__(self, *_):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(longest())
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error


def kill_bot_at(point, settings, log):
    """Run a bot as a process until it is killed at this point."""
    child = start_bot(settings, log, MERLIN_CRASH_AT=point)
    assert wait_for_exit(child) == 137, log.read_text()


# One connection per test: tests poll until a row appears.
_readers = {}


def _open_reader(url):
    if url not in _readers:
        close_reader()
        _readers[url] = open_database(url, read_only=True)
    return _readers[url]


def close_reader():
    """Close the connection of the test before."""
    for database in _readers.values():
        database.close()
    _readers.clear()


def select_rows(settings, sql):
    """Return the rows of a SELECT on the bot's database."""
    if settings.database.startswith("sqlite:"):
        return _open_reader(settings.database).sql(sql)
    with open_database(settings.database, read_only=True) as database:
        return database.sql(sql)


def wait_for_windows(telegram, settings):
    """Wait until a bot has read its models' context windows, which it does once at its start."""
    telegram.wait_for(lambda: select_rows(settings, "SELECT tokens FROM model_window"))


def count_updates_by_state(settings):
    """Return how many updates there are in each state."""
    return dict(
        select_rows(
            settings, "SELECT state, COUNT(*) FROM telegram_update GROUP BY state"
        )
    )


class _JumpingSelector(selectors.SelectSelector):
    """A selector that never waits: it adds the timeout to its clock instead."""

    now_s = 0.0

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready and timeout:
            self.now_s += timeout
        return ready


def make_jumping_loop():
    """Return an event loop whose clock skips every wait; for code without sockets."""
    selector = _JumpingSelector()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now_s
    return loop


async def advance_clock(seconds):
    """Advance the clock of a jumping loop; takes no real time in `run_jumping`."""
    await asyncio.sleep(seconds)


def run_jumping(coroutine):
    """Run a coroutine on a jumping clock; return its result."""
    with asyncio.Runner(loop_factory=make_jumping_loop) as runner:
        return runner.run(coroutine)


def run_with_bot(base_url, token, story, **options):
    """Run `story(bot)` with the library's bot on our transport; return its result."""

    async def run():
        transport = AiohttpRequest(**options)
        requests = {"request": transport, "get_updates_request": transport}
        bot = Bot(token, base_url, f"{base_url[:-3]}file/bot", **requests)
        await transport.initialize()
        try:
            return await story(bot)
        finally:
            await transport.shutdown()

    return asyncio.run(run())


VERA = 1003


def answer_texts(telegram, who="anna"):
    return [answer.text for answer in telegram.answers(who)]


def ask(telegram, settings, *questions, who="anna"):
    """Let a bot answer the questions; return the bot's messages in the chat."""
    with RunningBot(settings):
        for question in questions:
            telegram.say(who, question)
        wait_until_ended(telegram, settings, len(questions))
    return answer_texts(telegram, who)


def wait_until_ended(telegram, settings, count):
    telegram.wait_for(
        lambda: sum(count_updates_by_state(settings).values()) == count,
        DEADLINE_S + count,
    )
    telegram.wait_for(
        lambda: "waiting" not in count_updates_by_state(settings), DEADLINE_S + count
    )


def say_and_wait(telegram, settings, said, count, who="anna", **options):
    """Write to a running bot, and wait until it has ended `count` updates in all."""
    telegram.say(who, said, **options)
    wait_until_ended(telegram, settings, count)


def russian_text(key, **arguments):
    return text("ru", key, **arguments)


CHAT = ("chat", "stand-in-chat")
TRANSCRIPTION = ("chat", "stand-in-transcribe")
SOUND = b"OggS" + bytes(60)
PHOTO = PNG
FIFTY_A_DAY = make_plan("free", {}, dict.fromkeys(Format, Allowance(day=50)))


def add_media(settings, **changes):
    """Return the settings with all media formats enabled, and a plan with limits."""
    switched_on = {
        "assistant": CHAT,
        "transcription": TRANSCRIPTION,
        "vision": CHAT,
        "plans": (FIFTY_A_DAY,),
    }
    return replace(settings, **switched_on | changes)


def find_answer(telegram, message_id, who="anna"):
    """Return a message of the bot as it is now."""
    messages = telegram.answers(who)
    return next(each for each in messages if each.message_id == message_id)


def find_traces(settings, user_id=1001):
    """Return the tables that contain the id of a user, anna's if no other is given."""
    alone = re.compile(rf"(?<!\d){user_id}(?!\d)")
    with open_database(settings.database, read_only=True) as database:
        return [
            name
            for name in table_names(database)
            for row in database.sql(f"SELECT * FROM {name}")  # noqa: S608 - our own names
            if any(alone.search(str(value)) for value in row)
        ]


def run_and_wait(telegram, settings, act, count=1, who="anna"):
    """Let a bot process the `count` updates that `act` sends; return its messages in the chat."""
    with RunningBot(settings):
        act()
        wait_until_ended(telegram, settings, count)
    return answer_texts(telegram, who)


def read_questions(provider):
    """Return the last message of each request to a model, including its images."""
    return [
        call.body["messages"][-1]["content"] for call in provider.calls("chat.create")
    ]


def count_charged(settings):
    """Return how many questions of each format were counted."""
    sql = (
        "SELECT format, COUNT(*) FROM quota_use WHERE state = 'charged' GROUP BY format"
    )
    return dict(select_rows(settings, sql))


def send_at(telegram, sent_s, *texts):
    """Send messages of anna's with this date, in seconds since 1970."""
    for words in texts:
        telegram.send(telegram.place("anna"), {"text": words, "date": int(sent_s)})


def call_bot_api(telegram, call):
    """Call the Bot API as another program with the token."""
    urllib.request.urlopen(f"{telegram.base_url}{telegram.token}/{call}").close()  # noqa: S310
