"""What a state folder of an earlier version holds beside the world of the golden files.

A dataset that the engine of this machine trained, a job under way, and two messages that nobody
answered: the bot was killed while it asked the model, and another came to Telegram afterwards.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from merlin.core.server import free_ports
from tests.golden.full_installation import QUESTION, lab_of
from tests.support.frozen_day import start
from tests.support.waiting import longest, wait_until

PACKED = Path(__file__).parent / "state.tar.xz"
HELD = "held.json"
UNDER_WAY = QUESTION.format(7, "зззз"), "Понятие 7 значит ответ 49."
CAME_LATER = QUESTION.format(8, "ииии"), "Понятие 8 значит ответ 56."
# A checkpoint is kept of each epoch.
OWN = {
    "provider": "engine",
    "base_model": "recall",
    "suffix": "own",
    "hyperparameters": {"n_epochs": 5},
}


@contextmanager
def lab_with_engine(folder, around, environment, by):
    """Give the lab of a folder, with an engine beside it."""
    (port,) = free_ports(1)
    environment["MERLIN_ENGINE_KEY"] = "the-engine-key-of-tests"
    own = {"name": "engine", "base_url": f"http://127.0.0.1:{port}/v1", "settle_s": 0}
    other = {"name": "stand-in", "base_url": around.provider.base_url, "settle_s": 0}
    free = {"price": {"input": 0, "output": 0, "training": 0}}
    priced = {"price": {"input": 1, "output": 2, "training": 100}}
    lab = lab_of(
        folder,
        around,
        providers=[
            {**other, "credential": "STAND_IN_KEY", "poll_s": 0.01},
            {**own, "credential": "MERLIN_ENGINE_KEY", "poll_s": 0.05},
        ],
        models={"stand-in-base": priced, "recall": free},
        engine={"listen": f"127.0.0.1:{port}"},
    )
    process = start(by, "engine", lab.path, folder / "engine.log", **os.environ)
    try:
        wait_until(lambda: _is_up(port), 60)
        yield lab
    finally:
        process.terminate()
        process.join()


def _is_up(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=longest()).is_success
    except httpx.TransportError:
        return False


def ticked_until(lab, dataset, build):
    """Tick until a build serves; the engine trains at its own pace."""

    def serves():
        lab.tick()
        serving = lab.status(dataset)["serving"]
        return serving and serving["build"] == build

    wait_until(serves, 60, lambda: str(lab.status(dataset)))


def count(folder, query):
    """Return what a counting query finds in the database of a state folder."""
    with closing(sqlite3.connect(folder / "state" / "merlin.db")) as database:
        return database.execute(query).fetchone()[0]
