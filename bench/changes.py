"""Committers at once, and an editor who pushes by hand: nothing is lost, nothing doubled.

First writers submit changes of one dataset, which one daemon commits. Then there are committers on
several machines: each is a process with a mirror of its own; all push to one bare repository, and
so does an editor with plain git. The order of the changes follows from the start number, so that a
run can be repeated.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from merlin.core.clock import utc_now
from merlin.dataset.changes import Batch, ChangeRequest, Edit, make_changes
from merlin.dataset.commit_batch import CommitSettings, GitBranch, commit_changes, wait_before_retry
from merlin.dataset.commit_message import telegram_editor
from merlin.db.database import open_database
from merlin.db.intents import Intents
from merlin.db.migrations import migrate
from merlin.git.repository import GitSource

COMMITTERS, CHANGES, START = 8, 100, 20261120
BY_HAND, PAUSE_S = 25, 4.0


def run() -> None:
    """Race 8 with 100 changes each; print tries and time, and what is on the branch."""
    _submit_to_a_daemon()
    with tempfile.TemporaryDirectory() as folder:
        remote = Path(folder) / "shared.git"
        _git(Path(folder), "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
        started_at = time.monotonic()
        _git(Path(folder), "clone", "--quiet", str(remote), "editor")
        _by_hand(Path(folder) / "editor", 0)
        with ProcessPoolExecutor(COMMITTERS + 1) as pool:
            editor = pool.submit(_edit, Path(folder) / "editor")
            told = list(pool.map(_work, [(folder, number) for number in range(COMMITTERS)]))
            pushes = editor.result()
        seconds = time.monotonic() - started_at
        made = [sha for shas, _ in told for sha in shas]
        tries = [count for _, counts in told for count in counts]
        _prove(remote, made)
    print(f"an editor by hand: {BY_HAND} commits in {pushes} pushes")
    print(f"{COMMITTERS} committers x {CHANGES} changes: {len(made)} commits in {seconds:.1f} s")
    print(f"tries a commit: mean {sum(tries) / len(tries):.2f}, most {max(tries)}")


def _submit_to_a_daemon() -> None:
    from tests.e2e.concurrent_writers import write_at_once

    wanted = COMMITTERS * CHANGES
    with tempfile.TemporaryDirectory() as folder:
        seconds, by_hand, refused = write_at_once(Path(folder), COMMITTERS, CHANGES, START)
    print(f"{COMMITTERS} writers x {CHANGES} changes: {wanted} of {wanted} committed once each,")
    print(f"and {by_hand} commits by hand, in {seconds:.0f} s: {wanted / seconds:.1f} a second;")
    print(f"{refused} times a writer was told that others are at it")


def _edit(clone: Path) -> int:
    """Commit by hand while others do; return how many pushes it took."""
    pushes = 0
    for number in range(1, BY_HAND):
        time.sleep(random.uniform(0, PAUSE_S))  # noqa: S311 - no secret hangs on it
        _by_hand(clone, number)
        pushes += 1
        while not _pushed(clone):
            _git(clone, "pull", "--quiet", "--rebase")
            pushes += 1
    return pushes + 1


def _pushed(clone: Path) -> bool:
    done = subprocess.run(["git", "push", "-q"], cwd=clone, capture_output=True, check=False)
    return done.returncode == 0


def _by_hand(clone: Path, number: int) -> None:
    path = clone / "datasets/trial/examples/by-hand" / f"{number}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"messages:\n  - user: {number}?\n  - assistant: {number}.\n")
    _git(clone, "add", "-A")
    who = ("-c", "user.name=boris", "-c", "user.email=boris@example.com")
    _git(clone, *who, "commit", "--quiet", "-m", "By hand")
    if number == 0:
        _git(clone, "push", "--quiet", "-u", "origin", "main")


def _work(order: tuple[str, int]) -> tuple[list[str], list[int]]:
    folder, number = order
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    random.seed(START + number)
    made, tries = [], []
    with _press(Path(folder), number) as (press, waits):
        names = [f"{number}/question-{each:03d}" for each in range(CHANGES)]
        random.shuffle(names)
        for name in names:
            waits.clear()
            landed = commit_changes(press, _batch(name))
            assert landed.commit is not None
            made.append(landed.commit)
            tries.append(len(waits) + 1)
    return made, tries


@contextmanager
def _press(folder: Path, number: int) -> Iterator[tuple[CommitSettings, list[int]]]:
    place, waits = folder / f"machine-{number}", list[int]()

    def wait(attempt: int) -> None:
        waits.append(attempt)
        wait_before_retry(attempt)

    source = GitSource(str(folder / "shared.git"), "main", "datasets", place / "mirror.git")
    with open_database(f"sqlite://{place}/merlin.db") as database:
        migrate(database)
        yield CommitSettings(GitBranch(source), Intents(database), utc_now, wait), waits


def _batch(name: str) -> Batch:
    text = f"messages:\n  - user: What is {name}?\n  - assistant: It is {name}.\n"
    change_request = ChangeRequest(telegram_editor(1, "Boris"), "1", utc_now())
    changes = make_changes("trial", [Edit(f"examples/{name}.yaml", None, text)], change_request)
    return Batch(changes[0].batch, changes)


def _prove(remote: Path, made: list[str]) -> None:
    wanted = COMMITTERS * CHANGES
    line = _git(remote, "rev-list", "--first-parent", "main").split()
    files = _git(remote, "ls-tree", "-r", "--name-only", "main").splitlines()
    ids = _git(remote, "log", "--format=%(trailers:key=Merlin-Id,valueonly)", "main").split()
    _git(remote, "fsck", "--strict")
    assert set(made) <= set(line), "every commit that was promised is on the branch"
    assert len(line) == len(files) == wanted + BY_HAND
    assert len(set(made)) == len(set(ids)) == wanted
    files = [file for file in files if "by-hand" not in file]
    print(f"{len(files)} of {wanted} examples on the branch, 0 lost, 0 doubled")


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    run()
