"""Faults of the machine under daemon, bot and API: what users see, and whether anything is lost.

A full disk of 24 MB, a randomly damaged database, a provider whose host name does not resolve, an
example file of 1 GB. Needs root to mount the disk.
"""

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

from bench.replicas import wait_until
from merlin.core.server import free_ports

ROOT = Path(__file__).parents[1]
FAULT_S, DAMAGED_COPIES, PAGE, HUGE = 15.0, 100, 4096, 1 << 30
BUG = 3
COMMANDS = (["status"], ["users", "list"], ["backup", "{folder}/backups"])


def run() -> None:
    """Print a row for each fault."""
    from tests.support.small_disk import small_disk

    with tempfile.TemporaryDirectory() as folder, small_disk(Path(folder) / "state", "24m"):
        _test_full_disk(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        _test_unresolvable(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        _test_damaged(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        _test_huge_file(Path(folder))


@contextmanager
def _run_lab(folder: Path) -> Iterator[tuple[Any, Any, str, str]]:
    """Yield a lab with a serving model, its Telegram, and the URLs of its API and provider."""
    from tests.support.pipeline_lab import Lab
    from tests.support.stand_ins import ProviderStandIn, TelegramStandIn

    with TelegramStandIn() as telegram, ProviderStandIn(key="stand-in") as provider:
        os.environ["TELEGRAM_BOT_TOKEN"] = telegram.token
        (port,) = free_ports(1)
        lab = Lab.with_dataset(
            folder,
            provider.base_url,
            telegram={"base_url": telegram.page_url.rstrip("/")},
            api={"listen": f"127.0.0.1:{port}"},
        )
        lab.until_serving("trial-1")
        yield lab, telegram, f"http://127.0.0.1:{port}", provider.base_url


def _test_full_disk(folder: Path) -> None:
    from tests.support.forked_processes import is_ready, run_processes
    from tests.support.small_disk import fill_disk

    with (
        _run_lab(folder) as (lab, telegram, api, _),
        run_processes(lab.path, "daemon", "bot", "api") as processes,
    ):
        wait_until(lambda: is_ready(api) and telegram.is_polled())
        filler = fill_disk(folder / "state")
        telegram.say("anna", "вопрос 1")
        lab.repository.commit_example("trial", 50)
        time.sleep(FAULT_S)
        page = httpx2.get(f"{api}/").status_code
        call = httpx2.post(f"{api}/sign-in/code", headers={"Origin": api}).status_code
        commands = (["check"], ["status"], ["build", "trial"], ["backup"])
        codes = {command[0]: _run_command(lab, *command)[0] for command in commands}
        filler.unlink()
        freed = time.monotonic()
        wait_until(lambda: any("«" in message.text for message in telegram.answers("anna")))
        answered_s = time.monotonic() - freed
        wait_until(lambda: lab.status()["serving"]["build"] == "trial-2")
        served_s, are_alive = (
            time.monotonic() - freed,
            all(process.is_alive() for process in processes),
        )
    unfinished = [path.name for path in (folder / "state").rglob("*.part")]
    print(
        f"| full disk for {FAULT_S:.0f} s | page {page}, call that writes {call}, commands {codes};"
        f" the question answered {answered_s:.1f} s after space was freed, the commit"
        f" serving after {served_s:.1f} s; processes alive {are_alive}, half files {unfinished} |",
        flush=True,
    )


def _test_unresolvable(folder: Path) -> None:
    from tests.support.forked_processes import run_processes

    with _run_lab(folder) as (lab, telegram, _, url):
        text = lab.path.read_text("utf-8")
        lab.path.write_text(text.replace(url, "https://provider.invalid/v1"), "utf-8")
        lab.repository.commit_example("trial", 50)
        with run_processes(lab.path, "daemon", "bot"):
            telegram.say("anna", "вопрос 1")
            started_at = time.monotonic()
            wait_until(lambda: any(len(message.text) > 1 for message in telegram.answers("anna")))
            told_s = time.monotonic() - started_at
            code, message = _run_command(lab, "ask", "Что?")
        lab.path.write_text(text, "utf-8")
        started_at = time.monotonic()
        with run_processes(lab.path, "daemon", "bot"):
            wait_until(lambda: lab.status()["serving"]["build"] == "trial-2")
            served_s = time.monotonic() - started_at
    print(
        f"| no DNS | the person is told after {told_s:.1f} s; merlin ask: {code}, {message[:60]};"
        f" the commit serves {served_s:.1f} s after a start with the name resolved |",
        flush=True,
    )


def _test_damaged(folder: Path) -> None:
    with _run_lab(folder) as (lab, *_):
        path, rng = folder / "state" / "merlin.db", random.Random(1)  # noqa: S311 - repeatable
        intact, codes = path.read_bytes(), []
        for _ in range(DAMAGED_COPIES):
            content = bytearray(intact)
            for _ in range(rng.choice((1, 20, 400))):
                content[rng.randrange(len(content))] = rng.randrange(256)
            at = rng.randrange(len(content) // PAGE) * PAGE
            content[at : at + PAGE] = rng.randbytes(PAGE)
            for leftover in path.parent.glob("merlin.db-*"):
                leftover.unlink()
            path.write_bytes(content)
            codes += [_run_in_process(lab, *command) for command in COMMANDS]
            shutil.rmtree(folder / "backups", ignore_errors=True)
    print(
        f"| {DAMAGED_COPIES} damaged databases, {len(codes)} commands | bugs {codes.count(BUG)},"
        f" refused with words {sum(0 < code < BUG for code in codes)}, passed {codes.count(0)} |",
        flush=True,
    )


def _test_huge_file(folder: Path) -> None:
    with _run_lab(folder) as (lab, *_):
        small = _peak_memory(lab, "check")
        with (lab.repository.folder / "datasets/trial/examples/huge.yaml").open("wb") as file:
            file.truncate(HUGE)
        started_at = time.monotonic()
        huge, seconds = _peak_memory(lab, "check"), time.monotonic() - started_at
    print(
        f"| a file of 1 GB among the examples | merlin check {seconds:.1f} s, peak {huge:.0f} MB,"
        f" without it {small:.0f} MB |",
        flush=True,
    )


def _run_command(lab: Any, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "merlin", *words, "--config", str(lab.path)],
        cwd=lab.repository.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr.strip()


def _run_in_process(lab: Any, *words: str) -> int:
    from tests.support.pipeline_lab import run_command

    arguments = [word.format(folder=lab.folder) for word in words]
    code: int = run_command(*arguments, "--config", str(lab.path))[0]
    return code


def _peak_memory(lab: Any, *words: str) -> float:
    """Return a command's peak memory in MB."""
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
