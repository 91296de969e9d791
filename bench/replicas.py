"""Measure several processes on one PostgreSQL: notification latency, throughput.

An API receives webhook messages that one of two bots answers. Then the throughput of two APIs and
bots is compared with that of one each.
"""

import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from bench.chat_sides import CONFIG, CREDENTIALS, store_serving_model
from bench.chat_world import TOKEN, World
from bench.figures import cpu_s
from bench.processes import CORES, start
from merlin.config.credentials import webhook_secret
from merlin.core.server import free_ports
from tests.bot.test_replicas import Replicas
from tests.support import postgresql
from tests.support.forked_processes import is_ready
from tests.support.stand_ins import ProviderStandIn, TelegramStandIn
from tests.support.waiting import wait_until

MESSAGES = 40
ANSWERS = 2000


def run() -> None:
    """Print a row for each."""
    with (
        postgresql.run_server() as server,
        tempfile.TemporaryDirectory() as folder,
        ProviderStandIn() as provider,
    ):
        with TelegramStandIn() as telegram:
            _measure_messages(server.reset(), Path(folder), provider, telegram)
        _measure_throughput(server.create)


def _measure_throughput(make: Callable[[], str]) -> None:
    """Compare two APIs and two bots with one each; the load has its own core."""
    for count in (1, 2, 2, 1):
        with (
            tempfile.TemporaryDirectory() as folder,
            World() as world,
            ExitStack() as ended,
        ):
            state = Path(folder) / "state"
            url = make()
            store_serving_model(state, url)
            ports = free_ports(count)
            hooks = [f"http://127.0.0.1:{port}/hooks/telegram" for port in ports]
            config = yaml.safe_load(
                CONFIG.format(
                    folder=state,
                    telegram=world.telegram,
                    provider=world.provider,
                    streaming='"off"',
                )
            ) | {"database": url}
            config["telegram"] |= {"mode": "webhook", "webhook_url": hooks[0]}
            processes = []
            for number in range(2 * count):
                config["api"] = {"listen": f"127.0.0.1:{ports[number % count]}"}
                path = Path(folder) / f"config-{number}.yaml"
                path.write_text(yaml.safe_dump(config), "utf-8")
                verb = "api" if number < count else "bot"
                command = ["-m", "merlin", verb, "--config", str(path)]
                child = start(command, Path(folder) / "log", **CREDENTIALS)
                os.sched_setaffinity(child.pid, CORES[:-1])
                ended.callback(child.wait)
                ended.callback(child.kill)
                processes.append(child.pid)
            for port in ports:
                wait_until(partial(is_ready, f"http://127.0.0.1:{port}"))
            world.run_load("set_hooks", urls=hooks, secret=webhook_secret(TOKEN))
            world.run_load("set_delay", seconds=0.2)
            world.run_load("run_closed_loop", pid=processes[-1], users=100, answers=300)
            before = [cpu_s(pid) for pid in processes]
            figures = world.run_load(
                "run_closed_loop", pid=processes[-1], users=200, answers=ANSWERS
            )
            cpu_ms = [
                1000 * (cpu_s(pid) - cpu_before) / ANSWERS
                for pid, cpu_before in zip(processes, before, strict=True)
            ]
        print(
            f"| {count} api and {count} bot: {figures['answers_per_s']:.0f} answers/s, added p50"
            f" {figures['p50_ms']:.0f}, p99 {figures['p99_ms']:.0f} ms,"
            f" doubled {figures['doubled']} |"
            f" CPU per answer, apis {sum(cpu_ms[:count]):.2f}, bots {sum(cpu_ms[count:]):.2f} ms |",
            flush=True,
        )


def _measure_messages(url: str, folder: Path, provider: Any, telegram: Any) -> None:
    """Push messages to an API, one after the other; print when a bot's first message came."""
    times = []
    with Replicas(folder, telegram, provider, url):
        for person in range(2001, 2001 + MESSAGES):
            time.sleep(random.uniform(0.3, 0.5))  # noqa: S311 - at no fixed beat of theirs
            started_at = time.monotonic()
            telegram.say(person, f"question {person}")
            telegram.wait_for(lambda: telegram.answers(person))  # noqa: B023 - called here
            times.append(1000 * (time.monotonic() - started_at))
    p50 = statistics.median(times)
    p95 = statistics.quantiles(times, n=20)[-1]
    print(
        f"| push to an api until a bot's first message, p50; p95 | {p50:.0f}; {p95:.0f} ms |"
    )
