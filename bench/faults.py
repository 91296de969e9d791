"""Faults of the machine under daemon, bot and api: what people read, what is lost, how it ends.

A disk of 24 MB that is full, a database damaged at random, a provider whose name nobody resolves,
a file of 1 GB among the examples. Needs root, for a disk of its own.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from bench.replicas import until
from merlin.core.server import free_ports
from merlin.sandbox.provider.app import ProviderStandIn
from merlin.sandbox.telegram.server import TelegramStandIn

ROOT = Path(__file__).parents[1]
FAULT_S, DAMAGES, PAGE, HUGE = 15.0, 100, 4096, 1 << 30
BUG = 3
COMMANDS = (["status"], ["users", "list"], ["backup", "{folder}/backups"])


def run() -> None:
    """Print a row for each fault."""
    from tests.support.small_disk import small_disk

    with tempfile.TemporaryDirectory() as folder, small_disk(Path(folder) / "state", "24m"):
        _full_disk(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        _no_name(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        _damaged(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        _huge_file(Path(folder))


@contextmanager
def _house(folder: Path) -> Iterator[tuple[Any, TelegramStandIn, str, str]]:
    """Yield a lab with a model that serves, its Telegram, its api's and its provider's address."""
    from tests.support.pipeline_lab import Lab

    with TelegramStandIn() as telegram, ProviderStandIn(key="stand-in") as provider:
        os.environ["TELEGRAM_BOT_TOKEN"] = telegram.token
        (port,) = free_ports(1)
        limits = {"overall_per_s": 0, "private_per_s": 0, "group_per_min": 0}
        lab = Lab(
            folder,
            provider.base_url,
            telegram={"base_url": telegram.page_url.rstrip("/"), "limits": limits},
            api={"listen": f"127.0.0.1:{port}"},
        )
        lab.repository.dataset()
        lab.repository.commit()
        lab.until_serving("trial-1")
        yield lab, telegram, f"http://127.0.0.1:{port}", provider.base_url


def _full_disk(folder: Path) -> None:
    from tests.support.forked_processes import is_ready, running
    from tests.support.small_disk import fill

    with (
        _house(folder) as (lab, telegram, api, _),
        running(lab.path, "daemon", "bot", "api") as processes,
    ):
        until(lambda: is_ready(api) and telegram.is_polled())
        filler = fill(folder / "state")
        telegram.say("anna", "вопрос 1")
        lab.repository.example("trial", 50)
        lab.repository.commit()
        time.sleep(FAULT_S)
        page = httpx2.get(f"{api}/").status_code
        call = httpx2.post(f"{api}/api/auth/start", headers={"Origin": api}).status_code
        said = (["check"], ["status"], ["build", "trial"], ["backup"])
        codes = {words[0]: _merlin(lab, *words)[0] for words in said}
        filler.unlink()
        freed = time.monotonic()
        until(lambda: any("«" in one.text for one in telegram.answers("anna")))
        answered = time.monotonic() - freed
        until(lambda: lab.status()["serving"]["build"] == "trial-2")
        served, are_alive = (
            time.monotonic() - freed,
            all(process.is_alive() for process in processes),
        )
    left = [path.name for path in (folder / "state").rglob("*.part")]
    print(
        f"| full disk for {FAULT_S:.0f} s | page {page}, call that writes {call}, commands {codes};"
        f" the question asked meanwhile answered {answered:.1f} s after there was room, the commit"
        f" serving after {served:.1f} s; processes alive {are_alive}, half files {left} |",
        flush=True,
    )


def _no_name(folder: Path) -> None:
    from tests.support.forked_processes import running

    with _house(folder) as (lab, telegram, _, url):
        text = lab.path.read_text("utf-8")
        lab.path.write_text(text.replace(url, "https://provider.invalid/v1"), "utf-8")
        lab.repository.example("trial", 50)
        lab.repository.commit()
        with running(lab.path, "daemon", "bot"):
            telegram.say("anna", "вопрос 1")
            started_at = time.monotonic()
            until(lambda: any(len(one.text) > 1 for one in telegram.answers("anna")))
            told = time.monotonic() - started_at
            code, words = _merlin(lab, "ask", "Что?")
        lab.path.write_text(text, "utf-8")
        started_at = time.monotonic()
        with running(lab.path, "daemon", "bot"):
            until(lambda: lab.status()["serving"]["build"] == "trial-2")
            served = time.monotonic() - started_at
    print(
        f"| no DNS | the person is told after {told:.1f} s; merlin ask: {code}, {words[:60]};"
        f" the commit serves {served:.1f} s after a start with the name resolved |",
        flush=True,
    )


def _damaged(folder: Path) -> None:
    with _house(folder) as (lab, *_):
        path, rng = folder / "state" / "merlin.db", random.Random(1)  # noqa: S311 - repeatable
        whole, codes = path.read_bytes(), []
        for _ in range(DAMAGES):
            content = bytearray(whole)
            for _ in range(rng.choice((1, 20, 400))):
                content[rng.randrange(len(content))] = rng.randrange(256)
            at = rng.randrange(len(content) // PAGE) * PAGE
            content[at : at + PAGE] = rng.randbytes(PAGE)
            for each in path.parent.glob("merlin.db-*"):
                each.unlink()
            path.write_bytes(content)
            codes += [_here(lab, *words) for words in COMMANDS]
            shutil.rmtree(folder / "backups", ignore_errors=True)
    print(
        f"| {DAMAGES} databases damaged at random, {len(codes)} commands | bugs {codes.count(BUG)},"
        f" refused with words {sum(0 < code < BUG for code in codes)}, passed {codes.count(0)} |",
        flush=True,
    )


def _huge_file(folder: Path) -> None:
    with _house(folder) as (lab, *_):
        small = _peak(lab, "check")
        with (lab.repository.folder / "datasets/trial/examples/huge.yaml").open("wb") as file:
            file.truncate(HUGE)
        started_at = time.monotonic()
        huge, took = _peak(lab, "check"), time.monotonic() - started_at
    print(
        f"| a file of 1 GB among the examples | merlin check {took:.1f} s, peak {huge:.0f} MB,"
        f" without it {small:.0f} MB |",
        flush=True,
    )


def _merlin(lab: Any, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "merlin", *words, "--config", str(lab.path)],
        cwd=lab.repository.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr.strip()


def _here(lab: Any, *words: str) -> int:
    from tests.support.pipeline_lab import command

    said = [word.format(folder=lab.folder) for word in words]
    code: int = command(*said, "--config", str(lab.path))[0]
    return code


def _peak(lab: Any, *words: str) -> float:
    """Return the peak of a command's memory, in MB."""
    measure = "import resource, runpy, sys; sys.argv[0] = 'merlin'\n"
    measure += "try: runpy.run_module('merlin', run_name='__main__')\n"
    measure += "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    done = subprocess.run(
        [sys.executable, "-c", measure, *words, "--config", str(lab.path)],
        cwd=lab.repository.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return int(done.stdout.split()[-1]) / 1024
