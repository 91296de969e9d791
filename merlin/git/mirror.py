"""The bare mirror on disk: made, fetched, checked, locked.

    absent -> made -> (suspect -> checked -> sound | moved aside)

Readers may only mark it as suspect; whoever holds the lock checks and replaces it. The lock
(`core.lock`) is a file in the mirror. Each git child that writes inherits it, so it stays taken
until the last child of a killed owner has ended too. The file holds the owner's pid while it
works; a pid found in it means that the last owner did not finish.

A fetch asks for the branch first: with nothing new that is all that happens. What git's checks
refuse never becomes the head, and is not fetched again until it changes.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from merlin.core.clock import utc_now
from merlin.core.durable_files import try_lock
from merlin.core.errors import SourceError
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.git import push, sandbox
from merlin.git.remote_url import RemoteUrl
from merlin.git.sandbox import (
    CONFIG_NAME,
    HEAD_REF,
    NOTES_REF,
    GitFailed,
    GitRunner,
    git_config_text,
)

log = get_logger(__name__)
_SUSPECT = "merlin.suspect"
_CLEANED, _CLEAN_EVERY = "merlin.cleaned", timedelta(days=1)
_NEEDED = "refs/merlin/needed/"
_KEPT_BROKEN = 2
_PARTS = ("HEAD", "config", "objects", "refs")


def write_git_config(mirror: Path, place: RemoteUrl) -> None:
    """Write git's settings file where it is not as it must be; a reader's mirror stays as it is.

    Raises OSError when the mirror cannot be written.
    """
    path, text = mirror / CONFIG_NAME, git_config_text(place)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    mirror.mkdir(parents=True, exist_ok=True)
    draft = mirror / f".{CONFIG_NAME}.{os.getpid()}"
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def create_mirror(mirror: Path, run: GitRunner, lock: int) -> None:
    """Make the bare repository where there is none yet; a half-made one is completed."""
    if not all((mirror / part).exists() for part in _PARTS):
        run("init", "--bare", "--quiet", "--template=", lock=lock)


def mirror_exists(mirror: Path) -> bool:
    """Return whether there is anything of a repository that could be damaged."""
    return any((mirror / part).exists() for part in _PARTS)


def mark_suspect(mirror: Path) -> None:
    """Ask for a check at the next fetch."""
    try:
        (mirror / _SUSPECT).touch()
    except OSError:
        log.warning("mirror cannot be marked", mirror=str(mirror))


def is_suspect(mirror: Path) -> bool:
    """Return whether a reader found something wrong since the last check."""
    return (mirror / _SUSPECT).exists()


def check_integrity(mirror: Path, run: GitRunner) -> bool:
    """Look at every object; take the mark away when all is well."""
    try:
        run("fsck", "--full", "--no-dangling", "--no-progress", "--no-reflogs")
    except GitFailed as failure:
        log.warning("mirror is damaged", mirror=str(mirror), reason=str(failure))
        return False
    (mirror / _SUSPECT).unlink(missing_ok=True)
    return True


def is_cleaning_due(mirror: Path, now: datetime) -> bool:
    """Return whether a day has passed since this was asked last, and note that it was."""
    mark = mirror / _CLEANED
    if mark.exists() and timedelta() <= now - _changed(mark) < _CLEAN_EVERY:
        return False
    mark.touch()
    os.utime(mark, (now.timestamp(), now.timestamp()))
    return True


def pin_commits(run: GitRunner, needed: Collection[str], lock: int) -> None:
    """Let the `needed` commits be reachable, as far as they are there, and no others by this."""
    here = run("for-each-ref", "--format=%(refname)", _NEEDED).decode().split()
    known = run("cat-file", "--batch-check", feed=_lines(needed)).decode() if needed else ""
    there = {line.split()[0] for line in known.splitlines() if line.split()[1:2] == ["commit"]}
    asked = [f"update {_NEEDED}{sha} {sha}" for sha in sorted(there)]
    asked += [f"delete {ref}" for ref in here if ref.removeprefix(_NEEDED) not in there]
    if asked:
        run("update-ref", "--stdin", feed=_lines(asked), lock=lock)


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _lines(words: Collection[str]) -> bytes:
    return "".join(f"{word}\n" for word in words).encode()


def move_aside(mirror: Path) -> Path:
    """Rename a damaged mirror, so that the next fetch clones anew; return where it lies."""
    stamp = utc_now().strftime("%Y%m%dT%H%M%S%f")
    aside = mirror.with_name(f"{mirror.name}.broken-{stamp}")
    mirror.rename(aside)
    log.error("damaged mirror moved aside", mirror=str(mirror), aside=str(aside))
    for old in sorted(mirror.parent.glob(f"{mirror.name}.broken-*"))[:-_KEPT_BROKEN]:
        shutil.rmtree(old, ignore_errors=True)
    return aside


@contextmanager
def as_source_errors() -> Iterator[None]:
    """Turn what the disk says into SourceError."""
    try:
        yield
    except OSError as error:
        reason = str(error)
        raise SourceError(
            f"the mirror cannot be used: {reason}", "git-failed", reason=reason
        ) from error


LOCK_NAME = "merlin.lock"
_LOOK_S = 0.05
# What a killed git leaves: locks of refs and settings, half packs and half objects.
_LEFTOVERS = ("*.lock", "tmp_*", ".tmp-*", "gc.pid")


@contextmanager
def lock_mirror(mirror: Path, wait_s: float = 5.0) -> Iterator[int]:
    """Hold the mirror for writing; yield the descriptor that children must inherit.

    Raises SourceError when another process keeps it longer than `wait_s`.
    """
    lock = _taken(mirror, wait_s)
    try:
        if os.pread(lock, 1, 0):
            _sweep(mirror)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield lock
        os.ftruncate(lock, 0)  # not in `finally`: a failure may have left something behind
    finally:
        os.close(lock)


def _taken(mirror: Path, wait_s: float) -> int:
    deadline = time.monotonic() + wait_s
    while True:
        mirror.mkdir(parents=True, exist_ok=True)
        lock = try_lock(mirror / LOCK_NAME)
        if lock is not None:
            return lock
        if time.monotonic() >= deadline:
            raise SourceError(f"another process works in {mirror}", "git-busy", mirror=str(mirror))
        time.sleep(_LOOK_S)


def _sweep(mirror: Path) -> None:
    """Remove what the dead owner's git left; nobody else can be writing now."""
    for pattern in _LEFTOVERS:
        for path in mirror.rglob(pattern):
            if path.name != LOCK_NAME and not path.is_dir():
                log.warning("leftover of a killed git removed", path=str(path))
                path.unlink(missing_ok=True)


class _Damaged(Exception):
    """The mirror is damaged."""


class MirrorFetcher:
    """Keeps one mirror of one branch, `refs/heads/...`, up to date."""

    def __init__(self, place: RemoteUrl, branch: str, mirror: Path, run: GitRunner) -> None:
        self._place = place
        self._branch = branch
        self._mirror = mirror
        self._run = run
        self._refused: tuple[str, str] | None = None

    def fetch(self) -> str | None:
        """Return the branch's head (None: empty or gone); its objects are in the mirror then.

        Raises SourceError when the repository cannot be reached or git refuses what it holds.
        """
        while True:
            with lock_mirror(self._mirror) as lock:
                with suppress(_Damaged):
                    return self._try(lock)
                move_aside(self._mirror)

    def newest(self) -> str | None:
        """Ask the repository for its branch's newest commit, None without one; fetch nothing.

        Raises SourceError when the repository cannot be read.
        """
        write_git_config(self._mirror, self._place)
        return self._there().get(self._branch)

    def _try(self, lock: int) -> str | None:
        """Return the head. Raises _Damaged when the mirror is damaged and worth a new one."""
        write_git_config(self._mirror, self._place)
        was_begun = mirror_exists(self._mirror)
        try:
            if is_suspect(self._mirror) and not self._is_sound():
                raise _Damaged
            create_mirror(self._mirror, self._run, lock)
            return self._fetched(lock)
        except GitFailed as failure:
            if was_begun and not self._is_sound():
                raise _Damaged from failure
            raise failure from None

    def _is_sound(self) -> bool:
        return check_integrity(self._mirror, self._run)

    def _fetched(self, lock: int) -> str | None:
        here = self._refs("for-each-ref", "--format=%(objectname) %(refname)", HEAD_REF, NOTES_REF)
        there = self._there()
        head, old = there.get(self._branch), here.get(HEAD_REF)
        if head is None or head == old:
            return head
        wanted = [f"+{self._branch}:{HEAD_REF}"]
        if NOTES_REF in there and NOTES_REF not in here:
            wanted.append(f"{NOTES_REF}:{NOTES_REF}")
        self._bring(head, wanted, lock)
        new = push.read_ref(self._run, HEAD_REF) or head
        log.info("fetched", head=new, before=old)
        return new

    def _there(self) -> dict[str, str]:
        """Ask the repository; its silence says nothing about the mirror."""
        asked = ("ls-remote", "--quiet", "--", self._place.url, self._branch, NOTES_REF)
        try:
            return self._refs(*asked)
        except GitFailed as failure:
            reason = failure.arguments["reason"]
            raise SourceError(str(failure), failure.key, reason=reason) from failure

    def _refs(self, *arguments: str) -> dict[str, str]:
        lines = self._run(*arguments).decode("utf-8", "replace").splitlines()
        return {name: sha for sha, name in (line.split(maxsplit=1) for line in lines)}

    def _bring(self, head: str, wanted: Sequence[str], lock: int) -> None:
        if self._refused and self._refused[0] == head:
            raise _refusal(*self._refused)  # the same bytes would be refused again
        kill_point("fetch.before")
        how = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--")
        try:
            self._run(*how, self._place.url, *wanted, lock=lock)
        except GitFailed as failure:
            if "fsck error" not in failure.stderr:
                raise
            self._refused = (head, sandbox.format_stderr(failure.stderr, self._place))
            raise _refusal(*self._refused) from failure
        kill_point("fetch.after")


def _refusal(head: str, reason: str) -> SourceError:
    return SourceError(f"git refused {head}: {reason}", "git-refused", reason=reason)
