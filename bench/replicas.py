"""Processes on one PostgreSQL: how soon they hear of each other, what two do, who takes over.

A daemon is asked to poll; an api is pushed messages that one of two bots answers. Then two apis
and two bots answer as many people as one each, and a daemon takes over from one that is gone.
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from bench.chat_meter import cpu_s
from bench.chat_serving import store_serving_model
from bench.chat_sides import CONFIG, CREDENTIALS, World, list_cores, start
from bench.chat_telegram import TOKEN
from bench.figures import line
from merlin.config import webhook_secret
from merlin.core.server import free_ports
from merlin.db.database import open_database
from merlin.db.requests import RequestKind, Requests, RequestState
from merlin.sandbox.provider.app import ProviderStandIn
from merlin.sandbox.telegram.server import TelegramStandIn

REQUESTS, MESSAGES, IDLE_S, MAX_DURATION_S = 60, 40, 10.0, 30.0
ANSWERS, STARTED_S, TAKEOVERS = 2000, 10.0, 5
LEADS = "requests_taken_up"  # what a daemon logs with its first words as the leader


def run() -> None:
    """Print both rows."""
    from tests.support import postgresql

    with (
        postgresql.running() as server,
        tempfile.TemporaryDirectory() as one,
        ProviderStandIn() as p,
    ):
        _requests(server.emptied(), Path(one), p)
    with (
        postgresql.running() as server,
        tempfile.TemporaryDirectory() as two,
        ProviderStandIn() as p,
        TelegramStandIn() as telegram,
    ):
        _messages(server.emptied(), Path(two), p, telegram)
    with postgresql.running() as server:
        _throughput(server.make)
        with ProviderStandIn() as p:
            for sign in (signal.SIGKILL, signal.SIGSTOP):
                _takeovers(server, p, sign)


def _throughput(make: Callable[[], str]) -> None:
    """Set two apis and two bots beside one each; the people have a core of their own."""
    for count in (1, 2, 2, 1):
        with tempfile.TemporaryDirectory() as folder, World() as world, ExitStack() as ended:
            state, url = Path(folder) / "state", make()
            store_serving_model(state, url)
            ports = free_ports(count)
            hooks = [f"http://127.0.0.1:{port}/hooks/telegram" for port in ports]
            said = yaml.safe_load(
                CONFIG.format(
                    folder=state,
                    telegram=world.telegram,
                    provider=world.provider,
                    streaming='"off"',
                )
            ) | {"database": url}
            said["telegram"] |= {"mode": "webhook", "webhook_url": hooks[0]}
            processes = []
            for number in range(2 * count):
                said["api"] = {"listen": f"127.0.0.1:{ports[number % count]}"}
                path = Path(folder) / f"config-{number}.yaml"
                path.write_text(yaml.safe_dump(said), "utf-8")
                verb = "api" if number < count else "bot"
                command = ["-m", "merlin", verb, "--config", str(path)]
                child = start(command, Path(folder) / "log", **CREDENTIALS)
                os.sched_setaffinity(child.pid, list_cores()[:-1])
                ended.callback(child.wait)
                ended.callback(child.kill)
                processes.append(child.pid)
            time.sleep(STARTED_S)
            world.run_load("set_hooks", urls=hooks, secret=webhook_secret(TOKEN))
            world.run_load("set_delay", seconds=0.2)
            world.run_load("run_closed_loop", pid=processes[-1], users=100, answers=300)
            before = [cpu_s(pid) for pid in processes]
            told = world.run_load("run_closed_loop", pid=processes[-1], users=200, answers=ANSWERS)
            spent = [
                1000 * (cpu_s(pid) - was) / ANSWERS
                for pid, was in zip(processes, before, strict=True)
            ]
            with open_database(url, read_only=True) as database:
                states = dict(database.sql("SELECT state, COUNT(*) FROM updates GROUP BY state"))
        print(
            f"| {count} api and {count} bot: {told['answers_per_s']:.0f} answers/s, added p50"
            f" {told['p50_ms']:.0f}, p99 {told['p99_ms']:.0f} ms, doubled {told['doubled']} |"
            f" CPU an answer, apis {sum(spent[:count]):.2f}, bots {sum(spent[count:]):.2f} ms |"
            f" {states} |",
            flush=True,
        )


def _takeovers(server: Any, provider: ProviderStandIn, sign: signal.Signals) -> None:
    """End or halt a daemon that leads; tell when another, on another machine, leads."""
    from tests.support.forked_processes import start as start_daemon
    from tests.support.pipeline_lab import Lab

    times = []
    for _ in range(TAKEOVERS):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            url = server.make()
            labs = [Lab(Path(each), provider.base_url, database=url) for each in (one, two)]
            logs = [lab.folder / "log" for lab in labs]
            first = start_daemon("daemon", labs[0].path, logs[0])
            until(lambda: LEADS in logs[0].read_text())  # noqa: B023 - called here
            second = start_daemon("daemon", labs[1].path, logs[1])
            until(lambda: "another daemon leads" in logs[1].read_text())  # noqa: B023 - the same
            time.sleep(random.uniform(2, 3))  # noqa: S311 - at no fixed beat of theirs
            started_at = time.monotonic()
            os.kill(first.pid, sign)
            until(lambda: LEADS in logs[1].read_text())  # noqa: B023 - the same
            times.append(time.monotonic() - started_at)
            for child in (first, second):
                child.kill()
                child.join()
    print(line(f"after {sign.name} of the daemon that leads another leads", times), flush=True)


def until(is_so: Callable[[], bool]) -> None:
    """Return once it is so. Raises TimeoutError."""
    started_at = time.monotonic()
    while not is_so():
        if time.monotonic() - started_at > MAX_DURATION_S:
            raise TimeoutError
        time.sleep(0.01)


def _requests(url: str, folder: Path, provider: ProviderStandIn) -> None:
    from tests.support.forked_processes import running
    from tests.support.pipeline_lab import Lab

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
    from tests.bot.test_replicas import Replicas

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
    before = [cpu_s(process.pid) for process in processes]
    time.sleep(IDLE_S)
    idle = [
        100 * (cpu_s(each.pid) - was) / IDLE_S for each, was in zip(processes, before, strict=True)
    ]
    times = []
    for _ in range(n):
        time.sleep(random.uniform(0.3, 0.5))  # noqa: S311 - at no fixed beat of theirs
        started_at = time.monotonic()
        is_done = ask()
        while not is_done():
            if time.monotonic() - started_at > MAX_DURATION_S:
                raise TimeoutError(what)
            time.sleep(0.001)
        times.append(1000 * (time.monotonic() - started_at))
    p50, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    shares = ", ".join(f"{each:.1f}" for each in idle)
    print(f"| {what}, p50; p95 | {p50:.0f}; {p95:.0f} ms | idle {shares} % of a core |", flush=True)
