"""The repository of datasets, read through a bare mirror; the one file that knows GitPython.

Nothing is ever checked out: trees and blobs come from the object database. What lies in the
repository is untrusted; the walls are in `git_walls`. Fetching and writing notes hold the
mirror's lock; reading needs none, so other processes may read while the daemon fetches.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, BinaryIO, cast

from merlin.adapters import git_mirror, git_notes, git_read, git_walls
from merlin.adapters.git_address import Address, address
from merlin.adapters.git_commit import GitBranch, Place
from merlin.adapters.git_fetch import Fetcher
from merlin.adapters.git_walls import HEAD_REF, GitFailed
from merlin.adapters.mirror_lock import hold
from merlin.core.errors import ConfigError, NotFound, SourceError
from merlin.core.killpoint import reached
from merlin.dataset.source import Commit, Entry, Fetched

BLOB_LIMIT = 2_000_000
_COMMIT_ID = re.compile(r"[0-9a-f]{4,40}")
_REMEMBERED = 64
_NOT_FOUND = 127  # the shell's and env's word for a program that is not there


class GitCommand:
    """git on one mirror, behind the walls, in a process group of its own that can be killed."""

    def __init__(self, place: Address, mirror: Path, timeout_s: float) -> None:
        try:
            # It runs git when it is imported, and fails where there is none.
            from git import Git, GitCommandNotFound  # noqa: PLC0415 - see above
        except ImportError as error:
            raise ConfigError(f"git cannot be run: {error}", "git-absent") from error
        self._git, self._absent = Git(mirror), GitCommandNotFound
        self._place = place
        self._environment = git_walls.environment(place, mirror)
        self._timeout_s = timeout_s

    def run(
        self,
        *arguments: str,
        feed: bytes = b"",
        lock: int | None = None,
        also: Mapping[str, str] | None = None,
    ) -> bytes:
        """Fulfil `git_walls.Run`."""
        process = self._start(arguments, subprocess.PIPE if feed else None, lock, also)
        try:
            out, err = process.communicate(feed or None, self._timeout_s)
        except subprocess.TimeoutExpired as late:
            with suppress(ProcessLookupError):  # git may be gone and its helper still there
                os.killpg(process.pid, signal.SIGKILL)
            text = f"git {arguments[0]} took longer than {self._timeout_s:g} s"
            raise SourceError(text, "git-slow", seconds=self._timeout_s) from late
        finally:
            _end(process)
        if process.returncode:
            raise self._failure(arguments[0], process.returncode, err.decode("utf-8", "replace"))
        return out

    def _failure(self, command: str, status: int, told: str) -> SourceError:
        reason = f"{command}: {git_walls.said(told, self._place)}"
        if status < 0 or status == _NOT_FOUND:  # killed, or not even started: it judged nothing
            text = f"git did not run to its end ({status}): {reason}"
            return SourceError(text, "git-failed", reason=reason)
        return GitFailed(reason, status, told)

    @contextmanager
    def stream(self, *arguments: str, feed: IO[bytes]) -> Iterator[BinaryIO]:
        """Yield what the command prints while it reads the file `feed`: nobody waits for nobody."""
        process = self._start(arguments, feed, None)
        try:
            yield cast("BinaryIO", process.stdout)
        finally:
            _end(process)

    def _start(
        self,
        arguments: Sequence[str],
        feed: IO[bytes] | int | None,
        lock: int | None,
        also: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        known = {**self._environment, **(also or {})}
        strange = [name for name in os.environ if name.startswith("GIT_") and name not in known]
        # GitPython hands our whole environment on; only `env` takes something out of it.
        without = ["env", *(part for name in strange for part in ("-u", name))] if strange else []
        try:
            handle = self._git.execute(
                [*without, "git", *git_walls.OPTIONS, *arguments],
                istream=cast("BinaryIO | None", feed),
                as_process=True,
                env=known,
                start_new_session=True,
                pass_fds=() if lock is None else (lock,),
            )
        except self._absent as error:
            raise SourceError("git cannot be run", "git-absent") from error
        # The handle would end the process as soon as nobody holds it; `_end` does that here.
        process, handle.proc = handle.proc, None
        return cast("subprocess.Popen[bytes]", process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave no child, grandchild or pipe behind."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None and not pipe.closed:
            pipe.close()
    process.wait()


class GitSource:
    """A repository of datasets in git, on this machine or on another."""

    def __init__(
        self,
        url: str,
        branch: str,
        directory: str,
        mirror: Path,
        push_notes: bool = False,  # noqa: FBT001, FBT002 - a setting of config.yaml, given by name
        timeout_s: float = 120.0,
    ) -> None:
        """Take the settings of `repository` in config.yaml; nothing is fetched yet.

        Raises ConfigError when url, branch or directory may not be shown to git.
        """
        self._place = address(url)
        branch_ref = f"refs/heads/{git_walls.check_branch(branch)}"
        self._directory = git_walls.check_directory(directory)
        self._mirror = mirror.absolute()
        self._push_notes = push_notes
        self._git = GitCommand(self._place, self._mirror, timeout_s)
        self._fetcher = Fetcher(self._place, branch_ref, self._mirror, self._git.run)
        self._trees: dict[str, dict[str, str]] = {}
        place = Place(self._place, branch_ref, self._directory)
        self.branch = GitBranch(place, self._mirror, self._git.run, self._fetcher)

    def fetch(self) -> Fetched:
        with git_mirror.plain_errors():
            return self._fetcher.fetch()

    def newest(self) -> str | None:
        """Return the branch's newest commit as the repository has it, None where none is there."""
        with git_mirror.plain_errors():
            return self._fetcher.newest()

    def line(self, head: str, known: Collection[str]) -> list[Commit]:
        _check_names([head])
        with self._reading():
            new = git_read.new_line(self._git.run, head, known)
        if not new:
            return []
        with self._objects(list(new)) as answers:
            return list(git_read.commits(answers, new))[::-1]

    def dataset_trees(self, commit: str) -> dict[str, str]:
        _check_names([commit])
        if commit not in self._trees:
            with self._reading():
                found = git_read.trees(self._git.run, commit, self._directory)
            if len(self._trees) >= _REMEMBERED:
                self._trees.clear()
            self._trees[commit] = found
        return dict(self._trees[commit])

    def entries(self, commit: str, dataset: str) -> list[Entry]:
        tree = self.dataset_trees(commit).get(dataset)
        if tree is None:
            return []
        with self._reading():
            return git_read.leaves(self._git.run, tree)

    def read(self, blobs: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield (blob, bytes) in the order asked; SourceError for one over 2,000,000 bytes."""
        asked = list(blobs)
        _check_names(asked)
        if not asked:
            return
        with self._objects(asked) as answers:
            yield from git_read.contents(answers, asked, BLOB_LIMIT)

    def note(self, commit: str, text: str) -> None:
        _check_names([commit])
        with git_mirror.plain_errors(), hold(self._mirror) as lock:
            git_notes.write(self._git.run, commit, text, lock)
            reached("note.written")

    def share_notes(self) -> None:
        if self._push_notes:
            with git_mirror.plain_errors():
                git_notes.push(self._git.run, self._place.url, partial(hold, self._mirror))

    def clean(self, needed: Collection[str], days: int, now: datetime) -> None:
        _check_names(needed)
        with git_mirror.plain_errors():
            if not git_mirror.is_begun(self._mirror):
                return
            with hold(self._mirror) as lock:
                is_due = git_mirror.mark_clean(self._mirror, now)
                if is_due:
                    git_mirror.keep(self._git.run, needed, lock)
            if is_due:
                # Safe beside other writers, who would wait for it in vain.
                self._git.run("gc", "--quiet", f"--prune={days}.days.ago")

    def resolve(self, revision: str) -> str:
        """Return the id of a commit named by a beginning of its id, or by `HEAD`.

        `HEAD` is the followed branch as last fetched. Raises NotFound.
        """
        named = HEAD_REF if revision == "HEAD" else revision
        told = {"revision": revision[:100]}
        if named != HEAD_REF and not _COMMIT_ID.fullmatch(named):
            raise NotFound(f"no commit id: {revision[:100]!r}", "git-no-commit", **told)
        with git_mirror.plain_errors():
            try:
                found = self._git.run("rev-parse", "--verify", "--quiet", f"{named}^{{commit}}")
            except GitFailed as failure:
                raise NotFound(f"no commit {revision}", "git-no-commit", **told) from failure
        return found.decode().strip()

    @contextmanager
    def _objects(self, names: Sequence[str]) -> Iterator[BinaryIO]:
        """Yield what `cat-file --batch` answers to these ids."""
        with self._reading(), TemporaryFile() as asked:
            asked.write("".join(f"{name}\n" for name in names).encode())
            asked.seek(0)
            with self._git.stream("cat-file", "--batch", "--buffer", feed=asked) as answers:
                yield answers

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Mark the mirror for a check when something in it cannot be read."""
        with git_mirror.plain_errors():
            try:
                yield
            except GitFailed as failure:
                git_mirror.suspect(self._mirror)
                raise git_read.unreadable(str(failure)) from failure
            except git_read.Unreadable:
                git_mirror.suspect(self._mirror)
                raise


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        if not git_walls.is_object(name):
            raise SourceError(f"not an object id: {name[:100]!r}", "git-name", name=name[:100])
