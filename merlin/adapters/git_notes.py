"""Notes: what became of a commit, written where `git log --notes=merlin` shows it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from merlin.adapters.git_walls import NOTES_REF, GitFailed, Run

PUSHED_REF = "refs/merlin/notes-pushed"
THEIRS_REF = "refs/merlin/notes-theirs"
_TRIES = 10
_NOT_FOUND = 1


def write(run: Run, commit: str, text: str, lock: int) -> bool:
    """Make `text` the commit's note, byte for byte; return False when it is already.

    Raises GitFailed for a commit that the mirror does not know.
    """
    run("cat-file", "-e", f"{commit}^{{commit}}")
    feed = text.encode("utf-8", "replace")
    blob = run("hash-object", "-w", "--stdin", feed=feed, lock=lock).decode().strip()
    if _current(run, commit) == blob:
        return False
    run("notes", "--ref", NOTES_REF, "add", "--force", "-C", blob, commit, lock=lock)
    return True


def push(run: Run, url: str, hold: Callable[[], AbstractContextManager[int]]) -> None:
    """Bring our notes to the repository, merged with those that others wrote meanwhile.

    Does nothing when the newest ones are there already. On one commit ours win. The mirror is
    held where it is written alone: a repository that takes its time delays no fetch.
    """
    for _ in range(_TRIES):
        ours = ref(run, NOTES_REF)
        if not ours or ours == ref(run, PUSHED_REF):
            return
        try:
            run("push", "--quiet", "--", url, f"{ours}:{NOTES_REF}")
        except GitFailed as failure:
            if "[rejected]" not in failure.stderr:
                raise
            with hold() as lock:
                _merge(run, url, lock)
        else:
            with hold() as lock:
                run("update-ref", PUSHED_REF, ours, lock=lock)
    if ref(run, NOTES_REF) != ref(run, PUSHED_REF):
        raise GitFailed("the notes were rejected again and again", 1, "")


def ref(run: Run, name: str) -> str | None:
    """Return what a ref of the mirror points to."""
    told = run("for-each-ref", "--format=%(objectname)", "--", name).decode().split()
    return told[0] if told else None


def _merge(run: Run, url: str, lock: int) -> None:
    spec = f"+{NOTES_REF}:{THEIRS_REF}"
    run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", url, spec, lock=lock)
    run("notes", "--ref", NOTES_REF, "merge", "--quiet", "--strategy=ours", THEIRS_REF, lock=lock)


def _current(run: Run, commit: str) -> str | None:
    try:
        return run("notes", "--ref", NOTES_REF, "list", commit).decode().strip()
    except GitFailed as failure:
        if failure.status == _NOT_FOUND:
            return None
        raise
