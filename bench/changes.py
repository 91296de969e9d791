"""Concurrent committers beside an editor who pushes with git: nothing is lost or doubled.

First, writers submit changes of one dataset, which one daemon commits. Then several committers,
each a process with its own mirror, push to one bare repository, and so does an editor with plain
git. The order of the changes is derived from a seed, so that a run can be repeated.
"""

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
from merlin.dataset.commit_batch import CommitContext, GitBranch, commit_changes, wait_before_retry
from merlin.dataset.commit_message import telegram_editor
from merlin.db.database import open_database
from merlin.db.intents import Intents
from merlin.db.migrations import migrate
from merlin.git.repository import GitSource

COMMITTERS, CHANGES, SEED = 8, 100, 20261120
EDITOR_COMMITS, PAUSE_S = 25, 4.0


def run() -> None:
    """Run 8 committers with 100 changes each; print tries, time, and the branch's contents."""
    _submit_to_a_daemon()
    with tempfile.TemporaryDirectory() as folder:
        remote = Path(folder) / "shared.git"
        _git(Path(folder), "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
        started_at = time.monotonic()
        _git(Path(folder), "clone", "--quiet", str(remote), "editor")
        _commit_by_hand(Path(folder) / "editor", 0)
        with ProcessPoolExecutor(COMMITTERS + 1) as pool:
            editor = pool.submit(_commit_as_editor, Path(folder) / "editor")
            results = list(
                pool.map(_commit_changes, [(folder, number) for number in range(COMMITTERS)])
            )
            pushes = editor.result()
        seconds = time.monotonic() - started_at
        commits = [sha for shas, _ in results for sha in shas]
        tries = [count for _, counts in results for count in counts]
        _check_branch(remote, commits)
    print(f"an editor by hand: {EDITOR_COMMITS} commits in {pushes} pushes")
    print(f"{COMMITTERS} committers x {CHANGES} changes: {len(commits)} commits in {seconds:.1f} s")
    print(f"tries a commit: mean {sum(tries) / len(tries):.2f}, most {max(tries)}")


def _submit_to_a_daemon() -> None:
    from tests.e2e.concurrent_writers import write_at_once

    wanted = COMMITTERS * CHANGES
    with tempfile.TemporaryDirectory() as folder:
        seconds, editor_commits, refused = write_at_once(Path(folder), COMMITTERS, CHANGES, SEED)
    print(f"{COMMITTERS} writers x {CHANGES} changes: {wanted} of {wanted} committed once each,")
    print(
        f"and {editor_commits} editor commits, in {seconds:.0f} s: {wanted / seconds:.1f} a second;"
    )
    print(f"{refused} times a writer was refused because of concurrent changes")


def _commit_as_editor(clone: Path) -> int:
    """Commit with git beside the committers; return the number of pushes."""
    pushes = 0
    for number in range(1, EDITOR_COMMITS):
        time.sleep(random.uniform(0, PAUSE_S))  # noqa: S311 - no secret hangs on it
        _commit_by_hand(clone, number)
        pushes += 1
        while not _try_push(clone):
            _git(clone, "pull", "--quiet", "--rebase")
            pushes += 1
    return pushes + 1


def _try_push(clone: Path) -> bool:
    process = subprocess.run(["git", "push", "-q"], cwd=clone, capture_output=True, check=False)
    return process.returncode == 0


def _commit_by_hand(clone: Path, number: int) -> None:
    path = clone / "datasets/trial/examples/by-hand" / f"{number}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"messages:\n  - user: {number}?\n  - assistant: {number}.\n")
    _git(clone, "add", "-A")
    who = ("-c", "user.name=boris", "-c", "user.email=boris@example.com")
    _git(clone, *who, "commit", "--quiet", "-m", "By hand")
    if number == 0:
        _git(clone, "push", "--quiet", "-u", "origin", "main")


def _commit_changes(task: tuple[str, int]) -> tuple[list[str], list[int]]:
    folder, number = task
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    random.seed(SEED + number)
    commits, tries = [], []
    with _commit_context(Path(folder), number) as (settings, waits):
        names = [f"{number}/question-{index:03d}" for index in range(CHANGES)]
        random.shuffle(names)
        for name in names:
            waits.clear()
            batch_result = commit_changes(settings, _batch(name))
            assert batch_result.commit is not None
            commits.append(batch_result.commit)
            tries.append(len(waits) + 1)
    return commits, tries


@contextmanager
def _commit_context(folder: Path, number: int) -> Iterator[tuple[CommitContext, list[int]]]:
    machine, waits = folder / f"machine-{number}", list[int]()

    def wait(attempt: int) -> None:
        waits.append(attempt)
        wait_before_retry(attempt)

    source = GitSource(str(folder / "shared.git"), "main", "datasets", machine / "mirror.git")
    with open_database(f"sqlite://{machine}/merlin.db") as database:
        migrate(database)
        yield CommitContext(GitBranch(source), Intents(database), utc_now, wait), waits


def _batch(name: str) -> Batch:
    text = f"messages:\n  - user: What is {name}?\n  - assistant: It is {name}.\n"
    change_request = ChangeRequest(telegram_editor(1, "Boris"), "1", utc_now())
    changes = make_changes("trial", [Edit(f"examples/{name}.yaml", None, text)], change_request)
    return Batch(changes[0].batch, changes)


def _check_branch(remote: Path, commits: list[str]) -> None:
    wanted = COMMITTERS * CHANGES
    line = _git(remote, "rev-list", "--first-parent", "main").split()
    files = _git(remote, "ls-tree", "-r", "--name-only", "main").splitlines()
    ids = _git(remote, "log", "--format=%(trailers:key=Merlin-Id,valueonly)", "main").split()
    _git(remote, "fsck", "--strict")
    assert set(commits) <= set(line), "every commit that was promised is on the branch"
    assert len(line) == len(files) == wanted + EDITOR_COMMITS
    assert len(set(commits)) == len(set(ids)) == wanted
    files = [file for file in files if "by-hand" not in file]
    print(f"{len(files)} of {wanted} examples on the branch, 0 lost, 0 doubled")


def _git(folder: Path, *words: str) -> str:
    process = subprocess.run(
        ["git", *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return process.stdout


if __name__ == "__main__":
    run()
