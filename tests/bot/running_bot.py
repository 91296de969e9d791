"""A running bot between stand-ins: its settings, its rows, words and files sent to it."""

from __future__ import annotations

import asyncio
import selectors
import threading
from dataclasses import replace
from functools import lru_cache

from merlin.billing.quota import Allowance, Format
from merlin.bot.services import Pace
from merlin.chat.answer import RetryPolicy
from merlin.config.settings import TelegramLimits
from merlin.core.i18n import text
from merlin.db.database import open_database
from merlin.sandbox.telegram.arguments import Upload
from tests.support.migrated_databases import fresh_database
from tests.support.plan_config import make_plan
from tests.support.process_settings import ProcessSettings, Provider, serve_bot
from tests.support.serving_models import AT, SYSTEM, add_live_model  # noqa: F401 - part of this world
from tests.support.waiting import DEADLINE_S, longest

QUICK = Pace(poll_s=5, conflict_s=0.2, private_edit_s=0.05, typing_s=0.5, longest_pause_s=0.2)


def settings_of(tmp_path, telegram, provider=None, **more):
    """Return settings without limits, with the provider if any, and an empty database."""
    services = (Provider("chat", provider.base_url, "sk-of-the-tests"),) if provider else ()
    base = ProcessSettings(
        state_dir=tmp_path,
        database=fresh_database(tmp_path / "merlin.db"),
        token=telegram.token,
        telegram_url=telegram.base_url,
        limits=TelegramLimits(overall_per_s=0, private_per_s=0, group_per_min=0),
        providers=services,
        pace=QUICK,
        # Its word for who waits long would stand where a test looks for the placeholder.
        patience=RetryPolicy(first_pause_s=0.1, busy_notice_s=3600.0),
    )
    return replace(base, **more)


class RunningBot:
    """A bot in a thread of its own; `with RunningBot(settings):`."""

    def __init__(self, settings):
        self.settings = settings
        self.told = []
        self.error = None
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="bot")

    def _run(self):
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(serve_bot(self.settings, self._stop, self._hear))
        except Exception as error:  # noqa: BLE001 - raised again where the test waits
            self.error = error
        finally:
            self._ready.set()

    def _hear(self, word):
        self.told.append(word)
        if word == "READY=1":
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


@lru_cache(maxsize=1)
def _reader(url):
    # Opened once a test: it looks again and again until something is there.
    return open_database(url, read_only=True)


def rows(settings, sql):
    """Return the rows of a SELECT on the bot's database."""
    if settings.database.startswith("sqlite:"):
        return _reader(settings.database).sql(sql)
    with open_database(settings.database, read_only=True) as database:
        return database.sql(sql)


def states(settings):
    """Return how many updates there are in each state."""
    return dict(rows(settings, "SELECT state, COUNT(*) FROM updates GROUP BY state"))


class _Jump(selectors.SelectSelector):
    """A selector that never waits: the waiting is added to the loop's clock."""

    loop = None

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready and timeout:
            self.loop.jumped_s += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps over every wait; for what has no sockets."""

    def __init__(self):
        self.jumped_s = 0.0
        selector = _Jump()
        selector.loop = self
        super().__init__(selector)

    def time(self):
        return self.jumped_s


async def passed(seconds):
    """Let so much of a jumping clock's time pass: in a story of `run_jumping` nobody waits."""
    assert isinstance(asyncio.get_running_loop(), JumpingLoop)
    await asyncio.sleep(seconds)


def run_jumping(coroutine):
    """Return what the coroutine returns, run on a clock that jumps."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(coroutine)


VERA = 1003


def texts(telegram, who="anna"):
    return [one.text for one in telegram.answers(who)]


def ask(telegram, settings, *questions, who="anna"):
    """Let a bot answer the questions; return what stands in the chat."""
    with RunningBot(settings):
        for question in questions:
            telegram.say(who, question)
        wait_until_ended(telegram, settings, len(questions))
    return texts(telegram, who)


def wait_until_ended(telegram, settings, count):
    telegram.wait_for(lambda: sum(states(settings).values()) == count, DEADLINE_S + count)
    telegram.wait_for(lambda: "waiting" not in states(settings), DEADLINE_S + count)


def russian(key, **arguments):
    return text("ru", key, **arguments)


CHAT = ("chat", "stand-in-chat")
HEARING = ("chat", "stand-in-transcribe")
SOUND = b"OggS" + bytes(60)
PHOTO = b"\x89PNG\r\n\x1a\n" + bytes(40)
PLENTY = make_plan("free", {}, dict.fromkeys(Format, Allowance(day=50)))


def with_media(settings, **more):
    """Return the settings with every kind of media switched on, and a plan that counts."""
    switched_on = {"assistant": CHAT, "transcription": HEARING, "vision": CHAT, "plans": (PLENTY,)}
    return replace(settings, **switched_on | more)


def after(telegram, settings, act, count=1, who="anna"):
    """Let a bot deal with what `act` sends (`count` updates); return what stands in the chat."""
    with RunningBot(settings):
        act()
        wait_until_ended(telegram, settings, count)
    return texts(telegram, who)


def send(telegram, content, name="a.txt", mime="text/plain", **more):
    return telegram.send_file("anna", Upload(name, mime, content), **more)


def questions(provider):
    """Return the last message of each question to a model, its images among them."""
    return [call.body["messages"][-1]["content"] for call in provider.calls("chat.create")]


def charged(settings):
    """Return how many questions of each format were counted."""
    sql = "SELECT format, COUNT(*) FROM quota_use WHERE state = 'charged' GROUP BY format"
    return dict(rows(settings, sql))
