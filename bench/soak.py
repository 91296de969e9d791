"""The whole demo under load and SIGKILL, with what must always hold looked at from the outside.

    python -m bench soak [--kills 1000] [--seed N] [--port 8800]

People ask in the chat and on the course's page, teachers push commits and add examples, somebody
buys. Meanwhile processes of the demo (supervisor and stand-ins too) are killed at random moments,
and one at a named kill point in each batch. After a batch the load stops, all becomes quiet, and
`bench.invariants` looks. A fault ends the run with 1; its folder stays.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx2

from bench.invariants import Said, look, rows, under_way
from merlin.account.sign_ins import SignInMethod, SignIns
from merlin.account.users import User, Users
from merlin.app import users
from merlin.app.actor import Actor
from merlin.config import load
from merlin.config.shop import Format
from merlin.core.clock import iso
from merlin.core.errors import Refused
from merlin.core.killpoint import POINTS
from merlin.sandbox.demo.check import answers_at
from merlin.sandbox.demo.place import Place, Ports, git
from merlin.sandbox.server import Deadline
from merlin.wiring.context import make_cipher, opened, writing_context

KILLS, A_BATCH = 1000, 20
QUIET_S, AFTER_S, CALL_S = 240.0, 2.0, 20.0
PEOPLE = {"anna": 1001, "boris": 1002, "vera": 1003}
# What nobody does in the load.
UNUSED = (
    "restore.",
    "erase.",
    "distil.",
    "broadcast.",
    "door.",
    "remove.",
    "engine.webhook",
    "gate.",
    "status.",
)
NAMED = tuple(point for point in POINTS if not point.startswith(UNUSED))
VERBS = ("stage", "engine", "daemon", "api", "bot")
PUSHED, EDITED, COURSE = "neurotypology", "python", 2
RETRIED = {429, 500, 502, 503}


@dataclass(frozen=True, slots=True)
class Process:
    """A process of the demo: its number and its verb, with "of " before it where it is a child."""

    pid: int
    name: str


@dataclass
class Demo:
    """A demo under a supervisor that is killed as well; `said` is what its people were promised."""

    place: Place
    said: Said = field(default_factory=Said)
    cookies: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self, point: str, mark: Path) -> None:
        """Start it; one process will end at a kill point. Return once its front page answers."""
        place = self.place
        words = ["--state", str(place.folder), "--port", str(place.ports.front)]
        crash = {"MERLIN_CRASH_AT": point, "MERLIN_CRASH_MARK": str(mark), "MERLIN_LANGUAGE": "ru"}
        with (place.folder.parent / "demo.log").open("ab") as log:
            command = [sys.executable, "-m", "merlin", "demo", *words]
            self.process = subprocess.Popen(
                command, env={**os.environ, **crash}, stdout=log, stderr=log
            )
        await_that("the demo is up", lambda: self.serves("stage", "") and self.serves("api", ""))

    def processes(self) -> list[Process]:
        """Return the processes below the supervisor."""
        assert self.process is not None
        found: dict[int, str] = {self.process.pid: ""}
        named, parents = [], dict(_parents())
        while more := {pid for pid, parent in parents.items() if parent in found} - found.keys():
            for pid in sorted(more):
                words = _command_line(pid)
                verb = next((word for word in words if word in VERBS), "")
                found[pid] = verb or f"of {found[parents[pid]].removeprefix('of ')}"
                named.append(Process(pid, found[pid]))
        return named

    def serves(self, verb: str, since: str) -> bool:
        """Return whether a process does its work, where that shows in a row: after `since`."""
        place = self.place
        pages = {"stage": place.front_url, "api": place.api_url}
        pages["engine"] = f"{place.engine_url}healthz"
        if verb in pages:
            return answers_at(pages[verb])
        words = "SELECT at FROM heartbeat WHERE process = ? AND at > ?"
        return bool(rows(place, words, verb, since))

    def call(self, person: str, path: str, **told: object) -> httpx2.Response | None:
        """Post to the api as a person; None: it was killed meanwhile."""
        headers = {"Origin": self.place.api_url.rstrip("/"), **told.pop("headers", {})}  # type: ignore[dict-item]
        with suppress(httpx2.HTTPError):
            return httpx2.post(
                f"{self.place.api_url}{path}",
                cookies={"merlin": self.cookies[person]},
                headers=headers,
                timeout=CALL_S,
                **told,  # type: ignore[arg-type]
            )
        return None

    def insist(
        self, person: str, path: str, is_on: threading.Event, body: object
    ) -> httpx2.Response | None:
        """Call with one Idempotency-Key until there is an answer; None: the load has ended."""
        headers = {"Idempotency-Key": f"{random.getrandbits(128):032x}"}
        for _ in itertools.count():
            answer = self.call(person, path, headers=headers, json=body)
            # 409: a killed call is still awaited, or the daemon is away and has not seen a commit.
            later = ("idempotency-running", "busy-file", "unseen-commit")
            is_later = answer is not None and any(each in answer.text for each in later)
            if answer is not None and not is_later and answer.status_code not in RETRIED:
                return answer
            if not is_on.is_set():
                return None
            time.sleep(0.3)
        return None


def _parents() -> Iterator[tuple[int, int]]:
    for task in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            if fields[0] != "Z":
                yield int(task.name), int(fields[1])


def _command_line(pid: int) -> list[str]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
    return []


def await_that(what: str, is_so: Callable[[], object], seconds: float = QUIET_S) -> None:
    """Wait until it is so. Raises TimeoutError."""
    deadline = Deadline(seconds)
    while not is_so():
        if deadline.is_over():
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.1)


class Load:
    """What people do to a demo until `stop`: each kind in a thread of its own."""

    def __init__(self, demo: Demo, seed: int) -> None:
        self.demo, self.is_on = demo, threading.Event()
        self.faults: list[str] = []
        self._rng = random.Random(seed)  # noqa: S311 - the same load for the same seed
        self._threads: list[threading.Thread] = []
        self._asked = itertools.count(1)

    def begin(self) -> None:
        """Begin every kind."""
        self.is_on.set()
        kinds = (self._chat, self._course, self._push, self._edit, self._buy, self._watch_serving)
        self._threads = [threading.Thread(target=kind, daemon=True) for kind in kinds]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop, once what was begun has an answer."""
        self.is_on.clear()
        for thread in self._threads:
            thread.join()

    def _until_stop(self, pause_s: float) -> Iterator[int]:
        while self.is_on.is_set():
            yield next(self._asked)
            time.sleep(self._rng.uniform(0.5, 1.5) * pause_s)

    def _question(self) -> str:
        pushed = [Path(path).stem for path in tuple(self.demo.said.pushed)]
        return f"Что такое пример номер {self._rng.choice(pushed or ['0'])}?"

    def _chat(self) -> None:
        url = f"{self.demo.place.chat_url}control/send"
        for _ in self._until_stop(0.8):
            body = {"person": self._rng.choice([*PEOPLE]), "text": self._question()}
            with suppress(httpx2.HTTPError):
                answer = httpx2.post(url, json=body, timeout=CALL_S)
                if answer.is_success:
                    self.demo.said.updates.add(answer.json()["update_id"])

    def _course(self) -> None:
        for _ in self._until_stop(2.0):
            self.demo.call("anna", f"courses/{COURSE}/chat", data={"q": self._question()})

    def _push(self) -> None:
        place = self.demo.place
        clone = place.folder.parent / "clone"
        if not clone.exists():
            git(place.folder, "clone", "-q", str(place.repository), str(clone))
        for number in self._until_stop(8.0):
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
            self.demo.said.pushed[path] = git(clone, "rev-parse", f"HEAD:{path}").strip()

    def _edit(self) -> None:
        for number in self._until_stop(8.0):
            answer = f"Пример {number} со страницы."
            body = {"question": f"Зачем нужен пример {number}?", "answer": answer}
            done = self.demo.insist("boris", f"api/datasets/{EDITED}/examples", self.is_on, body)
            if done is not None and done.status_code == 202:
                self.demo.said.edits.add(done.json()["id"])
            elif done is not None:
                self.faults.append(f"an edit was answered {done.status_code}: {done.text[:200]}")

    def _buy(self) -> None:
        shop = f"{self.demo.place.shop_url}control/choose"
        for number in self._until_stop(5.0):
            wanted = {"plan": "voices", "contact": "anna@example.com"}
            done = self.demo.insist("anna", "api/orders", self.is_on, wanted)
            if done is None:
                continue
            if not done.is_success:
                self.faults.append(f"an order was answered {done.status_code}: {done.text[:200]}")
                continue
            order = done.json()["id"]
            self.demo.said.orders.add(order)
            self.demo.insist("anna", f"api/orders/{order}/pay", self.is_on, {})
            outcome = "declined" if number % 4 == 0 else "paid"
            with suppress(httpx2.HTTPError):
                httpx2.post(shop, json={"payment": order, "outcome": outcome}, timeout=CALL_S)
            if number % 3 == 0:
                body = {"reason": "не подошло"}
                self.demo.insist("vera", f"api/payments/{order}/refund", self.is_on, body)

    def _watch_serving(self) -> None:
        seen: set[str] = set()
        words = "SELECT dataset, COUNT(*) FROM serving GROUP BY dataset"
        while self.is_on.is_set():
            counts = dict(rows(self.demo.place, words))
            if counts and (seen - counts.keys() or max(counts.values()) > 1):
                self.faults.append(f"serving models: {counts}, before {sorted(seen)}")
            seen |= counts.keys()
            time.sleep(0.2)


@dataclass
class Kills:
    """Kills processes of a demo at random; counts who, and how long until each served again."""

    demo: Demo
    rng: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    back_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def kill_some(self, number: int) -> None:
        """Kill so many; every other time wait until the process serves again."""
        for each in range(number):
            time.sleep(self.rng.uniform(0.1, 3.0))
            # Children of children are killed rarely: most of them live for one task.
            verb = self.rng.choice((*VERBS, "of"))
            alive = [one for one in self.demo.processes() if one.name.startswith(verb)]
            if not alive:
                alive = self.demo.processes()
            victim = self.rng.choice(alive)
            at, began = iso(datetime.now(UTC)), time.monotonic()
            with suppress(ProcessLookupError):
                os.kill(victim.pid, signal.SIGKILL)
                self.counts[victim.name] += 1
            if victim.name in VERBS and each % 2:
                verb = victim.name
                await_that(f"{verb} serves", lambda: self.demo.serves(verb, at))  # noqa: B023 - called at once
                self.back_s[verb].append(time.monotonic() - began)

    def kill_all(self) -> list[str]:
        """Kill the supervisor; return what did not go with it."""
        assert self.demo.process is not None
        below = [process.pid for process in self.demo.processes()]
        self.demo.process.kill()
        self.demo.process.wait()
        self.counts["supervisor"] += 1
        with suppress(TimeoutError):
            await_that(
                "all end", lambda: not any(Path(f"/proc/{pid}").exists() for pid in below), 10
            )
        return [
            f"process {pid} is left: {_command_line(pid)}" for pid in below if _command_line(pid)
        ]


def _prepare(demo: Demo) -> None:
    """Sign the people in and let them ask without end."""
    config = load(demo.place.config)
    with opened(config) as database:
        database.cipher = make_cipher(config)
        Users(database).record_authors([User(person) for person in PEOPLE.values()])
        for name, number in PEOPLE.items():
            demo.cookies[name] = SignIns(database).open(number, SignInMethod.CODE, "soak")[1]
    with writing_context(config) as ctx:
        for number in PEOPLE.values():
            users.give_plan(ctx, Actor.operator(), number, "plus", 30)
            users.give_questions(ctx, Actor.operator(), number, Format.TEXT, 100_000)


def _measure(demo: Demo) -> str:
    """Return memory and open files of all processes, and what lies on the disk."""
    memory = files = 0
    for process in demo.processes():
        with suppress(OSError):
            pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
            memory += pages * os.sysconf("SC_PAGE_SIZE")
            files += len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
    kept = [
        path.stat().st_size for path in (demo.place.folder / "state").rglob("*") if path.is_file()
    ]
    return f"{memory / 1e6:.0f} MB, {files} handles, {sum(kept) / 1e6:.1f} MB in {len(kept)} files"


def run(words: Sequence[str] = ()) -> None:
    """Print a line a batch, and at the end who was killed and how soon each served again."""
    options = argparse.ArgumentParser(prog="python -m bench soak")
    options.add_argument("--kills", type=int, default=KILLS)
    options.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311
    options.add_argument("--port", type=int, default=8800, help="the first of six")
    args = options.parse_args(words)
    print(f"seed {args.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="merlin-soak-"))
    faults = soak(folder, args.kills, args.seed, args.port)
    if faults:
        sys.exit("\n".join([*faults, f"all lies in {folder}"]))
    shutil.rmtree(folder)


def soak(folder: Path, kills: int, seed: int, port: int) -> list[str]:
    """Kill so many processes; return what is wrong after the first batch in which something is."""
    (folder / "demo").mkdir()
    demo = Demo(Place(folder / "demo", Ports.from_first(port)))
    rng, load = random.Random(seed), Load(demo, seed)  # noqa: S311 - the same for the same seed
    slayer = Kills(demo, rng)
    reached, batch = 0, 0
    while sum(slayer.counts.values()) < kills:
        batch += 1
        point, mark = rng.choice(NAMED), folder / f"crashed-{batch}"
        demo.start(point, mark)
        if batch == 1:
            await_that("every course is taught", lambda: not under_way(demo.place, demo.said))
            _prepare(demo)
            # No work tree: of two pushes at once git leaves half of one there (receive-pack's
            # updateInstead), as it would of one that is killed.
            git(demo.place.repository, "config", "core.bare", "true")
        load.begin()
        slayer.kill_some(A_BATCH)
        load.stop()
        faults = load.faults + _quiet(demo)
        reached += mark.exists()
        slayer.counts["at a named point"] += mark.exists()
        print(
            f"batch {batch}: {sum(slayer.counts.values())} kills, {point}"
            f" {'reached' if mark.exists() else 'not reached'}; {_measure(demo)}",
            flush=True,
        )
        faults += slayer.kill_all()
        if faults:
            return faults
    said = demo.said
    print(
        f"{len(said.updates)} questions in the chat, {len(said.pushed)} commits,"
        f" {len(said.edits)} edits, {len(said.orders)} orders; killed: {dict(slayer.counts)}"
    )
    for verb, times in slayer.back_s.items():
        last = statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0]
        half = statistics.median(times)
        print(f"{verb} serves again after {half:.1f} s, p95 {last:.1f} s ({len(times)})")
    return []


def _quiet(demo: Demo) -> list[str]:
    """Wait until nothing is under way; return what never ended, else what is wrong."""
    left: list[str] = []

    def is_quiet() -> bool:
        # Whoever has paid returns to the order's page, which asks YooKassa.
        for (order,) in rows(demo.place, "SELECT id FROM purchase WHERE state = 'pending'"):
            with suppress(httpx2.HTTPError):
                url = f"{demo.place.api_url}orders/{order}"
                httpx2.get(url, cookies={"merlin": demo.cookies["anna"]}, timeout=CALL_S)
        left[:] = under_way(demo.place, demo.said)
        return not left

    try:
        await_that("all is quiet", is_quiet)
        time.sleep(AFTER_S)  # what has just ended is told to people
        await_that("all is quiet", is_quiet)
    except TimeoutError as error:
        return [str(error), *left]
    return list(look(demo.place, demo.said))
