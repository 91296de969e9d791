"""Run two versions on one database under load; count failed answers.

The old version is the last commit without the newest migration, run from its own checkout. It
serves alone, then beside the new version, whose start migrates the schema; then it stops.
"""

import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from bench.processes import ROOT
from merlin.core.server import free_ports
from merlin.db.database import Database, open_database
from merlin.db.migrations import STEPS
from tests.support import postgresql
from tests.support.archives import unpack
from tests.support.forked_processes import is_ready
from tests.support.pipeline_lab import Lab
from tests.support.stand_ins import ProviderStandIn, TelegramStandIn
from tests.support.waiting import wait_until

ALONE_S = 5.0
BESIDE_S = 15.0
PEOPLE = tuple(range(2001, 2013))
VERBS = ("daemon", "api", "bot")
COURSE = {"semester": 1, "name": {"ru": "Слова", "en": "Words"}, "materials": []}


def run() -> None:
    """Print a row for each kind of database."""
    step = STEPS[-1].__name__
    migration = f"*migrations/{step}.*"
    found = _git("log", "-1", "--format=%h", "--diff-filter=A", "--", migration)
    added = found.decode().strip()
    with tempfile.TemporaryDirectory() as before, postgresql.run_server() as server:
        archive = f"{before}/before.tar"
        _git("archive", "-o", archive, f"{added}^")
        unpack(archive, before)
        print(f"the version before {step} (the commit before {added})")
        for kind in ("sqlite", "postgresql"):
            with tempfile.TemporaryDirectory() as folder:
                path = f"sqlite://{folder}/state/merlin.db"
                url = path if kind == "sqlite" else server.create()
                _upgrade(kind, Path(folder), Path(before), url)


def _git(*words: str) -> bytes:
    command = ["git", *words]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout


@dataclass
class Load:
    """People who ask in chats."""

    telegram: Any
    asked: dict[int, int] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the load until the block ends and every question is answered."""
        threads = [
            threading.Thread(target=self._ask, args=(person,)) for person in PEOPLE
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _ask(self, person: int) -> None:
        """Ask one question after another, each after the previous answer."""
        for number in itertools.count():
            if self._over.is_set():
                return
            self.telegram.say(person, f"вопрос {person}-{number}")
            self.asked[person] = number + 1
            is_answered = partial(self._is_answered, person, number)
            self.telegram.wait_for(is_answered, 120)

    def _is_answered(self, person: int, number: int) -> bool:
        return len(self.answers(person)) > number

    def answers(self, person: int) -> list[str]:
        """Return the complete answers in a chat."""
        texts = (message.text for message in self.telegram.answers(person))
        return [text for text in texts if "«" in text]

    def unanswered(self) -> int:
        """Return the number of questions without a complete answer in the right order."""
        missing = 0
        for person, count in self.asked.items():
            answers = [*self.answers(person), *[""] * count]
            for index in range(count):
                missing += f"«вопрос {person}-{index}»" not in answers[index]
        return missing


def _upgrade(kind: str, folder: Path, before: Path, url: str) -> None:
    with (
        TelegramStandIn() as telegram,
        ProviderStandIn(key="stand-in") as provider,
        ExitStack() as ended,
    ):
        os.environ["TELEGRAM_BOT_TOKEN"] = telegram.token
        ports = free_ports(2)
        apis = [f"http://127.0.0.1:{port}" for port in ports]
        lab = Lab(folder, provider.base_url, database=url)
        lab.repository.dataset()
        course = lab.repository.folder / "datasets" / "trial" / "course.yaml"
        course.write_text(yaml.safe_dump(COURSE, allow_unicode=True), "utf-8")
        lab.repository.commit()
        configs = [
            _config(lab, telegram, api, is_pushed=kind == "postgresql") for api in apis
        ]

        def start(tree: Path, config: Path) -> list[subprocess.Popen[bytes]]:
            started = [_start(verb, tree, config) for verb in VERBS]
            for process in started:
                ended.callback(process.wait)
                ended.callback(process.terminate)
            return started

        old = start(before, configs[0])
        wait_until(lambda: is_ready(apis[0]), 60)
        database = ended.enter_context(open_database(url))
        wait_until(
            lambda: _count(database, "serving") and _count(database, "course"), 60
        )
        load = Load(telegram)
        with load.running():
            time.sleep(ALONE_S)
            lab.repository.commit_example("trial", 50)
            start(ROOT, configs[1])
            wait_until(lambda: is_ready(apis[1]), 60)
            lab.repository.commit_example("trial", 51)
            time.sleep(BESIDE_S)
            for process in old:
                process.terminate()
            codes = [process.wait() for process in old]
            lab.repository.commit_example("trial", 52)
            time.sleep(ALONE_S)
        wait_until(lambda: lab.status()["serving"]["build"] == "trial-4", 60)
        charged = database.sql(
            "SELECT COUNT(*) FROM telegram_update WHERE state = 'answered'"
        )[0][0]
    asked = sum(load.asked.values())
    print(
        f"| {kind} | {asked} questions, {charged} answered in rows,"
        f" {len(provider.jobs_created())} jobs for 4 commits; the old ended with {codes} |"
        f" failed answers {load.unanswered()} |",
        flush=True,
    )


def _config(lab: Any, telegram: Any, api: str, *, is_pushed: bool) -> Path:
    """Write the configuration of one version's processes; return its path."""
    port = api.rpartition(":")[2]
    config = yaml.safe_load(lab.path.read_text("utf-8"))
    config["telegram"] = {"base_url": telegram.page_url.rstrip("/")}
    if is_pushed:
        hook = f"{api}/hooks/telegram"
        config["telegram"] |= {"mode": "webhook", "webhook_url": hook}
    limits = {"anonymous_per_min": 0, "person_per_min": 0}
    config["api"] = {"listen": f"127.0.0.1:{port}", "limits": limits}
    config["datasets"] = {"default": "trial"}
    path: Path = lab.folder / f"config-{port}.yaml"
    path.write_text(yaml.safe_dump(config), "utf-8")
    return path


def _start(verb: str, tree: Path, config: Path) -> subprocess.Popen[bytes]:
    with (config.parent / f"{verb}-{config.stem}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "merlin", verb, "--config", str(config)],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree)},
            stdout=log,
            stderr=log,
        )


def _count(database: Database, table: str) -> int:
    return int(database.sql(f"SELECT COUNT(*) FROM {table}")[0][0])  # noqa: S608 - our own names
