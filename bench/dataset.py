"""Measure large datasets: commands, the daemon's memory and locks.

`python -m bench dataset [ROW…]`. Real git repositories, the real commands, the real daemon on
SQLite.
"""

import random
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

from bench.figures import at_most, print_rows, read_peak_mb
from bench.processes import bytecode_environment, time_command
from tests.support.waiting import wait_until

RUNS = 3
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

    @property
    def log(self) -> Path:
        """Return the file with the output of what `running` runs."""
        return self.folder / "log"

    @contextmanager
    def running(
        self, verb: str, **environment: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a Merlin process, like the daemon, until the block ends."""
        config = str(self.folder / "config")
        with (
            self.log.open("wb") as log,
            subprocess.Popen(
                [sys.executable, "-m", "merlin", verb, "--config", config],
                env={**bytecode_environment(), **environment},
                stdout=log,
                stderr=log,
            ) as process,
        ):
            try:
                yield process
            finally:
                process.terminate()

    def commit(self, number: int) -> None:
        """Change one example and commit it."""
        changed = self.examples / "0" / "e0.yaml"
        (turns,) = make_turns(1, seed=100 + number)
        changed.write_text(_example(*turns), "utf-8")
        self.git("commit", "-qam", f"Change {number}")

    def git(self, *words: str, feed: bytes = b"") -> None:
        """Run git in the repository."""
        command = ["git", "-C", str(self.repository), *words]
        subprocess.run(command, input=feed, check=True)

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
        repo.git("config", "user.name", "boris")
        repo.git("config", "user.email", "boris@example.com")
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


def measure_builds() -> Iterator[str]:
    """Measure `merlin build` beside a daemon with few and many examples."""
    for count, least in LEAST.items():
        changed = []
        nothing_new = []
        with make_repository(count) as repo, repo.running("daemon") as process:
            build = ("build", "trial", "--config", str(repo.folder / "config"))
            with _observe_lock(repo) as watch:
                wait_until(repo.verdicts, MAX_DURATION_S)
            for number in range(RUNS):
                repo.commit(number)
                changed.append(time_command(*build))
                nothing_new.append(time_command(*build))
            peak_mb = read_peak_mb(process.pid)
        yield at_most(f"{count:,}, one changed, s", statistics.median(changed), least)
        yield at_most(f"{count:,}, nothing new, s", statistics.median(nothing_new))
        yield at_most(
            f"{count:,}, longest hold of the write lock, s", watch.longest_s, 0.1
        )
        yield at_most(f"{count:,}, the daemon's peak, MB", peak_mb, 300)


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


def measure_start() -> Iterator[str]:
    """Measure a command that only prints text."""
    duration_s = statistics.median(time_command("--version") for _ in range(5))
    yield at_most("merlin --version, s", duration_s, 0.25)


ROWS: dict[str, Callable[[], Iterator[str]]] = {
    "start": measure_start,
    "build": measure_builds,
}
