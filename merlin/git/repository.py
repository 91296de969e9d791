"""The repository of datasets, read through a bare mirror; the one module that knows GitPython.

Nothing is ever checked out: trees and blobs come from the object database. What lies in the
repository is untrusted (`merlin.git.mirror`): its names never become arguments of git, trees are
asked for by id. Fetching and writing notes hold the mirror's lock; reading needs none, so other
processes may read while the daemon fetches.
"""

from __future__ import annotations

import codecs
import os
import re
import signal
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import takewhile
from pathlib import Path
from sys import intern
from tempfile import TemporaryFile
from typing import IO, BinaryIO, cast

from merlin.core.errors import ConfigError, NotFound, SourceError
from merlin.core.killpoint import kill_point
from merlin.git import mirror, push
from merlin.git.mirror import (
    HEAD_REF,
    GitFailed,
    MirrorFetcher,
    check_branch,
    check_directory,
    check_object_ids,
    git_environment,
    lock_mirror,
)
from merlin.git.remote_url import RemoteUrl, parse_remote_url
from merlin.git.source import GITLINK, Commit, Entry

EMPTY_TREES = frozenset(
    {
        "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
    }
)
COMMIT_LIMIT = 2_000_000
_PERSON = re.compile(rb"(?P<name>[^<>]*)<(?P<email>[^<>]*)> (?P<seconds>\d+)")
_CODECS = re.compile(
    r"utf-8|ascii|iso8859-\d+|cp\d+|koi8-[rtu]|mac-\w+|gb\w+|big5\w*|euc_\w+|shift_jis\w*|tis-620"
)
_MAX_CODEC_LENGTH = 40
_ASCII = bytes(range(0x20, 0x5C))
_MAX_DIGITS = 20
_LAST_SECOND = 253_402_300_799  # the end of the year 9999, where datetime ends


def parse_commits(answers: BinaryIO, positions: Mapping[str, int]) -> Iterator[Commit]:
    """Yield the commits that `cat-file --batch` answers, in the order of `positions`.

    The raw object is read, not what `git log` makes of it: git shows no header at all of a commit
    whose declared encoding it cannot convert. One whose headers cannot be read, or that is over
    COMMIT_LIMIT bytes, comes with `is_readable` False. Raises Unreadable for one that is missing.
    """
    for sha, position in positions.items():
        size = _read_size(answers, sha, "commit")
        raw = answers.read(min(size, COMMIT_LIMIT))
        rest = size - len(raw) + 1
        while rest > 0 and (skipped := answers.read(min(rest, COMMIT_LIMIT))):
            rest -= len(skipped)
        if rest:
            raise unreadable_error(f"{sha} is cut off")
        yield _commit(sha, position, raw, is_whole=size <= COMMIT_LIMIT)


def _commit(sha: str, position: int, raw: bytes, *, is_whole: bool) -> Commit:
    head, _, body = raw.partition(b"\n\n")
    headers: dict[bytes, bytes] = {}
    for line in head.split(b"\n"):
        name, _, value = line.partition(b" ")
        headers.setdefault(name, value)  # the first parent is the one of the line
    codec = _codec(headers.get(b"encoding", b""))
    # git itself shows a message up to its first NUL.
    message = body.partition(b"\0")[0].decode(codec, "replace").strip("\n")
    author, committer = (
        _PERSON.match(headers.get(name, b"")) for name in (b"author", b"committer")
    )
    parent = headers.get(b"parent", b"").decode("ascii", "replace")
    seconds = int(committer["seconds"][:_MAX_DIGITS]) if committer else 0
    return Commit(
        sha=sha,
        parent=parent or None,
        position=position,
        author_name=author["name"].decode(codec, "replace").strip() if author else "",
        author_email=author["email"].decode(codec, "replace") if author else "",
        committed_at=datetime.fromtimestamp(min(seconds, _LAST_SECOND), UTC),
        subject=message.partition("\n")[0],
        message=message,
        is_readable=is_whole and author is not None and committer is not None,
    )


def _codec(declared: bytes) -> str:
    """Return the codec of a commit's text: the declared one, UTF-8 where it cannot be that.

    The headers are lines of ASCII, so UTF-16 and the like are never true.
    """
    try:
        name = codecs.lookup(declared.decode("ascii")[:_MAX_CODEC_LENGTH]).name
    except (LookupError, ValueError):
        return "utf-8"
    is_known = _CODECS.fullmatch(name) and _ASCII.decode(name, "replace") == _ASCII.decode()
    return name if is_known else "utf-8"


def parse_blobs(answers: BinaryIO, names: Sequence[str], limit: int) -> Iterator[tuple[str, bytes]]:
    """Yield (blob, bytes) from what `cat-file --batch` answers to `names`.

    Raises SourceError for a blob that is missing, damaged or over `limit` bytes, before any of
    its bytes is read.
    """
    for blob in names:
        size = _read_size(answers, blob, "blob")
        if size > limit:
            text = f"{blob} has {size} bytes, over {limit}"
            raise SourceError(text, "git-large", size=size, limit=limit)
        content = answers.read(size + 1)
        if len(content) != size + 1:
            raise unreadable_error(f"{blob} is cut off")
        yield blob, content[:-1]


class UnreadableObject(SourceError):
    """The mirror lacks an object or holds a damaged one."""


def unreadable_error(reason: str) -> UnreadableObject:
    """Return the error that makes the next fetch check the mirror."""
    return UnreadableObject(
        f"the mirror is not readable: {reason}", "git-unreadable", reason=reason
    )


def _read_size(answers: BinaryIO, name: str, kind: str) -> int:
    """Return the size of the object that is answered next. Raises UnreadableObject."""
    words = answers.readline().decode("ascii", "replace").split()
    if len(words) != 3 or words[1] != kind:  # noqa: PLR2004 - name, kind, size
        raise unreadable_error(f"{name} is {' '.join(words[1:]) or 'cut off'}")
    return int(words[2])


BLOB_LIMIT = 2_000_000
_COMMIT_ID = re.compile(r"[0-9a-f]{4,40}")
_REMEMBERED = 64
_GONE = "000000"
_NOT_FOUND = 127  # the shell's and env's word for a program that is not there


class GitCommand:
    """git on one mirror, behind the walls, in a process group of its own that can be killed."""

    def __init__(self, place: RemoteUrl, mirror: Path, timeout_s: float) -> None:
        try:
            # It runs git when it is imported, and fails where there is none.
            from git import Git, GitCommandNotFound  # noqa: PLC0415 - see above
        except ImportError as error:
            raise ConfigError(f"git cannot be run: {error}", "git-absent") from error
        self._git, self._absent = Git(mirror), GitCommandNotFound
        self._place = place
        self._environment = git_environment(place, mirror)
        self._timeout_s = timeout_s

    def run(
        self,
        *arguments: str,
        feed: bytes = b"",
        lock: int | None = None,
        also: Mapping[str, str] | None = None,
    ) -> bytes:
        """Fulfil `GitRunner`."""
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
        status = process.returncode
        if status == 0:
            return out
        stderr = err.decode("utf-8", "replace")
        reason = f"{arguments[0]}: {mirror.format_stderr(stderr, self._place)}"
        if status < 0 or status == _NOT_FOUND:  # killed, or not even started: it judged nothing
            text = f"git did not run to its end ({status}): {reason}"
            raise SourceError(text, "git-failed", reason=reason)
        raise GitFailed(reason, status, stderr)

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
                [*without, "git", *mirror.OPTIONS, *arguments],
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
        self.place = parse_remote_url(url)
        self.branch = f"refs/heads/{check_branch(branch)}"
        self.directory = check_directory(directory)
        self.mirror = mirror.absolute()
        self._push_notes = push_notes
        self._git = GitCommand(self.place, self.mirror, timeout_s)
        self.run = self._git.run
        self.fetcher = MirrorFetcher(self.place, self.branch, self.mirror, self.run)
        self._trees: dict[str, dict[str, str]] = {}

    @property
    def is_there(self) -> bool:
        """Return whether there is a mirror; the first fetch makes it."""
        return mirror.mirror_exists(self.mirror)

    def fetch(self) -> str | None:
        """Return the branch's head, None where it is empty or gone."""
        with mirror.as_source_errors():
            return self.fetcher.fetch()

    def newest(self) -> str | None:
        """Return the branch's newest commit as the repository has it, None where none is there."""
        with mirror.as_source_errors():
            return self.fetcher.newest()

    def check_push(self) -> None:
        """Ask the repository whether it would take a push. Raises SourceError."""
        mirror.write_git_config(self.mirror, self.place)
        with mirror.as_source_errors():
            push.check_push(self.run, self.place)

    def line(self, head: str, known: Collection[str], since: Collection[str] = ()) -> list[Commit]:
        """Return the first-parent commits of `head` after the newest known one, oldest first.

        Where none of the line is known: those from the oldest of `since` on, else `head` alone.
        """
        check_object_ids([head])
        with self._reading():
            line = self.run("rev-list", "--first-parent", head, "--").decode().split()
        seen = frozenset(known)
        new = list(takewhile(lambda sha: sha not in seen, line))
        if len(new) == len(line):
            excluded = frozenset(since)
            oldest = max((at for at, sha in enumerate(line) if sha in excluded), default=0)
            new = line[: oldest + 1]
        if not new:
            return []
        positions = {sha: len(line) - at for at, sha in enumerate(new)}
        with self._objects(new) as answers:
            return list(parse_commits(answers, positions))[::-1]

    def dataset_trees(self, commit: str) -> dict[str, str]:
        """Return folder name -> tree id for what lies in the folder of datasets, by name."""
        check_object_ids([commit])
        if commit not in self._trees:
            below = [f"{self.directory}/"] if self.directory else []
            with self._reading():
                entries = list(mirror.list_tree(self.run, commit, "--", *below))
            found = {
                path.rpartition("/")[2]: tree
                for (_, kind, tree), path in entries
                if kind == "tree" and tree not in EMPTY_TREES
            }
            if len(self._trees) >= _REMEMBERED:
                self._trees.clear()
            self._trees[commit] = dict(sorted(found.items()))
        return dict(self._trees[commit])

    def entries(self, commit: str, dataset: str) -> list[Entry]:
        """Return everything in a dataset's folder that is no folder, ordered by path."""
        tree = self.dataset_trees(commit).get(dataset)
        if tree is None:
            return []
        with self._reading():
            found = list(mirror.list_tree(self.run, "-r", "-l", tree))
        entries = (
            Entry(path, blob, intern(mode), 0 if size == "-" else int(size))
            for (mode, _, blob, size), path in found
        )
        return sorted(entries, key=lambda entry: entry.path)

    def changes(self, old: str, new: str) -> dict[str, Entry | None] | None:
        """Return path -> leaf of what differs between two trees, None for one that is gone.

        None altogether where the mirror has not got the `old` one any more.
        """
        check_object_ids([old, new])
        with self._reading():
            if "" in self._sizes([old]).values():
                return None
            moved = list(mirror.diff_trees(self.run, old, new))
            blobs = {blob for mode, blob, _ in moved if mode not in (_GONE, GITLINK)}
            sizes = self._sizes(sorted(blobs))
        return {
            path: None if mode == _GONE else Entry(path, blob, mode, int(sizes.get(blob) or 0))
            for mode, blob, path in sorted(moved, key=lambda each: each[2])
        }

    def _sizes(self, names: Sequence[str]) -> dict[str, str]:
        """Return the size of each object in bytes, "" for one that is not there."""
        if not names:
            return {}
        stdin = "".join(f"{name}\n" for name in names).encode()
        sizes = self.run("cat-file", "--batch-check=%(objectsize)", feed=stdin).decode().split("\n")
        found = (size if size.isdecimal() else "" for size in sizes)
        return dict(zip(names, found, strict=False))

    def read(self, blobs: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield (blob, bytes) in the order asked; SourceError for one over 2,000,000 bytes."""
        names = list(blobs)
        check_object_ids(names)
        if not names:
            return
        with self._objects(names) as answers:
            yield from parse_blobs(answers, names, BLOB_LIMIT)

    def note(self, commit: str, text: str) -> None:
        check_object_ids([commit])
        with mirror.as_source_errors(), lock_mirror(self.mirror) as lock:
            push.write_note(self.run, commit, text, lock)
            kill_point("note.written")

    def notes(self) -> Iterator[tuple[str, str]]:
        """Yield (commit, text) of all notes, ours and those of the repository.

        Not by `git grep`: it compiles what it looks for, which the daemon's service forbids.
        """
        with self._reading():
            notes = sorted(push.list_notes(self.run))
        texts = self.read(blob for blob, _ in notes)
        for (_, commit), (_, content) in zip(notes, texts, strict=True):
            yield commit, content.decode("utf-8", "replace")

    def share_notes(self) -> None:
        if self._push_notes:
            with mirror.as_source_errors():
                push.push_notes(self.run, self.place.url, partial(lock_mirror, self.mirror))

    def clean(self, needed: Collection[str], days: int, now: datetime) -> None:
        check_object_ids(needed)
        with mirror.as_source_errors():
            if not mirror.mirror_exists(self.mirror):
                return
            with lock_mirror(self.mirror) as lock:
                is_due = mirror.is_cleaning_due(self.mirror, now)
                if is_due:
                    mirror.pin_commits(self.run, needed, lock)
            if is_due:
                # Safe beside other writers, who would wait for it in vain.
                self.run("gc", "--quiet", f"--prune={days}.days.ago")

    def resolve(self, revision: str) -> str:
        """Return the id of a commit named by a beginning of its id, or by `HEAD`.

        `HEAD` is the followed branch as last fetched. Raises NotFound.
        """
        named = HEAD_REF if revision == "HEAD" else revision
        arguments = {"revision": revision[:100]}
        if named != HEAD_REF and not _COMMIT_ID.fullmatch(named):
            raise NotFound(f"no commit id: {revision[:100]!r}", "git-no-commit", **arguments)
        with mirror.as_source_errors():
            try:
                found = self.run("rev-parse", "--verify", "--quiet", f"{named}^{{commit}}")
            except GitFailed as failure:
                raise NotFound(f"no commit {revision}", "git-no-commit", **arguments) from failure
        return found.decode().strip()

    @contextmanager
    def _objects(self, names: Sequence[str]) -> Iterator[BinaryIO]:
        """Yield what `cat-file --batch` answers to these ids."""
        with self._reading(), TemporaryFile() as stdin:
            stdin.write("".join(f"{name}\n" for name in names).encode())
            stdin.seek(0)
            with self._git.stream("cat-file", "--batch", "--buffer", feed=stdin) as answers:
                yield answers

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Mark the mirror for a check when something in it cannot be read."""
        with mirror.as_source_errors():
            try:
                yield
            except GitFailed as failure:
                mirror.mark_suspect(self.mirror)
                raise unreadable_error(str(failure)) from failure
            except UnreadableObject:
                mirror.mark_suspect(self.mirror)
                raise
