"""The state folder of an earlier version: the golden installation with additions.

A dataset trained by the engine on this machine, a running job, and two unanswered messages: the
bot was killed while it called the model, and the second message came afterwards.
"""

import os
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from merlin.core.server import free_ports
from tests.golden.full_installation import QUESTION, make_lab
from tests.support.ending import end
from tests.support.frozen_day import start
from tests.support.waiting import longest, wait_until

STATE_ARCHIVE = Path(__file__).parent / "state.tar.xz"
USER_DATA = "held.json"
PENDING_MESSAGE = QUESTION.format(7, "зззз"), "Понятие 7 значит ответ 49."
LATER_MESSAGE = QUESTION.format(8, "ииии"), "Понятие 8 значит ответ 56."
# One checkpoint an epoch.
ENGINE_RECIPE = {
    "provider": "engine",
    "base_model": "recall",
    "suffix": "own",
    "hyperparameters": {"n_epochs": 5},
}


@contextmanager
def run_lab_with_engine(folder, stand_ins, environment, by):
    """Yield the lab of a folder, with a running engine."""
    (port,) = free_ports(1)
    environment["MERLIN_ENGINE_KEY"] = "the-engine-key-of-tests"
    engine_provider = {
        "name": "engine",
        "base_url": f"http://127.0.0.1:{port}/v1",
        "settle_s": 0,
    }
    standin_provider = {
        "name": "stand-in",
        "base_url": stand_ins.provider.base_url,
        "settle_s": 0,
    }
    free = {"price": {"input": 0, "output": 0, "training": 0}}
    priced = {"price": {"input": 1, "output": 2, "training": 100}}
    lab = make_lab(
        folder,
        stand_ins,
        providers=[
            {**standin_provider, "credential": "STAND_IN_KEY"},
            {**engine_provider, "credential": "MERLIN_ENGINE_KEY"},
        ],
        models={"stand-in-base": priced, "recall": free},
        engine={"listen": f"127.0.0.1:{port}"},
    )
    process = start(by, "engine", lab.path, folder / "engine.log", **os.environ)
    try:
        wait_until(lambda: _is_up(port), 60)
        yield lab
    finally:
        end(process)


def _is_up(port):
    try:
        return httpx.get(
            f"http://127.0.0.1:{port}/healthz", timeout=longest()
        ).is_success
    except httpx.TransportError:
        return False


def tick_until(lab, dataset, build):
    """Run ticks until a build serves; the engine trains in another process."""

    def serves():
        lab.tick()
        serving = lab.status(dataset)["serving"]
        return serving and serving["build"] == build

    wait_until(serves, 60, lambda: str(lab.status(dataset)))


def count(folder, query):
    """Return the result of a counting query in the database of a state folder."""
    with closing(sqlite3.connect(folder / "state" / "merlin.db")) as database:
        return database.execute(query).fetchone()[0]
