"""Run the whole demo under load and SIGKILL, and check its invariants from outside.

    python -m bench soak [--kills 1000] [--seed N] [--port 8800]
    python -m bench soak --hours 24 [--pause 20]

People ask in the chat and on the course's page, teachers push commits and add examples, somebody
buys. Meanwhile processes of the demo (including supervisor and stand-ins) are killed at random, and
one crashes at a kill point in each batch. After a batch the load stops, everything is processed,
and `bench.invariants` checks the result. A violation ends the run with 1; its folder is kept.
Ctrl+C ends it with 130 and leaves nothing. With `--hours` nothing is killed: each half hour prints
the memory and the open files of each process, and the size of the state.
"""

import argparse
import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import psutil

from bench.invariants import (
    Promises,
    end_payment,
    find_violations,
    list_pending,
    query_rows,
)
from merlin.account.sign_ins import SignInMethod, SignIns
from merlin.account.users import User, Users
from merlin.app import users
from merlin.app.actor import Actor
from merlin.billing.quota import QuestionPack, QuestionPacks
from merlin.config.reading import load
from merlin.config.shop import Format
from merlin.core.clock import iso
from merlin.core.errors import Refused
from merlin.sandbox.demo.place import DemoFolder, Ports, git
from merlin.wiring.context import (
    make_cipher,
    open_migrated_database,
    open_writing_context,
)
from tests.support.kill_points import POINTS
from tests.support.waiting import wait_until

KILLS = 1000
BATCH_SIZE = 20
PAUSE = 20.0
REPORT_S = 1800.0
QUIET_S = 240.0
AFTER_S = 2.0
CALL_S = 20.0
PEOPLE = {"anna": 1001, "boris": 1002, "vera": 1003}
# Kill points that the load does not reach.
UNREACHED = re.compile(
    "(restore|erase|distil|completion|remove|gate|status)[.]|placeholder[.]sent"
)
TESTED_POINTS = [point for point in POINTS if not UNREACHED.match(point)]
VERBS = ("engine", "daemon", "api", "bot")
PUSHED = "neurotypology"
EDITED = "python"
COURSE = 2
RETRIED = {429, 500, 502, 503}


@dataclass
class Demo:
    """A demo; `promises` are the accepted inputs, which must not be lost."""

    place: DemoFolder
    promises: Promises = field(default_factory=Promises)
    cookies: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> None:
        """Start it; wait until its pages respond."""
        place = self.place
        options = ["--state", str(place.folder), "--port", str(place.ports.front)]
        environment = {**os.environ, "MERLIN_LANGUAGE": "ru", **environment}
        with (place.folder.parent / "demo.log").open("ab") as log:
            command = [sys.executable, "-m", "merlin", "demo", *options]
            self.process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log
            )
        wait_until(lambda: self.is_serving("api", ""), QUIET_S)

    def processes(self) -> dict[int, str]:
        """Return the processes below the supervisor by pid.

        A name is the command, or "of " and the command of the parent.
        """
        assert self.process is not None
        names_by_pid: dict[int, str] = {}
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                parent = names_by_pid.get(child.ppid(), "").removeprefix("of ")
                verb = next((word for word in child.cmdline() if word in VERBS), "")
                names_by_pid[child.pid] = verb or f"of {parent}"
        return names_by_pid

    def close(self) -> list[str]:
        """Kill the supervisor; return the processes that did not end with it."""
        if self.process is None:
            return []
        process = self.process
        self.process = None
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        _, alive = psutil.wait_procs(children, timeout=10)
        return [
            f"process {child.pid} is left"
            for child in alive
            if child.is_running() and child.status() != psutil.STATUS_ZOMBIE
        ]

    def is_serving(self, verb: str, since: str) -> bool:
        """Return whether a process responds, or has written a heartbeat after `since`."""
        place = self.place
        pages = {"api": place.api_url, "engine": f"{place.engine_url}healthz"}
        if verb in pages:
            with suppress(httpx2.HTTPError):
                return httpx2.get(pages[verb], timeout=CALL_S).is_success
            return False
        query = "SELECT at FROM heartbeat WHERE process = ? AND at > ?"
        return bool(query_rows(place, query, verb, since))

    def post(self, person: str, path: str, **content: object) -> httpx2.Response | None:
        """Post to the API as a person; None if it was killed meanwhile."""
        headers = {"Origin": self.place.api_url.rstrip("/")}
        session = httpx2.Client(
            cookies={"merlin": self.cookies[person]}, headers=headers, timeout=CALL_S
        )
        with session, suppress(httpx2.HTTPError):
            return session.post(f"{self.place.api_url}{path}", **content)  # type: ignore[arg-type]
        return None

    def call_until_answered(
        self, person: str, path: str, is_running: threading.Event, **content: object
    ) -> httpx2.Response | None:
        """Repeat a call until it is answered; None after the load."""
        while True:
            answer = self.post(person, path, **content)
            if answer is not None and not _is_too_early(answer):
                return answer
            if not is_running.is_set():
                return None
            time.sleep(0.3)


def _is_too_early(answer: httpx2.Response) -> bool:
    """Return whether a call is repeated; 409: the daemon has not seen a commit yet."""
    is_unseen = re.search("busy-file|unseen-commit", answer.text)
    return bool(is_unseen) or answer.status_code in RETRIED


class Load:
    """The load of a demo until `stop`; each kind runs in its own thread.

    `pause` multiplies the time between two calls.
    """

    def __init__(self, demo: Demo, seed: int, pause: float = 1.0) -> None:
        self.demo = demo
        self.is_running = threading.Event()
        self._pause = pause
        self._stopped = threading.Event()
        self.faults: list[str] = []
        self._rng = random.Random(seed)  # noqa: S311 - the same load for the same seed
        self._threads: list[threading.Thread] = []
        self._counter = itertools.count(1)

    def start_threads(self) -> None:
        """Start all kinds of load."""
        self.is_running.set()
        self._stopped.clear()
        kinds = (
            self._chat,
            self._course,
            self._push,
            self._edit,
            self._buy,
            self._watch_serving,
        )
        self._threads = [threading.Thread(target=kind, daemon=True) for kind in kinds]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop after the current calls have been answered."""
        self.is_running.clear()
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, pause_s: float) -> Iterator[int]:
        while self.is_running.is_set():
            yield next(self._counter)
            self._stopped.wait(self._rng.uniform(0.5, 1.5) * self._pause * pause_s)

    def _question(self) -> str:
        pushed = [Path(path).stem for path in tuple(self.demo.promises.pushed)]
        return f"Что такое пример номер {self._rng.choice(pushed or ['0'])}?"

    def _call(
        self, person: str, path: str, **content: object
    ) -> httpx2.Response | None:
        return self.demo.call_until_answered(person, path, self.is_running, **content)

    def _note_fault(self, what: str, answer: httpx2.Response) -> None:
        self.faults.append(f"{what}: {answer.status_code} {answer.text[:200]}")

    def _chat(self) -> None:
        url = f"{self.demo.place.chat_url}control/send"
        for _ in self._repeat(0.8):
            body = {"person": self._rng.choice([*PEOPLE]), "text": self._question()}
            with suppress(httpx2.HTTPError):
                answer = httpx2.post(url, json=body, timeout=CALL_S)
                if answer.is_success:
                    self.demo.promises.updates.add(answer.json()["update_id"])

    def _course(self) -> None:
        for _ in self._repeat(2.0):
            path = f"courses/{COURSE}/chat"
            self.demo.post("anna", path, data={"q": self._question()})

    def _push(self) -> None:
        place = self.demo.place
        clone = place.folder.parent / "clone"
        if not clone.exists():
            git(place.folder, "clone", "-q", str(place.repository), str(clone))
        for number in self._repeat(8.0):
            path = f"datasets/{PUSHED}/examples/soak/{number}.yaml"
            (clone / path).parent.mkdir(exist_ok=True)
            text = f"Что такое пример номер {number}?\n- assistant: Пример {number} из коммита."
            (clone / path).write_text(f"messages:\n- user: {text}\n", encoding="utf-8")
            git(clone, "add", "-A")
            git(clone, "commit", "-q", "-m", f"Add example {number}")
            while True:
                with suppress(Refused):  # Merlin pushed meanwhile
                    git(clone, "pull", "-q", "--rebase")
                    git(clone, "push", "-q", "origin", "HEAD:main")
                    break
            blob = git(clone, "rev-parse", f"HEAD:{path}")
            self.demo.promises.pushed[path] = blob.strip()

    def _edit(self) -> None:
        for number in self._repeat(8.0):
            answer = f"Пример {number} со страницы."
            body = {"question": f"Зачем нужен пример {number}?", "answer": answer}
            path = f"api/datasets/{EDITED}/examples"
            done = self._call("boris", path, json=body)
            if done is not None and done.status_code == 202:
                self.demo.promises.edits.add(done.json()["id"])
            elif done is not None:
                self._note_fault("an edit", done)

    def _buy(self) -> None:
        price = load(self.demo.place.config).plans["voices"].rub
        assert price is not None
        form = {"price": price.minor, "contact": "anna@example.com"}
        for number in self._repeat(5.0):
            done = self._call("anna", "checkout/voices", data=form)
            if done is None:
                continue
            if not done.has_redirect_location:
                self._note_fault("an order", done)
                continue
            order = done.headers["location"].split("/")[2][:32]
            self.demo.promises.orders.add(order)
            outcome = "declined" if number % 4 == 0 else "paid"
            with suppress(httpx2.HTTPError):
                end_payment(self.demo.place, order, outcome)
            if number % 3 == 0:
                self._refund(order)

    def _refund(self, order: str) -> None:
        """Refund an order on its page if it is paid by now."""
        query = "SELECT id FROM ledger WHERE purchase_id = ? AND kind = 'grant'"
        for (grant,) in query_rows(self.demo.place, query, order):
            form = {
                "once": order,
                "grant": grant,
                "sure": "true",
                "reason": "не подошло",
            }
            self._call("vera", f"admin/billing/{order}/refund", data=form)

    def _watch_serving(self) -> None:
        known_datasets: set[str] = set()
        query = "SELECT dataset, COUNT(*) FROM serving GROUP BY dataset"
        while self.is_running.is_set():
            counts = dict(query_rows(self.demo.place, query))
            if counts and (known_datasets - counts.keys() or max(counts.values()) > 1):
                self.faults.append(
                    f"serving models: {counts}, before {sorted(known_datasets)}"
                )
            known_datasets |= counts.keys()
            time.sleep(0.2)


@dataclass
class Killer:
    """Kills random processes of a demo, and counts them."""

    demo: Demo
    rng: random.Random
    counts: Counter[str] = field(default_factory=Counter)

    def kill_some(self, number: int) -> None:
        """Kill this number of processes; every other time wait until the process serves again."""
        for index in range(number):
            time.sleep(self.rng.uniform(0.1, 3.0))
            # Children of the four processes are killed rarely: most run only for one task.
            verb = self.rng.choice((*VERBS, "of"))
            alive = [*self.demo.processes().items()]
            wanted = [(pid, name) for pid, name in alive if name.startswith(verb)]
            pid, name = self.rng.choice(wanted or alive)
            killed_at = iso(datetime.now(UTC))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.counts[name] += 1
            if name in VERBS and index % 2:
                wait_until(lambda: self.demo.is_serving(name, killed_at), QUIET_S)  # noqa: B023 - called at once


def _sign_in_people(demo: Demo) -> None:
    """Sign the people in and give them enough questions."""
    config = load(demo.place.config)
    with open_migrated_database(config) as database:
        database.cipher = make_cipher(config, database)
        Users(database).record([User(person) for person in PEOPLE.values()])
        for name, number in PEOPLE.items():
            demo.cookies[name] = SignIns(database).open(number, SignInMethod.CODE)[1]
    with open_writing_context(config) as ctx:
        for number in PEOPLE.values():
            users.give_plan(ctx, Actor.operator(), number, "plus", 30)
            QuestionPacks(ctx.db).add(
                QuestionPack(number, Format.TEXT, 100_000, f"soak:{number}")
            )


def _describe_usage(demo: Demo) -> str:
    """Return memory and open files of each process, size and files of the state folder."""
    usage = []
    for pid, name in demo.processes().items():
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            memory_mb = process.memory_info().rss / 1e6
            usage.append(f"{name} {memory_mb:.0f} MB, {process.num_fds()} files")
    file_sizes = []
    for path in (demo.place.folder / "state").rglob("*"):
        with suppress(FileNotFoundError):
            file_sizes.append(path.stat().st_size)
    usage.append(f"state {sum(file_sizes) / 1e6:.0f} MB, {len(file_sizes)} files")
    return "; ".join(usage)


def run(arguments: Sequence[str] = ()) -> None:
    """Print a line for each batch, and finally the kills."""
    options = argparse.ArgumentParser(prog="python -m bench soak")
    options.add_argument("--kills", type=int, default=KILLS)
    options.add_argument("--hours", type=float, help="run without kills for so long")
    options.add_argument(
        "--pause", type=float, default=PAUSE, help="factor of the pauses"
    )
    options.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311
    options.add_argument("--port", type=int, default=8800, help="the first of six")
    args = options.parse_args(arguments)
    print(f"seed {args.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="merlin-soak-"))
    (folder / "demo").mkdir()
    try:
        with closing(
            Demo(DemoFolder(folder / "demo", Ports.from_first(args.port)))
        ) as demo:
            if args.hours is None:
                faults = soak(demo, args.kills, args.seed)
            else:
                faults = endure(demo, args.hours, Load(demo, args.seed, args.pause))
    except KeyboardInterrupt:
        shutil.rmtree(folder)
        sys.exit(130)
    if faults:
        sys.exit("\n".join([*faults, f"the state is in {folder}"]))
    shutil.rmtree(folder)


def soak(demo: Demo, kills: int, seed: int) -> list[str]:
    """Kill this number of processes; return the violations after the first batch with any."""
    rng = random.Random(seed)  # noqa: S311 - the same for the same seed
    load = Load(demo, seed)
    killer = Killer(demo, rng)
    batch = 0
    while sum(killer.counts.values()) < kills:
        batch += 1
        point = rng.choice(TESTED_POINTS)
        mark = demo.place.folder.parent / f"crashed-{batch}"
        demo.start(MERLIN_CRASH_AT=point, MERLIN_CRASH_MARK=str(mark))
        if batch == 1:
            _prepare(demo)
        load.start_threads()
        try:
            killer.kill_some(BATCH_SIZE)
        finally:
            load.stop()
        faults = load.faults + _wait_and_check(demo)
        is_reached = mark.with_name(f"{mark.name}.{point}").exists()
        killer.counts["at a named point"] += is_reached
        print(
            f"batch {batch}: {sum(killer.counts.values())} kills, {point}"
            f" {'reached' if is_reached else 'not reached'};"
            f" {_describe_usage(demo)}",
            flush=True,
        )
        faults += demo.close()
        killer.counts["supervisor"] += 1
        if faults:
            return faults
    print(f"{_describe_load(demo.promises)}; killed: {dict(killer.counts)}")
    return []


def endure(demo: Demo, hours: float, load: Load) -> list[str]:
    """Run under load for so long, without kills; return the violations at its end."""
    demo.start()
    _prepare(demo)
    load.start_threads()
    started_at = time.monotonic()
    duration_s = 0.0
    try:
        while duration_s < hours * 3600 and not load.faults:
            time.sleep(min(REPORT_S, hours * 3600 - duration_s))
            duration_s = time.monotonic() - started_at
            done = f"{duration_s / 3600:.2f} h: {_describe_load(demo.promises)}"
            print(f"{done}; {_describe_usage(demo)}", flush=True)
    finally:
        load.stop()
    return load.faults + _wait_and_check(demo) + demo.close()


def _prepare(demo: Demo) -> None:
    """Wait until every course is trained; then sign the people in and let them push."""
    wait_until(lambda: not list_pending(demo.place, demo.promises), QUIET_S)
    _sign_in_people(demo)
    # Without a work tree: with receive-pack's updateInstead two concurrent pushes, or a killed one,
    # would leave it half updated.
    git(demo.place.repository, "config", "core.bare", "true")


def _describe_load(promises: Promises) -> str:
    return (
        f"{len(promises.updates)} questions in the chat, {len(promises.pushed)} commits,"
        f" {len(promises.edits)} edits, {len(promises.orders)} orders"
    )


def _wait_and_check(demo: Demo) -> list[str]:
    """Wait until nothing is pending; return what stays pending, else the violations."""
    pending: list[str] = []

    def is_quiet() -> bool:
        # After paying, people return to the order's page, which polls YooKassa.
        for (order,) in query_rows(
            demo.place, "SELECT id FROM purchase WHERE state = 'pending'"
        ):
            with suppress(httpx2.HTTPError):
                url = f"{demo.place.api_url}orders/{order}"
                httpx2.get(
                    url, cookies={"merlin": demo.cookies["anna"]}, timeout=CALL_S
                )
        pending[:] = list_pending(demo.place, demo.promises)
        return not pending

    try:
        wait_until(is_quiet, QUIET_S)
        time.sleep(AFTER_S)  # notices about the last events are sent
        wait_until(is_quiet, QUIET_S)
    except AssertionError as error:
        return [str(error), *pending]
    return list(find_violations(demo.place, demo.promises))
