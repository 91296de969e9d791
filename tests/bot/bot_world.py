"""The bot's world for tests: a running bot between stand-ins, and models that serve."""

from __future__ import annotations

import asyncio
import selectors
import threading
from dataclasses import replace

from migrated import put_migrated
from served import AT, SYSTEM, let_serve  # noqa: F401 - part of this world
from set_up import Provider, SetUp, serve_bot
from waiting import longest

from merlin.bot.services import Pace
from merlin.chat.answer import RetryPolicy
from merlin.config.settings import TelegramLimits
from merlin.db.database import open_database

QUICK = Pace(poll_s=5, conflict_s=0.2, private_edit_s=0.05, typing_s=0.5, longest_pause_s=0.2)


def settings_of(tmp_path, telegram, provider=None, **more):
    """Return settings without limits, with the provider if any, and an empty database."""
    put_migrated(f"sqlite://{tmp_path}/merlin.db")
    services = (Provider("chat", provider.base_url, "sk-of-the-tests"),) if provider else ()
    base = SetUp(
        state_dir=tmp_path,
        database=f"sqlite://{tmp_path}/merlin.db",
        token=telegram.token,
        telegram_url=telegram.base_url,
        limits=TelegramLimits(overall_per_s=0, private_per_s=0, group_per_min=0),
        providers=services,
        pace=QUICK,
        # Its word for who waits long would stand where a test looks for the placeholder.
        patience=RetryPolicy(first_pause_s=0.1, busy_word_s=3600.0),
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


def rows(settings, sql):
    """Return the rows of a SELECT on the bot's database."""
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
