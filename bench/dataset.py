"""Datasets at size: whole commands, a daemon that follows changes, its memory and locks.

`python -m bench dataset [ROW…]`. Real repositories in git, the real commands, the real daemon on
SQLite. The peer is `check-jsonschema` (on the PATH, else its row says that it is not there), which
checks the same files by the same schema and neither counts tokens nor builds.
"""

from __future__ import annotations

import logging
import os
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import structlog

from bench.chat_figures import Figure, format_row
from merlin.dataset.spec import schema_text

ROOT = Path(__file__).parents[1]
RUNS = 3
FEW, SOME, MANY = 1_000, 10_000, 100_000
DATASET = """\
title: {ru: Проба, en: Trial}
system: Отвечай коротко.
recipe: {provider: engine, base_model: recall}
"""
CONFIG = """\
state_dir: {state}
repository: {{url: {repository}, interval_s: 600}}
"""
MAX_DURATION_S = 300.0


def run(words: Sequence[str] = ()) -> None:
    """Print each row as soon as it is measured."""
    for name in words or ROWS:
        if name not in ROWS:
            sys.exit(f"no row {name}; there are {', '.join(ROWS)}")
        for figure in ROWS[name]():
            print(format_row(figure), flush=True)


@dataclass(frozen=True, slots=True)
class Place:
    """A repository with one dataset, and the configuration of a Merlin that follows it."""

    folder: Path

    @property
    def repository(self) -> Path:
        """Return the folder of the repository."""
        return self.folder / "repository"

    @property
    def examples(self) -> Path:
        """Return the folder of the dataset's examples."""
        return self.repository / "datasets" / "trial" / "examples"

    def merlin(self, *words: str) -> list[str]:
        """Return a command of Merlin's."""
        return [sys.executable, "-m", "merlin", *words, "--config", str(self.folder / "config")]

    def commit(self, number: int) -> None:
        """Let one example say something else, and commit it."""
        changed = self.examples / "0" / "e0.yaml"
        (turns,) = make_turns(1, seed=100 + number)
        changed.write_text(_example(*turns), "utf-8")
        named = ("-c", "user.name=boris", "-c", "user.email=boris@example.com")
        self.git(*named, "commit", "-qam", f"Change {number}")

    def git(self, *words: str, feed: bytes = b"") -> None:
        """Carry out a command of git's in the repository."""
        subprocess.run(["git", "-C", str(self.repository), *words], input=feed, check=True)

    def builds(self) -> int:
        """Return how many builds lie on the disk."""
        return len([*(self.folder / "state" / "builds").glob("trial/[0-9]*")])

    def verdicts(self) -> int:
        """Return how many verdicts are stored."""
        path = self.folder / "state" / "merlin.db"
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(path)) as database:
            return int(database.execute("SELECT COUNT(*) FROM verdict").fetchone()[0])
        return 0  # the daemon makes its tables just now


@contextmanager
def repository(examples: int) -> Iterator[Place]:
    """Yield a repository of so many examples of 40 words, a hundred folders of them."""
    with tempfile.TemporaryDirectory(prefix="merlin-bench-") as folder:
        place = Path(folder)
        subprocess.run(["git", "init", "-qb", "main", str(place / "repository")], check=True)
        made = Place(place)
        state = place / "state"
        text = CONFIG.format(state=state, repository=made.repository)
        (place / "config").write_text(text, "utf-8")
        made.git("fast-import", "--quiet", feed=b"".join(_import(examples)))
        made.git("reset", "-q", "--hard")
        yield made


def _import(examples: int) -> Iterator[bytes]:
    yield b"commit refs/heads/main\ncommitter boris <boris@example.com> 1700000000 +0000\n"
    yield b"data 5\nBegin\n"
    files = (
        (f"examples/{number % 100}/e{number}.yaml", _example(*turns))
        for number, turns in enumerate(make_turns(examples))
    )
    for path, words in (("dataset.yaml", DATASET), *files):
        content = words.encode()
        head = f"M 100644 inline datasets/trial/{path}\ndata {len(content)}\n".encode()
        yield head + content + b"\n"


def make_turns(count: int, seed: int = 1) -> Iterator[tuple[str, str]]:
    """Yield so many questions and answers of made-up Russian-looking words."""
    rng = random.Random(seed)  # noqa: S311 - the same corpus every time
    letters = "абвгдежзиклмнопрстуфхцчшэюя"
    words = ["".join(rng.choices(letters, k=rng.randint(3, 10))) for _ in range(4000)]
    for number in range(count):
        question = " ".join(rng.choices(words, k=8))
        answer = " ".join(rng.choices(words, k=30))
        yield f"{question} {number}?", f"{answer}."


def _example(question: str, answer: str) -> str:
    return f"messages:\n  - user: {question}\n  - assistant: {answer}\n"


def _timed(command: Sequence[str]) -> float:
    started_at = time.perf_counter()
    quiet = subprocess.DEVNULL
    subprocess.run(command, env=_environment(), stdout=quiet, stderr=quiet, check=True)
    return time.perf_counter() - started_at


def _environment() -> dict[str, str]:
    values = {key: each for key, each in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**values, "PYTHONPATH": str(ROOT)}


def whole() -> list[Figure]:
    """Check and build 10,000, nothing known yet, against check-jsonschema on the same files."""
    with repository(SOME) as place:
        commands = {
            "check": [sys.executable, "-m", "merlin", "check", str(place.repository)],
            "check, tokens, build": place.merlin("build", "trial"),
        }
        took: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(RUNS):
            shutil.rmtree(place.folder / "state", ignore_errors=True)
            for name, command in commands.items():
                took[name].append(_timed(command))
        ours = {name: statistics.median(each) for name, each in took.items()}
        peer = shutil.which("check-jsonschema")
        if peer is None:
            lacks = "check-jsonschema is not there"
            return [_seconds(f"10,000: {name}; {lacks}", value) for name, value in ours.items()]
        rules = place.folder / "example.schema.json"
        rules.write_text(schema_text("example"), "utf-8")
        files = [str(path) for path in place.examples.rglob("*.yaml")]
        theirs = statistics.median(
            _timed([peer, "--schemafile", str(rules), *files]) for _ in range(RUNS)
        )
    bounds = (0.25, 0.12)
    return [
        Figure.ratio(f"10,000: {name}", {"s": value}, {"s": theirs}, "s", *bounds, is_less=True)
        for name, value in ours.items()
    ]


def _seconds(what: str, value: float, least: float = 0.0, aim: float = 0.0) -> Figure:
    return Figure.at_most(what, {"s": value}, "s", least, aim)


def large() -> list[Figure]:
    """Let a daemon meet 10,000 and 100,000 examples, then one that changed."""
    cold, peak, changed, held = {}, {}, {}, 0.0
    for count in (SOME, MANY):
        with repository(count) as place, _daemon(place) as process:
            with _lock_watch(place) as watch:
                cold[count] = _until_built(place, 1)
            held = watch.longest_s
            _until_followed(place)
            took = []
            for number in range(1, RUNS + 1):
                place.commit(number)
                took.append(_asked(place, number + 1))
            changed[count] = statistics.median(took)
            peak[count] = _peak_mb(process.pid)
    return [
        _seconds("100,000, first build against 10,000", cold[MANY] / cold[SOME], 8, 5),
        Figure.at_most("100,000, daemon's peak", {"mb": peak[MANY]}, "mb", 350, 200),
        _seconds("10,000, one changed: verdict and files", changed[SOME]),
        _seconds("100,000, one changed: verdict and files", changed[MANY], 0.5, 0.12),
        _seconds("100,000, longest hold of the database's lock", held, 0.1, 0.03),
        _seconds("100,000, first build", cold[MANY]),
    ]


@contextmanager
def _daemon(place: Place) -> Iterator[subprocess.Popen[bytes]]:
    quiet = subprocess.DEVNULL
    command = place.merlin("daemon")
    process = subprocess.Popen(command, env=_environment(), stdout=quiet, stderr=quiet)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _until_built(place: Place, builds: int) -> float:
    """Return how long it takes until so many verdicts are stored and builds lie there."""
    started_at = time.perf_counter()
    while True:
        is_there = (place.folder / "state" / "merlin.db").exists()
        if is_there and place.builds() >= builds and place.verdicts() >= builds:
            return time.perf_counter() - started_at
        if time.perf_counter() - started_at > MAX_DURATION_S:
            raise TimeoutError("the daemon does not build")
        time.sleep(0.005)


def _until_followed(place: Place) -> None:
    """Wait until the daemon has written what people search: it is at that beside the builds."""
    with closing(sqlite3.connect(place.folder / "state" / "merlin.db", timeout=60)) as database:
        asked = "SELECT count(*) FROM dataset_tree WHERE tree <> ''"
        while not database.execute(asked).fetchone()[0]:
            time.sleep(0.1)


def _asked(place: Place, builds: int) -> float:
    """Ask the daemon to fetch by a command that does not wait; return when the build is there."""
    command = subprocess.Popen(
        place.merlin("build", "trial", "--no-wait"), env=_environment(), stdout=subprocess.DEVNULL
    )
    command.wait()
    return _until_built(place, builds)


def _peak_mb(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text("utf-8")
    line = next(splitline for splitline in text.splitlines() if splitline.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


class _LockWatch(threading.Thread):
    """Takes the database's write lock again and again, and notes how long others held it.

    It looks each millisecond: SQLite's own wait looks after 1, 2, 5, 10, 15, 20 and more, and may
    meet another holder each time.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.longest_s = 0.0
        self.is_over = threading.Event()
        self._path = path

    def run(self) -> None:
        while not self._path.exists() and not self.is_over.wait(0.05):
            pass
        with closing(sqlite3.connect(self._path, timeout=0, isolation_level=None)) as database:
            while not self.is_over.wait(0.005):
                started_at = time.perf_counter()
                while not _takes_lock(database) and not self.is_over.wait(0.001):
                    pass
                self.longest_s = max(self.longest_s, time.perf_counter() - started_at)


def _takes_lock(database: sqlite3.Connection) -> bool:
    try:
        database.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    database.execute("ROLLBACK")
    return True


@contextmanager
def _lock_watch(place: Place) -> Iterator[_LockWatch]:
    watch = _LockWatch(place.folder / "state" / "merlin.db")
    watch.start()
    try:
        yield watch
    finally:
        watch.is_over.set()
        watch.join()


def asked() -> list[Figure]:
    """Let an editor change one of 1,000 and call `merlin build`, a daemon running."""
    with repository(FEW) as place, _daemon(place):
        _until_built(place, 1)
        took = []
        for number in range(5):
            place.commit(number)
            took.append(_timed(place.merlin("build", "trial")))
    return [_seconds("1,000, one changed: `merlin build`", statistics.median(took), 0.7, 0.4)]


def start() -> list[Figure]:
    """Start the commands that show a line and go."""
    rows = []
    for word in ("--version", "--help"):
        command = [sys.executable, "-m", "merlin", word]
        took = statistics.median(_timed(command) for _ in range(5))
        rows.append(_seconds(f"merlin {word}", took, 0.25, 0.12))
    return rows


def page() -> list[Figure]:
    """Open the page of 100,000 examples, its next part, a search and filters, over HTTP."""
    from merlin.core.permissions import Role
    from merlin.dataset.files import FileIndex
    from merlin.git.source import blob_id
    from tests.api.running_api import VERA, running

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    texts, files = {}, {}
    for number, turns in enumerate(make_turns(MANY)):
        text = f"{_example(*turns)}tags: [t{number % 7}, u{number % 25}]\n"
        blob = blob_id(text)
        texts[blob], files[f"examples/{number % 100}/e{number}.yaml"] = text, blob
    word = next(make_turns(1))[0].split()[0]
    asked = {
        "first rows": "",
        "search": f"?query={word}",
        "search, two letters": f"?query={word[:2]}",
        "a word that nothing says": "?query=ъъъъ",
        "one tag": "?tag=t3",
        "one tag and a word": f"?tag=t3&query={word}",
    }
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as site:
        rows = FileIndex(site.db)
        rows.add(texts)
        rows.keep("trial", "1", files)
        site.person(VERA, Role.ADMIN)
        with site.browser(VERA) as client:
            took = {
                name: _opened(client, f"/datasets/trial/examples{q}") for name, q in asked.items()
            }
    return [
        Figure.at_most(f"page of 100,000 examples, {name}", {"ms": each}, "ms", 150, 50)
        for name, each in took.items()
    ]


def _opened(client: httpx.Client, path: str) -> float:
    """Return how many ms a page takes, the middle one of some calls after a first."""
    took = []
    for _ in range(10):
        started_at = time.perf_counter()
        answer = client.get(path)
        took.append(1000 * (time.perf_counter() - started_at))
        answer.raise_for_status()
    return statistics.median(took[1:])


ROWS: dict[str, Callable[[], list[Figure]]] = {
    "start": start,
    "asked": asked,
    "whole": whole,
    "large": large,
    "page": page,
}
