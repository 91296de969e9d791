"""Processes on one PostgreSQL: how soon they hear of each other.

A daemon is asked to poll; an api is pushed messages that one of two bots answers.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.chat_meter import cpu_s
from merlin.db.database import open_database
from merlin.db.requests import RequestKind, Requests, RequestState
from merlin.sandbox.provider.app import ProviderStandIn
from merlin.sandbox.telegram.server import TelegramStandIn

REQUESTS, MESSAGES, IDLE_S, LONGEST_S = 60, 40, 10.0, 30.0


def run() -> None:
    """Print both rows."""
    tests = Path(__file__).parents[1] / "tests"
    sys.path[:0] = [str(tests), str(tests / "bot")]
    import postgres

    with postgres.running() as server, tempfile.TemporaryDirectory() as one, ProviderStandIn() as p:
        _requests(server.emptied(), Path(one), p)
    with (
        postgres.running() as server,
        tempfile.TemporaryDirectory() as two,
        ProviderStandIn() as p,
        TelegramStandIn() as telegram,
    ):
        _messages(server.emptied(), Path(two), p, telegram)


def _requests(url: str, folder: Path, provider: ProviderStandIn) -> None:
    from forked import running
    from world import Lab

    quiet = {"daemon": {"tick_s": 5.0}}
    lab = Lab(folder, provider.base_url, database=url, **quiet)
    lab.repository.dataset()
    lab.repository.commit()
    lab.until_serving("trial-1")
    with running(lab.path, "daemon") as (daemon,), open_database(url) as database:
        requests = Requests(database)

        def ask() -> Callable[[], bool]:
            asked = requests.ask(RequestKind.POLL, {}, "bench")
            return lambda: requests.get(asked).state != RequestState.WAITING

        _told("a request waits for the daemon", [daemon], ask, REQUESTS)


def _messages(url: str, folder: Path, provider: ProviderStandIn, telegram: TelegramStandIn) -> None:
    from test_bot_replicas import Replicas

    people = iter(range(2001, 2001 + MESSAGES))
    with Replicas(folder, telegram, provider, url) as replicas:

        def ask() -> Callable[[], bool]:
            person = next(people)
            telegram.say(person, f"question {person}")
            return lambda: bool(telegram.answers(person))

        what = "push to an api until a bot's first message"
        _told(what, replicas._children, ask, MESSAGES)


def _told(what: str, processes: list[Any], ask: Callable[[], Callable[[], bool]], n: int) -> None:
    time.sleep(IDLE_S)
    before = [cpu_s(each.pid) for each in processes]
    time.sleep(IDLE_S)
    idle = [
        100 * (cpu_s(each.pid) - was) / IDLE_S for each, was in zip(processes, before, strict=True)
    ]
    times = []
    for _ in range(n):
        time.sleep(random.uniform(0.3, 0.5))  # noqa: S311 - at no fixed beat of theirs
        begun = time.monotonic()
        is_done = ask()
        while not is_done():
            if time.monotonic() - begun > LONGEST_S:
                raise TimeoutError(what)
            time.sleep(0.001)
        times.append(1000 * (time.monotonic() - begun))
    p50, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    shares = ", ".join(f"{each:.1f}" for each in idle)
    print(f"| {what}, p50; p95 | {p50:.0f}; {p95:.0f} ms | idle {shares} % of a core |", flush=True)
