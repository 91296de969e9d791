"""Measure large datasets: commands, the daemon's memory and locks.

`python -m bench dataset [ROW…]`. Real git repositories, the real commands, the real daemon on
SQLite. They are compared with `check-jsonschema` if that is on the PATH: it validates the same
files by the same schema, but neither counts tokens nor builds.
"""

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

from bench.figures import Figure, print_rows, read_peak_mb
from bench.processes import ROOT
from merlin.dataset.spec import schema_text
from tests.support.waiting import wait_until

RUNS = 3
CHECKED = 10_000
# Examples -> the seconds that a build of one changed example should take.
LEAST = {1_000: 0.6, 30_000: 1.5}
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
    print_rows(ROWS, words)


@dataclass(frozen=True, slots=True)
class DatasetRepository:
    """A git repository with one dataset, and the configuration of a Merlin that follows it."""

    folder: Path

    @property
    def repository(self) -> Path:
        """Return the folder of the repository."""
        return self.folder / "repository"

    @property
    def examples(self) -> Path:
        """Return the folder of the dataset's examples."""
        return self.repository / "datasets" / "trial" / "examples"

    def merlin_command(self, *words: str) -> list[str]:
        """Return the command line of a Merlin command."""
        return [
            sys.executable,
            "-m",
            "merlin",
            *words,
            "--config",
            str(self.folder / "config"),
        ]

    def commit(self, number: int) -> None:
        """Change one example and commit it."""
        changed = self.examples / "0" / "e0.yaml"
        (turns,) = make_turns(1, seed=100 + number)
        changed.write_text(_example(*turns), "utf-8")
        self.git(
            "-c",
            "user.name=boris",
            "-c",
            "user.email=boris@example.com",
            "commit",
            "-qam",
            f"Change {number}",
        )

    def git(self, *words: str, feed: bytes = b"") -> None:
        """Run git in the repository."""
        subprocess.run(
            ["git", "-C", str(self.repository), *words], input=feed, check=True
        )

    def verdicts(self) -> int:
        """Return the number of stored verdicts."""
        path = self.folder / "state" / "merlin.db"
        with (
            suppress(sqlite3.OperationalError),
            closing(sqlite3.connect(path)) as database,
        ):
            return int(database.execute("SELECT COUNT(*) FROM verdict").fetchone()[0])
        return 0  # the daemon is creating its tables


@contextmanager
def make_repository(examples: int) -> Iterator[DatasetRepository]:
    """Yield a repository with this number of examples of 40 words, in a hundred folders."""
    with tempfile.TemporaryDirectory(prefix="merlin-bench-") as folder:
        repo = DatasetRepository(Path(folder))
        subprocess.run(["git", "init", "-qb", "main", str(repo.repository)], check=True)
        text = CONFIG.format(state=repo.folder / "state", repository=repo.repository)
        (repo.folder / "config").write_text(text, "utf-8")
        repo.git("fast-import", "--quiet", feed=b"".join(_import(examples)))
        repo.git("reset", "-q", "--hard")
        yield repo


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
    """Yield questions and answers of made-up words in Russian letters."""
    rng = random.Random(seed)  # noqa: S311 - the same corpus every time
    letters = "абвгдежзиклмнопрстуфхцчшэюя"
    words = ["".join(rng.choices(letters, k=rng.randint(3, 10))) for _ in range(4000)]
    for number in range(count):
        question = " ".join(rng.choices(words, k=8))
        answer = " ".join(rng.choices(words, k=30))
        yield f"{question} {number}?", f"{answer}."


def _example(question: str, answer: str) -> str:
    return f"messages:\n  - user: {question}\n  - assistant: {answer}\n"


def _time_command(command: Sequence[str]) -> float:
    started_at = time.perf_counter()
    quiet = subprocess.DEVNULL
    subprocess.run(command, env=_environment(), stdout=quiet, stderr=quiet, check=True)
    return time.perf_counter() - started_at


def _environment() -> dict[str, str]:
    names = os.environ.keys() - {"PYTHONDONTWRITEBYTECODE"}
    return {**{name: os.environ[name] for name in names}, "PYTHONPATH": str(ROOT)}


def compare_check() -> list[Figure]:
    """Check and build 10,000 examples from scratch, against check-jsonschema on the same files."""
    with make_repository(CHECKED) as repo:
        commands = {
            "check": [sys.executable, "-m", "merlin", "check", str(repo.repository)],
            "check, tokens, build": repo.merlin_command("build", "trial"),
        }
        durations_s: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(RUNS):
            shutil.rmtree(repo.folder / "state", ignore_errors=True)
            for name, command in commands.items():
                durations_s[name].append(_time_command(command))
        ours = {
            name: statistics.median(durations)
            for name, durations in durations_s.items()
        }
        peer = shutil.which("check-jsonschema")
        if peer is None:
            missing = "check-jsonschema is not installed"
            return [
                _seconds(f"10,000: {name}; {missing}", value)
                for name, value in ours.items()
            ]
        schema = repo.folder / "example.schema.json"
        schema.write_text(schema_text("example"), "utf-8")
        files = [str(path) for path in repo.examples.rglob("*.yaml")]
        theirs = statistics.median(
            _time_command([peer, "--schemafile", str(schema), *files])
            for _ in range(RUNS)
        )
    least = 0.35
    return [
        Figure.ratio(
            f"10,000: {name}", {"s": value}, {"s": theirs}, "s", least, is_less=True
        )
        for name, value in ours.items()
    ]


def _seconds(what: str, value: float, least: float | None = None) -> Figure:
    return Figure.at_most(what, {"s": value}, "s", least)


def measure_builds() -> list[Figure]:
    """Measure `merlin build` beside a daemon with few and many examples."""
    figures = []
    for count, least in LEAST.items():
        with make_repository(count) as repo, _daemon(repo) as process:
            with _observe_lock(repo) as watch:
                wait_until(repo.verdicts, MAX_DURATION_S)
            changed = []
            nothing_new = []
            for number in range(RUNS):
                repo.commit(number)
                changed.append(_time_command(repo.merlin_command("build", "trial")))
                nothing_new.append(_time_command(repo.merlin_command("build", "trial")))
            peak_mb = read_peak_mb(process.pid)
        figures += [
            _seconds(f"{count:,}, one changed", statistics.median(changed), least),
            _seconds(f"{count:,}, nothing new", statistics.median(nothing_new)),
            _seconds(
                f"{count:,}, longest hold of the write lock", watch.longest_s, 0.1
            ),
            Figure.at_most(f"{count:,}, the daemon's peak", {"mb": peak_mb}, "mb", 300),
        ]
    return figures


@contextmanager
def _daemon(repo: DatasetRepository) -> Iterator[subprocess.Popen[bytes]]:
    quiet = subprocess.DEVNULL
    command = repo.merlin_command("daemon")
    process = subprocess.Popen(command, env=_environment(), stdout=quiet, stderr=quiet)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


class _LockObserver(threading.Thread):
    """Takes the database's write lock repeatedly, and stores how long others held it.

    It tries every millisecond: SQLite's own busy handler tries after 1, 2, 5, 10, 15, 20 ms and
    more, when another process may hold the lock again.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.longest_s = 0.0
        self.is_over = threading.Event()
        self._path = path

    def run(self) -> None:
        while not self._path.exists() and not self.is_over.wait(0.05):
            pass
        with closing(
            sqlite3.connect(self._path, timeout=0, isolation_level=None)
        ) as database:
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
def _observe_lock(repo: DatasetRepository) -> Iterator[_LockObserver]:
    watch = _LockObserver(repo.folder / "state" / "merlin.db")
    watch.start()
    try:
        yield watch
    finally:
        watch.is_over.set()
        watch.join()


def measure_start() -> list[Figure]:
    """Measure commands that only print text."""
    rows = []
    for option in ("--version", "--help"):
        command = [sys.executable, "-m", "merlin", option]
        duration_s = statistics.median(_time_command(command) for _ in range(5))
        rows.append(_seconds(f"merlin {option}", duration_s, 0.25))
    return rows


ROWS: dict[str, Callable[[], list[Figure]]] = {
    "start": measure_start,
    "build": measure_builds,
    "check": compare_check,
}
