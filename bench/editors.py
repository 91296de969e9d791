"""Editors race through all surfaces while processes and the git server fail; check the result.

Two admins edit the same few examples in the bot, on pages and by commands, and add through the API;
others push by hand, also by force. Daemon, API and bot are killed at random; the git server is
down, loses answers or refuses pushes. After each round all is quiet within `QUIET_S` without a
violation.
"""

import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx2

from bench.invariants import check_edits, count_pending
from merlin.account.sign_ins import SignInMethod, SignIns
from merlin.account.users import User, Users
from merlin.app.examples import ExampleView, view_of
from merlin.core.errors import MerlinError, NotFound, Refused
from merlin.core.server import free_ports
from merlin.dataset.files import FileIndex
from merlin.dataset.proposals import Draft, Proposals
from merlin.db.database import open_database
from merlin.sandbox.demo.place import git
from merlin.wiring.context import make_cipher, open_migrated_database

QUIET_S, CALL_S, TRIES = 120.0, 40.0, 15
PEOPLE = {"boris": 1002, "vera": 1003}
KILLED = ("daemon", "daemon", "api", "bot")
BUSY = {429, 500, 502, 503}
EXAMPLES = "/datasets/trial/examples"
CARD = "semester: 1\nname: {ru: Проба, en: Trial}\nteachers: []\nmaterials: []\n"
# The newest build on the branch.
_NEWEST = """
SELECT build_id FROM verdict WHERE dataset = 'trial' AND position IS NOT NULL
AND build_id IS NOT NULL ORDER BY position DESC LIMIT 1
"""
# Buttons of the bot that are pressed, and those that end a dialog.
_FIRST = ("ex:save", "ex:del")
_BUTTONS = (
    *_FIRST,
    *("ex:home", "ex:ds", "ex:queue", "ex:add", "ex:list", "ex:one", "ex:edit", "ex:prop"),
    "ex:word",
)
_SERVING = "SELECT build_id FROM serving JOIN model ON model.id = model_row"
_WAITING = "SELECT id FROM proposal WHERE state = 'waiting' ORDER BY id LIMIT 20"


class Editors:
    """The editors, the edits that were accepted, the processes and the git server."""

    def __init__(self, folder: Path, stack: ExitStack, seed: int, database: str | None) -> None:
        from tests.support.git_server import SECRET, serve_git
        from tests.support.pipeline_lab import KEY, Lab
        from tests.support.stand_ins import ProviderStandIn, TelegramStandIn

        self.rng = random.Random(seed)  # noqa: S311 - no secret hangs on it
        self.telegram = stack.enter_context(TelegramStandIn())
        self.server = stack.enter_context(serve_git(folder))
        provider = stack.enter_context(ProviderStandIn(folder / "provider", key="stand-in"))
        remote = f"http://{SECRET}@127.0.0.1:{self.server.server_port}/shared.git"
        address = f"127.0.0.1:{free_ports(1)[0]}"
        self.url = f"http://{address}"
        self.lab = Lab(
            folder,
            provider.base_url,
            repository={"url": remote, "interval_s": 0.3},
            api={"listen": address},
            telegram={
                "base_url": self.telegram.page_url.rstrip("/"),
                "admins": [*PEOPLE.values()],
            },
            **({"database": database} if database else {}),
        )
        self.clone, self.bare = self.lab.repository.folder, folder / "shared.git"
        self.lab.repository.dataset()
        (self.clone / "datasets/trial/course.yaml").write_text(CARD, "utf-8")
        self.lab.repository.commit()
        git(folder, "clone", "-q", "--bare", str(self.clone), str(self.bare))
        git(self.bare, "config", "http.receivepack", "true")
        git(self.clone, "remote", "add", "origin", str(self.bare))
        self.lab.tick("fetch")
        self._environment = {KEY: "stand-in", "TELEGRAM_BOT_TOKEN": self.telegram.token}
        self._processes, self._cookies = dict[str, Any](), dict[str, str]()
        with open_migrated_database(self.lab.config) as db:
            db.cipher = make_cipher(self.lab.config, db)
            Users(db).record([User(person) for person in PEOPLE.values()])
            for name, person in PEOPLE.items():
                self._cookies[name] = SignIns(db).open(person, SignInMethod.CODE)[1]
        self.is_running, self._counter = threading.Event(), itertools.count(1)
        self.edits, self.faults, self.answers = set[str](), list[str](), Counter[str]()
        self._start(*KILLED)
        stack.callback(self._stop)

    def _start(self, *verbs: str) -> None:
        from tests.support.forked_processes import start

        for verb in verbs:
            if verb not in self._processes or not self._processes[verb].is_alive():
                log = self.lab.folder / f"{verb}.log"
                self._processes[verb] = start(verb, self.lab.path, log, **self._environment)

    def _stop(self) -> None:
        for process in self._processes.values():
            process.terminate()
            process.join()

    def query(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return rows of the database."""
        with open_database(self.lab.config.database, read_only=True) as database:
            return database.sql(query, *values)

    def _question(self) -> str:
        number = next(self._counter)
        return f"Что значит слово {number}, {chr(0x430 + number % 32) * 6}?"

    def _path(self) -> str:
        return f"{EXAMPLES}/q{self.rng.randrange(6)}"

    def _call(self, who: str, method: str, path: str, **sent: Any) -> Any:
        """Call as a person, again if it was killed; None if it stays away."""
        headers = {"Origin": self.url}
        cookies = {"merlin": self._cookies[who]}
        for _ in range(TRIES if self.is_running.is_set() else 1):
            with (
                suppress(httpx2.HTTPError),
                httpx2.Client(cookies=cookies, timeout=CALL_S) as client,
            ):
                answer = client.request(method, f"{self.url}{path}", headers=headers, **sent)
                self.answers[f"{method} {answer.status_code}"] += 1
                if answer.status_code not in BUSY:
                    return answer
            time.sleep(0.4)
        return None

    def _accept(self, who: str, method: str, path: str, **sent: Any) -> bool:
        """Call, and note the accepted edit; return whether there is one."""
        answer = self._call(who, method, path, **sent)
        place = "" if answer is None else answer.headers.get("location", "")
        edits = re.findall(r"(?:/changes/|changed=)(\w+)", place)
        self.edits |= {*edits}
        return bool(edits)

    def _read(self, who: str, path: str) -> dict[str, Any]:
        answer = self._call(who, "GET", path)
        return answer.json() if answer is not None and answer.is_success else {}

    def _find_edit(self, who: str, *states: str) -> dict[str, Any]:
        views = self._read(who, "/api/changes?limit=10").get("changes", [])
        return self.rng.choice([view for view in views if view["state"] in states] or [{}])

    def add(self, who: str) -> None:
        """Add an example through the API."""
        body = {"question": self._question(), "answer": "Да."}
        self._accept(who, "POST", f"/api{EXAMPLES}", json=body)

    def _read_example(self) -> ExampleView | None:
        """Return one of the contested examples as of the newest commit, None if it is away."""
        with (
            suppress(NotFound),
            open_database(self.lab.config.database, read_only=True) as database,
        ):
            return view_of(FileIndex(database).get("trial", self._path().rpartition("/")[2]))
        return None

    def _save(self, who: str, form: dict[str, Any], act: str = "") -> bool:
        once = {"once": f"{self.rng.getrandbits(128):032x}"}
        return self._accept(who, "POST", f"{EXAMPLES}{act}", data={**form, **once})

    def change(self, who: str) -> None:
        """Edit or delete on the page an example that was read before."""
        if example := self._read_example():
            time.sleep(self.rng.random())
            form = {"example": example.id, "revision": example.revision}
            if self.rng.random() < 0.15:
                self._save(who, form, "/remove")
            else:
                texts = {"question": example.question, "answer": f"Правка {next(self._counter)}."}
                self._save(who, form | texts)

    def undo(self, who: str) -> None:
        """Undo one of the last edits."""
        if view := self._find_edit(who, "committed"):
            form = {"once": f"{self.rng.getrandbits(128):032x}"}
            self._accept(who, "POST", f"/changes/{view['id']}/undo", data=form)

    def end(self, who: str) -> None:
        """Withdraw or retry an open edit."""
        view = self._find_edit(who, "waiting", "parked")
        path, state = f"/changes/{view.get('id')}", view.get("state")
        if state == "parked" and self.rng.random() < 0.7:
            self._call(who, "POST", f"{path}/retry")
        elif state:
            self._call(who, "POST", f"{path}/drop")

    def approve(self, who: str) -> None:
        """Approve or decline all proposals on the page, as the other admin may do at once."""
        draft = partial(Draft, answer="Да.", dataset="trial", model_id="m", origin="distil")
        with open_database(self.lab.config.database) as database:
            database.cipher = make_cipher(self.lab.config, database)
            Proposals(database).add_drafts([draft(self._question()) for _ in range(3)])
        numbers = [number for (number,) in self.query(_WAITING)]
        if self.rng.random() < 0.5:
            form = {"act": self.rng.choice(["approve", "approve", "decline"]), "proposal": numbers}
            self._accept(who, "POST", "/datasets/trial/proposals", data=form)

    def run_command(self, who: str) -> None:
        """Import by a command, which may be killed."""
        question, table = self._question(), self.lab.folder / f"{who}.csv"
        table.write_text(f'question,answer\n"{question}",Да.\nОбщий вопрос?,Один ответ.\n', "utf-8")
        arguments = ["import", str(table), "--dataset", "trial"]
        command = [sys.executable, "-m", "merlin", *arguments, "--json", "--config", self.lab.path]
        environment, pipe = {**os.environ, "MERLIN_LANGUAGE": "en"}, subprocess.PIPE
        process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)
        try:
            out, err = process.communicate(timeout=self.rng.choice([6, 90, 90]))
        except subprocess.TimeoutExpired:
            process.send_signal(self.rng.choice([signal.SIGINT, signal.SIGKILL]))
            out, err = process.communicate()
        self.answers[f"{arguments[0]} {process.returncode}"] += 1
        if "a bug in Merlin" in err or "Traceback" in err:
            self.faults.append(f"{arguments}: {err[-800:]}")
        if not process.returncode and (change := json.loads(out).get("change")):
            self.edits.add(change)

    def chat(self, who: str) -> None:
        """Press random buttons of the bot's screens about examples; type what it asks for."""
        self.telegram.say(who, "/examples")
        first, offered = list[str](), ["ex:home"]
        for _ in range(8):
            shown = self.telegram.answers(who)[-1:]
            with suppress(TimeoutError):
                self.telegram.wait_for(lambda: self.telegram.answers(who)[-1:] != shown, 3)  # noqa: B023 - called here
            for message in self.telegram.answers(who)[-3:]:
                keys = [key.get("callback_data", "") for row in message.keys for key in row]
                offered = [data for data in keys if data.startswith(_BUTTONS)] or offered
                first = [data for data in offered if data.startswith(_FIRST)]
            data = self.rng.choice(first or offered)
            self.answers[f"bot {data.split(':')[1]}"] += 1
            with suppress(MerlinError):
                self.telegram.press(who, data)
            if data.startswith(("ex:add", "ex:word", "ex:edit")):
                time.sleep(0.5)
                self.telegram.say(who, self._question())

    def push(self) -> None:
        """Push by hand; sometimes set the branch back, or remove and restore it."""
        branch, way = "refs/heads/main", self.rng.random()
        with suppress(Refused):  # somebody else pushed meanwhile, or the branch is away
            head = git(self.bare, "rev-parse", branch).strip()
            if way < 0.1:
                git(self.bare, "branch", f"before-{head}", head)  # its edits were committed
                git(self.bare, "update-ref", branch, f"{head}~{self.rng.randrange(1, 3)}", head)
            elif way < 0.15:
                git(self.bare, "update-ref", "-d", branch, head)
                time.sleep(self.rng.uniform(0.2, 3))
                git(self.bare, "update-ref", branch, head)
            else:
                git(self.clone, "fetch", "-q", "origin")
                git(self.clone, "reset", "-q", "--hard", "origin/main")
                text = f"messages:\n  - user: {self._question()}\n  - assistant: Рукой.\n"
                (self.clone / f"{self._path().lstrip('/')}.yaml").write_text(text, "utf-8")
                self.lab.repository.commit("By hand")
                git(self.clone, "push", "-q", "origin", "HEAD:main")

    def fail(self) -> None:
        """Let the git server fail for some seconds, or kill a process."""
        way, verb = self.rng.choice(["down", "drop", "refuse", "kill"]), self.rng.choice(KILLED)
        hook, process = self.bare / "hooks/pre-receive", self._processes[verb]
        if way == "kill":
            if not process.is_alive():
                self.faults.append(f"{verb} ended with {process.exitcode}")
            process.kill()
            process.join()
        elif way == "refuse":
            hook.write_text('#!/bin/sh\n[ -z "$REMOTE_USER" ]\n', "utf-8")
            hook.chmod(0o755)
        self.server.drops, self.server.is_down = int(way == "drop"), way == "down"
        time.sleep(self.rng.uniform(0, 2 if way == "kill" else 8))
        self._start(verb)
        hook.unlink(missing_ok=True)
        self.server.drops = self.server.is_down = 0

    def _repeat(self, acts: list[Callable[[], None]], pause_s: float) -> None:
        while self.is_running.is_set():
            try:
                self.rng.choice(acts)()
            except Exception as error:  # noqa: BLE001 - reported with the violations
                self.faults.append(f"{error!r}")
            time.sleep(self.rng.uniform(0.2, 1.5) * pause_s)

    def run_round(self, seconds: float) -> list[str]:
        """Race for so long; return the violations once all is quiet."""
        edit = [self.add, self.change, self.change, self.change, self.undo, self.end]
        loops: list[tuple[list[Callable[[], None]], float]] = [
            ([partial(act, who) for act in acts], 0.6)
            for who in PEOPLE
            for acts in (edit, [*edit, self.approve], [self.chat])
        ]
        loops += [
            ([partial(self.run_command, "vera")], 4.0),
            ([self.push], 2.0),
            ([self.fail], 3.0),
        ]
        self.is_running.set()
        threads = [threading.Thread(target=self._repeat, args=loop) for loop in loops]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self.is_running.clear()
        for thread in threads:
            thread.join()
        self._start(*KILLED)
        deadline = time.monotonic() + QUIET_S
        while pending := self._list_pending():
            if time.monotonic() > deadline:
                return [*self.faults, *pending]
            time.sleep(0.5)
        logs = [path.read_text("utf-8") for path in self.lab.folder.glob("*.log")]
        bugs = [log[log.index("Traceback") :][:2000] for log in logs if "Traceback" in log]
        found = check_edits(self.bare, self.query, self.edits)
        recorded = self.query("SELECT sha FROM seen_commit WHERE position > 0 ORDER BY position")
        line = git(self.bare, "rev-list", "--first-parent", "--reverse", "main").split()
        if [sha for (sha,) in recorded] != line:
            self.faults.append("recorded are other commits than the branch has")
        return [*self.faults, *bugs, *found]

    def _list_pending(self) -> list[str]:
        head = git(self.bare, "rev-parse", "main").strip()
        is_seen = self.query("SELECT 1 FROM seen_commit WHERE sha = ? AND position > 0", head)
        newest, serving = self.query(_NEWEST), self.query(_SERVING)
        left = [] if is_seen else ["the newest commit"]
        left += [] if newest == serving else [f"build {newest} does not serve, but {serving}"]
        return [*count_pending(self.query), *left]


def race(folder: Path, seconds: float, rounds: int, seed: int, *, on_postgresql: bool) -> list[str]:
    """Run rounds until one has violations; return them."""
    from tests.support import postgresql

    with ExitStack() as stack:
        database = None
        if on_postgresql:
            database = stack.enter_context(postgresql.run_server()).create("editors", "empty")
        editors, faults = Editors(folder, stack, seed, database), list[str]()
        while rounds and not faults:
            faults, rounds = editors.run_round(seconds), rounds - 1
            states = editors.query("SELECT state, reason, COUNT(*) FROM change GROUP BY 1, 2")
            print(f"{len(editors.edits)} edits accepted; {states}", flush=True)
        print(dict(sorted(editors.answers.items())))
        return faults
