"""Bring the mirror up to date: ask, fetch what is new, overcome a damaged mirror.

The repository is asked for its branch first: with nothing new that is all that happens. What
the checks of git refuse never becomes the head, and is not fetched again until it changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from merlin.adapters import git_mirror, git_notes, git_walls
from merlin.adapters.git_address import Address
from merlin.adapters.git_walls import HEAD_REF, NOTES_REF, GitFailed, Run
from merlin.adapters.mirror_lock import hold
from merlin.core.errors import SourceError
from merlin.core.killpoint import reached
from merlin.core.log import get_logger
from merlin.dataset.source import Fetched

log = get_logger(__name__)


class Fetcher:
    """Keeps one mirror of one branch, `refs/heads/...`, up to date."""

    def __init__(self, place: Address, branch: str, mirror: Path, run: Run) -> None:
        self._place = place
        self._branch = branch
        self._mirror = mirror
        self._run = run
        self._refused: tuple[str, str] | None = None

    def fetch(self) -> Fetched:
        """Return what the repository's branch is now; its objects are in the mirror then.

        Raises SourceError when the repository cannot be reached or git refuses what it holds.
        """
        while True:
            with hold(self._mirror) as lock:
                fetched = self._try(lock)
                if fetched is not None:
                    return fetched
                git_mirror.move_aside(self._mirror)

    def newest(self) -> str | None:
        """Ask the repository for its branch's newest commit, None without one; fetch nothing.

        Raises SourceError when the repository cannot be read.
        """
        git_mirror.settle(self._mirror, self._place)
        return self._there().get(self._branch)

    def _try(self, lock: int) -> Fetched | None:
        """Return what the fetch found, or None when the mirror is damaged and worth a new one."""
        git_mirror.settle(self._mirror, self._place)
        is_begun = git_mirror.is_begun(self._mirror)
        try:
            if git_mirror.is_suspect(self._mirror) and not self._is_sound():
                return None
            git_mirror.make(self._mirror, self._run, lock)
            return self._fetched(lock)
        except GitFailed as failure:
            if is_begun and not self._is_sound():
                return None
            raise failure from None

    def _is_sound(self) -> bool:
        return git_mirror.is_sound(self._mirror, self._run)

    def _fetched(self, lock: int) -> Fetched:
        here = self._refs("for-each-ref", "--format=%(objectname) %(refname)", HEAD_REF, NOTES_REF)
        there = self._there()
        head, old = there.get(self._branch), here.get(HEAD_REF)
        if head is None or head == old:
            return Fetched(head)
        wanted = [f"+{self._branch}:{HEAD_REF}"]
        if NOTES_REF in there and NOTES_REF not in here:
            wanted.append(f"{NOTES_REF}:{NOTES_REF}")
        self._bring(head, wanted, lock)
        new = git_notes.ref(self._run, HEAD_REF) or head
        log.info("fetched", head=new, before=old)
        return Fetched(new)

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
        reached("fetch.before")
        how = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--")
        try:
            self._run(*how, self._place.url, *wanted, lock=lock)
        except GitFailed as failure:
            if "fsck error" not in failure.stderr:
                raise
            self._refused = (head, git_walls.said(failure.stderr, self._place))
            raise _refusal(*self._refused) from failure
        reached("fetch.after")


def _refusal(head: str, reason: str) -> SourceError:
    return SourceError(f"git refused {head}: {reason}", "git-refused", reason=reason)
