"""Pushing a commit to the branch, and what the repository's answer means.

The push names the head it expects: it lands on that head or not at all, so it overwrites nothing
and brings no deleted branch back. Hooks of a repository on this machine are not run: whoever
may write there would run programs as Merlin.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from merlin.adapters.git_address import Address
from merlin.adapters.git_walls import GitFailed, Run, said
from merlin.core.errors import SourceError
from merlin.dataset.committing import ContentRefused

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


class PushRefused(SourceError):
    """The repository took no push; a person must do something about it, then it is taken."""


def push(run: Run, place: Address, branch: str, commit: str, head: str | None) -> bool:
    """Return whether `commit` is the branch's head now; False when `head` is not there any more.

    `head` None: the branch must not exist. Raises PushRefused, ContentRefused, SourceError.
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


def _is_race(stderr: str, place: Address) -> bool:
    """Return whether another try may do. Raises PushRefused for a lock that nobody takes away.

    Whose lock it is nobody can say, so it is not ours to remove.
    """
    lock = _lock(stderr, place)
    if lock is None:
        return any(words in stderr for words in _RACES)
    if _is_old(lock):
        raise PushRefused(f"a lock lies at {lock}", "change-locked", path=str(lock))
    return True


def _lock(stderr: str, place: Address) -> Path | None:
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


def _is_old(lock: Path) -> bool:
    try:
        return time.time() - lock.stat().st_mtime > LOCK_S
    except OSError:  # gone meanwhile
        return False


def _refusal(failure: GitFailed, place: Address) -> SourceError:
    stderr = failure.stderr
    reason = said(stderr, place)
    if _DECLINED.search(stderr):
        return _content_refused(reason)
    if _CHECKED_OUT in stderr:
        text = f"{place.url} has the branch checked out and takes no push"
        return PushRefused(text, "change-checked-out", folder=place.url)
    if any(words in stderr for words in _WORK_TREE):
        text = f"the work tree of {place.url} has changes of its own"
        return PushRefused(text, "change-work-tree", folder=place.url)
    if any(words in stderr for words in _DENIED):
        return PushRefused(f"no right to push: {reason}", "change-denied", reason=reason)
    if "[remote rejected]" in stderr or _TOO_LARGE in stderr:
        return _content_refused(reason)
    return failure


def _content_refused(reason: str) -> ContentRefused:
    text = f"the push was refused: {reason}"
    return ContentRefused(text, "change-push-refused", reason=reason)
