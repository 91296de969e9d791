"""The bot's world for tests: a running bot between stand-ins, and models that serve."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import pickle
import selectors
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime

from merlin.bot.services import Pace
from merlin.chat.desk import Patience
from merlin.core.clock import iso
from merlin.store.database import open_database
from merlin.store.migrations import migrate
from merlin.store.tables import BUILD, EVALUATION, JOB, MODEL, PROMOTION, SERVING
from merlin.wiring.bot import BotSettings, ProviderSettings, serve

AT = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
SYSTEM = "MerlinGPT is a good service!"
QUICK = Pace(poll_s=5, conflict_s=0.2, private_edit_s=0.05, typing_s=0.5, longest_pause_s=0.2)


def settings_of(tmp_path, telegram, provider=None, **more):
    """Return settings without limits, with the provider if any."""
    services = (ProviderSettings("chat", provider.base_url, "sk-of-the-tests"),) if provider else ()
    base = BotSettings(
        state_dir=tmp_path,
        database=f"sqlite://{tmp_path}/merlin.db",
        token=telegram.token,
        telegram_url=telegram.base_url,
        limits=(0, 0, 0),
        providers=services,
        pace=QUICK,
        patience=Patience(first_pause_s=0.1),
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
                runner.run(serve(self.settings, self._stop, self._hear))
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
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
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


def let_serve(settings, model_id, *, number=1, dataset="neurotypology", provider="chat"):
    """Let a model of a new build serve the dataset."""
    with open_database(settings.database) as database:
        migrate(database)
        with database.atomic():
            build_id = database.add(BUILD, _build(dataset, number))
            job_id = database.add(JOB, _job(dataset, build_id, provider))
            model_row = database.add(MODEL, _model(dataset, build_id, job_id, provider, model_id))
            served = {"since": iso(AT), "position": number, "is_pinned": 0}
            database.change(SERVING.delete().where(SERVING.dataset == dataset))
            serving = {"dataset": dataset, "model_row": model_row, **served}
            database.put(SERVING.insert(serving))
            scores = {"questions": 12, "chrf": 81.25, "equal_share": 0.75, "unknown_share": 0.0}
            database.put(EVALUATION.insert({"model_row": model_row, **scores, "at": iso(AT)}))
            database.add(PROMOTION, _promotion(dataset, model_id))
            database.bump()


def _build(dataset, number):
    recipe = {"provider": "chat", "base_model": "no-such-base"}
    return {
        "dataset": dataset,
        "number": number,
        "digest": f"{dataset}-{number}",
        "folder": "",
        "system": SYSTEM,
        "train": 60,
        "test": 12,
        "train_tokens": 1,
        "test_tokens": 1,
        "manifest": json.dumps({"recipe": recipe}),
        "created_at": iso(AT),
    }


def _job(dataset, build_id, provider):
    return {
        "launch_key": f"{dataset}-{build_id}",
        "wish": "",
        "dataset": dataset,
        "build_id": build_id,
        "provider": provider,
        "recipe": "{}",
        "attempt": 1,
        "state": "succeeded",
        "provider_job_id": "job-1",
        "status": "succeeded",
        "model_id": None,
        "trained_tokens": 0,
        "estimate_micro": 0,
        "currency": "USD",
        "error": "",
        "not_before": None,
        "created_at": iso(AT),
        "updated_at": iso(AT),
    }


def _model(dataset, build_id, job_id, provider, model_id):
    return {
        "provider": provider,
        "model_id": model_id,
        "dataset": dataset,
        "build_id": build_id,
        "job_id": job_id,
        "state": "good",
        "probes": 0,
        "not_before": None,
        "note": "",
        "created_at": iso(AT),
    }


def _promotion(dataset, model_id):
    return {
        "dataset": dataset,
        "from_model": None,
        "to_model": model_id,
        "why": "newest",
        "by_whom": "merlin",
        "at": iso(AT),
    }


_CHILD = """
import base64, pickle, sys
from merlin.wiring.bot import run_bot

run_bot(pickle.loads(base64.b64decode(sys.argv[1])))
"""


def start_child(settings, log, **environment):
    """Start a bot as a process of its own; its standard error goes to the file `log`."""
    told = base64.b64encode(pickle.dumps(settings)).decode()
    with log.open("ab") as errors:
        return subprocess.Popen(
            [sys.executable, "-c", _CHILD, told],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stderr=errors,
        )


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


def run_jumping(coroutine):
    """Return what the coroutine returns, run on a clock that jumps."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(coroutine)
