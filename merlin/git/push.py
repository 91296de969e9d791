"""Push the branch and the notes (`git log --notes=merlin`); one pusher a machine.

The push names the head it expects: it lands on that head or not at all, so it overwrites nothing
and brings no deleted branch back. Hooks of a repository on this machine are not run: whoever may
write there would run programs as Merlin.

Pushers on one machine take turns, because each lost race costs a fetch and a push. After `WAIT_S`,
or where the folder of locks is not ours, one goes on without a turn; the push itself decides.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from merlin.core.durable_files import try_lock
from merlin.core.errors import SourceError
from merlin.git.mirror import (
    NOTES_REF,
    PUSHED_REF,
    THEIRS_REF,
    GitFailed,
    GitRunner,
    format_stderr,
    list_tree,
    read_ref,
)
from merlin.git.remote_url import RemoteUrl

_TRIES = 10
_NOT_FOUND = 1
_MAX_NOTE_BYTES = 100_000  # bytes


def write_note(run: GitRunner, commit: str, text: str, lock: int) -> bool:
    """Make `text` the commit's note, byte for byte; return False when it is already.

    Raises GitFailed for a commit that the mirror does not know.
    """
    run("cat-file", "-e", f"{commit}^{{commit}}")
    feed = text.encode("utf-8", "replace")
    blob = run("hash-object", "-w", "--stdin", feed=feed, lock=lock).decode().strip()
    try:
        if run("notes", "--ref", NOTES_REF, "list", commit).decode().strip() == blob:
            return False
    except GitFailed as failure:
        if failure.status != _NOT_FOUND:
            raise
    run("notes", "--ref", NOTES_REF, "add", "--force", "-C", blob, commit, lock=lock)
    return True


def list_notes(run: GitRunner) -> set[tuple[str, str]]:
    """Return (blob, commit) of all notes, ours and those of the repository.

    Long ones are not ours.
    """
    return {
        (words[2], path.replace("/", ""))  # many notes lie in folders
        for ref in (NOTES_REF, THEIRS_REF)
        if read_ref(run, ref)
        for words, path in list_tree(run, "-r", "-l", ref)
        if words[3].isdecimal() and int(words[3]) <= _MAX_NOTE_BYTES
    }


def push_notes(run: GitRunner, url: str, hold: Callable[[], AbstractContextManager[int]]) -> None:
    """Bring our notes to the repository, merged with those that others wrote meanwhile.

    Does nothing when the newest ones are there already. On one commit ours win. The mirror is
    held where it is written alone: a repository that takes its time delays no fetch.
    """
    for _ in range(_TRIES):
        ours = read_ref(run, NOTES_REF)
        if not ours or ours == read_ref(run, PUSHED_REF):
            return
        try:
            run("push", "--quiet", "--", url, f"{ours}:{NOTES_REF}")
        except GitFailed as failure:
            if "[rejected]" not in failure.stderr:
                raise
            fetch = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head")
            merge = ("notes", "--ref", NOTES_REF, "merge", "--quiet", "--strategy=ours")
            with hold() as lock:
                run(*fetch, "--", url, f"+{NOTES_REF}:{THEIRS_REF}", lock=lock)
                run(*merge, THEIRS_REF, lock=lock)
        else:
            with hold() as lock:
                run("update-ref", PUSHED_REF, ours, lock=lock)
    if read_ref(run, NOTES_REF) != read_ref(run, PUSHED_REF):
        raise GitFailed("the notes were rejected again and again", 1, "")


WAIT_S, LOOK_S = 30.0, 0.02


@contextmanager
def wait_for_turn(url: str, wait_s: float = WAIT_S) -> Iterator[bool]:
    """Wait for the turn to push to `url`; yield whether it came."""
    deadline = time.monotonic() + wait_s
    lock = None
    with suppress(OSError):
        path = _folder() / f"push-{hashlib.sha256(url.encode()).hexdigest()[:16]}.lock"
        while (lock := try_lock(path)) is None and time.monotonic() < deadline:
            time.sleep(LOOK_S)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            os.close(lock)


def _folder() -> Path:
    """Return this user's folder of locks. Raises PermissionError for one that others may change."""
    folder = Path(tempfile.gettempdir()) / f"merlin-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(str(folder))
    return folder


class ContentRefused(SourceError):
    """The repository refused this very commit; it may take others."""


_RECEIVE = "--receive-pack=git -c core.hooksPath=/dev/null -c core.fsmonitor= receive-pack"

# What git says when somebody else was first. Source: git 2.39, send-pack.c, receive-pack.c,
# refs/files-backend.c.
_RACES = (
    "[rejected]",
    "cannot lock ref",
    "failed to lock",
    "failed to update ref",
    "incorrect old value",
    "reference already exists",
)
_LOCK = re.compile(r"Unable to create '([^'\n]+\.lock)': File exists")
LOCK_S = 60.0  # no step of git that holds a lock takes as long
_CHECKED_OUT = "branch is currently checked out"
_WORK_TREE = (
    "Working directory has",
    "Up-to-date check failed",
    "Could not update working tree",
)
_DENIED = (
    "Authentication failed",
    "could not read Username",
    "could not read Password",
    "Permission denied",
    "access rights",
    "returned error: 401",
    "returned error: 403",
    "insufficient permission",
)


# What a server's own rules or hooks say: whatever words they add, another try changes nothing.
_DECLINED = re.compile(r"^ ! \[remote rejected\] .*\(.*declined.*\)\s*$", re.MULTILINE)
_TOO_LARGE = "HTTP 413"


def push_branch(
    run: GitRunner, place: RemoteUrl, branch: str, commit: str, head: str | None
) -> bool:
    """Return whether `commit` is the branch's head now; False when `head` is not there any more.

    `head` None: the branch must not exist. Raises ContentRefused, SourceError.
    """
    local = (_RECEIVE,) if place.folder is not None else ()
    lease = f"--force-with-lease={branch}:{head or ''}"
    try:
        run("push", "--quiet", *local, lease, "--", place.url, f"{commit}:{branch}")
    except GitFailed as failure:
        if not _DECLINED.search(failure.stderr) and _is_race(failure.stderr, place):
            return False
        raise _refusal(failure, place) from failure
    return True


def check_push(run: GitRunner, place: RemoteUrl) -> None:
    """Ask the repository whether it would take a push; `run` works in an empty folder.

    Raises SourceError.
    """
    run("init", "--bare", "--quiet", "--template=")
    tree = run("hash-object", "-w", "-t", "tree", "/dev/null").decode().strip()
    commit = run("commit-tree", tree, "-m", "Ask for the right to push").decode().strip()
    try:
        run("push", "--quiet", "--dry-run", "--", place.url, f"{commit}:{NOTES_REF}-asked")
    except GitFailed as failure:
        raise _refusal(failure, place) from failure


def _is_race(stderr: str, place: RemoteUrl) -> bool:
    """Return whether another try may do. Raises SourceError for a lock that nobody takes away.

    Whose lock it is nobody can say, so it is not ours to remove.
    """
    lock = _lock(stderr, place)
    if lock is None:
        return any(words in stderr for words in _RACES)
    with suppress(OSError):  # gone meanwhile
        if time.time() - lock.stat().st_mtime > LOCK_S:
            raise SourceError(f"a lock lies at {lock}", "change-locked", path=str(lock))
    return True


def _lock(stderr: str, place: RemoteUrl) -> Path | None:
    """Return the lock in a repository on this machine that the push met."""
    if place.folder is None:
        return None
    named = _LOCK.search(stderr)
    if named:
        return Path(os.path.normpath(named[1]))
    # Of the lock of a work tree git says no word.
    lock = place.folder / ".git" / "index.lock"
    is_met = any(words in stderr for words in _WORK_TREE) and lock.exists()
    return lock if is_met else None


def _refusal(failure: GitFailed, place: RemoteUrl) -> SourceError:
    stderr = failure.stderr
    reason = format_stderr(stderr, place)
    if _DECLINED.search(stderr):
        return _content_refused(reason)
    if _CHECKED_OUT in stderr:
        text = f"{place.url} has the branch checked out and takes no push"
        return SourceError(text, "change-checked-out", folder=place.url)
    if any(words in stderr for words in _WORK_TREE):
        text = f"the work tree of {place.url} has changes of its own"
        return SourceError(text, "change-work-tree", folder=place.url)
    if any(words in stderr for words in _DENIED):
        return SourceError(f"no right to push: {reason}", "change-denied", reason=reason)
    if "[remote rejected]" in stderr or _TOO_LARGE in stderr:
        return _content_refused(reason)
    return failure


def _content_refused(reason: str) -> ContentRefused:
    text = f"the push was refused: {reason}"
    return ContentRefused(text, "change-push-refused", reason=reason)
