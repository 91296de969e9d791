"""Ten thousand random purchase histories, and payments reported by threads of killed processes."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from merlin.db.database import Database

HISTORIES = 10_000
STEPS = 15
SEED = 20261120
THREADS, PAYMENTS, MAX_AMOUNT, KILLS = 50, 20, 50, 5


def run() -> None:
    """Print the violations in the histories, and the results of the payments."""
    _histories()
    for name, database_url in (("SQLite", _sqlite), ("PostgreSQL", _postgresql)):
        with database_url() as url:
            _storm(name, url)


def _histories() -> None:
    started_at, workers = time.monotonic(), os.cpu_count() or 1
    parts = [range(number, HISTORIES, workers) for number in range(workers)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        results = [*pool.map(run_histories, parts)]
    steps = sum(result[0] for result in results)
    faults = [line for result in results for line in result[1]]
    print(
        f"{HISTORIES} histories, {steps} steps, each checked: {len(faults)} faults,"
        f" {time.monotonic() - started_at:.0f} s"
    )
    for line in faults[:20]:
        print(line)


class ManualClock:
    """A clock that only advances by `move`."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def move(self, seconds: float) -> None:
        """Advance the clock, or set it back by a negative number."""
        self.now += timedelta(seconds=seconds)


def run_histories(numbers: range) -> tuple[int, list[str]]:
    """Run histories on their own database; return the number of steps, and the violations."""
    import random

    from merlin.core.log import set_up_logging
    from tests.billing.plan_shop import Shop
    from tests.billing.random_histories import PRICES_AND_GATEWAYS, History

    set_up_logging("bench", quiet=True)
    steps, wrong = 0, list[str]()
    with _sqlite() as url, _open_database(url) as database:
        world = Shop(database, ManualClock(), PRICES_AND_GATEWAYS)
        for number in numbers:
            rng = random.Random(SEED + number)  # noqa: S311 - a measurement's own dice
            try:
                with database.atomic():
                    history = History(rng, world, 5000 + number)
                    for _ in range(STEPS):
                        history.step()
                        history.check()
                        steps += 1
            except AssertionError as fault:
                wrong.append(f"history {number}: {fault}")
        wrong += world.find_faults()
    return steps, wrong


@contextmanager
def _open_database(url: str) -> Iterator[Database]:
    from merlin.db.database import open_database
    from merlin.db.encryption import Cipher
    from merlin.db.migrations import migrate

    with open_database(url, cipher=Cipher({"k": b"k" * 32}, "k")) as database:
        migrate(database)
        yield database


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite://{folder}/merlin.db"


@contextmanager
def _postgresql() -> Iterator[str]:
    from tests.support.postgresql import run_server

    with run_server() as server:
        yield server.create()


def _storm(name: str, url: str) -> None:
    from tests.billing.payment_storm import run_storm

    started_at = time.monotonic()
    with _open_database(url):
        outcome = run_storm(url, SEED, THREADS, PAYMENTS, MAX_AMOUNT, KILLS)
    seconds = time.monotonic() - started_at
    print(
        f"{name}: {THREADS} threads, {PAYMENTS} payments reported {outcome['notifications']} times,"
        f" {KILLS} SIGKILLs: {outcome['grants']} grants, {outcome['given']} given,"
        f" {outcome['paid']} of {outcome['ordered']} minor units, {seconds:.0f} s"
    )
