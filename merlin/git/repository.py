"""Read the repository of datasets through a bare mirror; the only module that uses GitPython.

Nothing is checked out: trees and blobs are read from the object database. The repository's content
is untrusted (`merlin.git.mirror`): its names never become arguments of git, trees are requested by
id. Writers lock the mirror; readers do not, so other processes can read while the daemon fetches.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count, takewhile
from pathlib import Path
from sys import intern
from tempfile import TemporaryFile
from threading import Timer
from typing import TYPE_CHECKING, BinaryIO, cast

from merlin.core.clock import is_recent
from merlin.core.errors import ConfigError, SourceError
from merlin.core.log import get_logger
from merlin.core.repository_place import (
    RemoteUrl,
    check_branch,
    check_directory,
    parse_remote_url,
)
from merlin.git import mirror
from merlin.git.mirror import (
    BRANCHES,
    GitFailed,
    MirrorFetcher,
    TooManyFiles,
    UnreadableMirror,
    check_object_ids,
    git_environment,
    lock_mirror,
)
from merlin.git.server_answers import find_meaning
from merlin.git.source import EMPTY_TREE, GITLINK, TOO_MANY, TREE, Commit, TreeEntry

if TYPE_CHECKING:
    from git import Git

log = get_logger(__name__)
MAX_COMMIT_LENGTH = 100_000  # characters of a message
# Only the last field may have several lines.
_COMMIT_FORMAT = "--format=%H%n%P%n%an%n%ae%n%ct%n%B"
_LAST_SECOND = 253_402_300_799  # the end of the year 9999, the limit of datetime


def parse_commit(shown: bytes, position: int = 0) -> Commit:
    """Return a commit that git has shown as `_COMMIT_FORMAT`; a longer message is cut."""
    # What is shown is cut: a name of a megabyte leaves no room for the fields after it.
    whole = shown.decode("utf-8", "replace") + "\n" * 5
    sha, parents, name, email, seconds, message = whole.split("\n", 5)
    text = message.strip("\n")[:MAX_COMMIT_LENGTH]
    return Commit(
        sha=sha,
        parent=parents.partition(" ")[0] or None,
        position=position,
        author_name=name,
        author_email=email,
        committed_at=datetime.fromtimestamp(min(int(seconds or 0), _LAST_SECOND), UTC),
        subject=text.partition("\n")[0],
        message=text,
    )


def parse_blobs(answers: BinaryIO, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield (blob, bytes) from the output of `cat-file --batch` for `names`.

    Raises UnreadableMirror for a missing or damaged blob.
    """
    for blob in names:
        size = _read_size(answers, blob)
        content = answers.read(size + 1)
        if len(content) != size + 1:
            raise UnreadableMirror(f"{blob} is cut off")
        yield blob, content[:-1]


def _read_size(answers: BinaryIO, name: str) -> int:
    """Return the size of the next object in the output. Raises UnreadableMirror."""
    fields = answers.readline().decode("ascii", "replace").split()
    if len(fields) != 3 or fields[1] != "blob":  # noqa: PLR2004 - name, kind, size
        raise UnreadableMirror(f"{name} is {' '.join(fields[1:]) or 'cut off'}")
    return int(fields[2])


_MAX_CACHED_TREES = 64
_MAX_KEPT_BYTES = 1_000_000
_MAX_FOLLOWING = 100
_CLEANING_INTERVAL = timedelta(days=1)
# Commits of one look through the history: 1,000 with 10,000 examples take 0.6 s, on two busy cores;
# 20,000 with 100,000 take 22 s.
MAX_WALKED = 20_000
# Of one part of an output, at least `MAX_COMMIT_LENGTH` letters: a message compresses to nothing.
_MAX_PART = 4 * MAX_COMMIT_LENGTH
# Of a git that lists: diff-tree collects all differences of a commit before it writes the first.
_MAX_GIT_BYTES = 500_000_000
_PIECE = 65_536
_NOT_FOUND = 127  # exit status of the shell and of env for a missing program


class GitCommand:
    """Runs git on one mirror, with limits, in its own process group, which can be killed.

    GitPython's `kill_after_timeout` finds git's helpers by `ps` or `pgrep`, which an image need not
    have, and a transfer is stopped and memory limited by the process. So its handle is used.
    """

    def __init__(self, remote: RemoteUrl, mirror: Path, timeout_s: float) -> None:
        try:
            # GitPython runs git at import, and raises ImportError without it.
            from git import Git  # noqa: PLC0415 - see above
        except ImportError as error:
            raise ConfigError(f"git cannot be run: {error}", "git-absent") from error
        self._git = Git(mirror)
        self._git.update_environment(**git_environment(remote, mirror))
        self._remote = remote
        self._timeout_s = timeout_s
        self._transfer: Git.AutoInterrupt | None = None

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        lock: int | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 0.0,
    ) -> bytes:
        """Run a command and return its output; a writing child inherits the descriptor `lock`.

        `env` adds to the environment, `timeout_s` replaces the usual limit. Raises GitFailed, or
        SourceError if the command timed out and was killed.
        """
        limit_s = timeout_s or self._timeout_s
        with self.running(*arguments, stdin=stdin, lock=lock, env=env) as process:
            if timeout_s:
                self._transfer = process
            try:
                stdout, stderr = process.communicate(timeout=limit_s)
            except subprocess.TimeoutExpired as error:
                _kill_group(process)
                text = f"git {arguments[0]} took longer than {limit_s:g} s"
                raise SourceError(text, "git-slow", seconds=limit_s) from error
        self._check(arguments, process.returncode, stderr)
        return cast("bytes", stdout)

    def _check(
        self, arguments: Sequence[str], status: int, stderr_bytes: bytes
    ) -> None:
        """Raise GitFailed or SourceError for a command that ended with a status other than 0."""
        if status == 0:
            return
        stderr = stderr_bytes.decode("utf-8", "replace")
        reason = f"{arguments[0]}: {mirror.format_stderr(stderr, self._remote)}"
        # Killed or not started: it decided nothing.
        if status < 0 or status == _NOT_FOUND:
            text = f"git did not run to its end ({status}): {reason}"
            raise SourceError(text, "git-failed", reason=reason)
        key = find_meaning(stderr, self._remote)
        raise GitFailed(reason, status, stderr, key, self._remote.url)

    def stop_transfer(self) -> None:
        """Kill the command with a limit of its own, if one runs: it may take an hour."""
        if self._transfer is not None and self._transfer.poll() is None:
            _kill_group(self._transfer)

    def read_parts(
        self, *arguments: str, stdin: bytes = b"", end: bytes = b"\0"
    ) -> Iterator[bytes]:
        """Yield the parts of a command's output, without what is over `_MAX_PART` of each.

        The command ends when the iterator does. Raises as `run` does, and TooManyFiles if git needs
        more memory than `_MAX_GIT_BYTES`.
        """
        with self.running(*arguments, stdin=stdin) as process:
            resource.prlimit(
                process.pid, resource.RLIMIT_DATA, (_MAX_GIT_BYTES, _MAX_GIT_BYTES)
            )
            alarm = Timer(self._timeout_s, _kill_group, [process])
            alarm.start()
            try:
                yield from split_parts(process.stdout, end)
                _, stderr = process.communicate()
            finally:
                alarm.cancel()
        if process.returncode and b"Out of memory" in stderr:
            raise TooManyFiles
        self._check(arguments, process.returncode, stderr)

    @contextmanager
    def running(
        self,
        *arguments: str,
        stdin: bytes,
        lock: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Iterator[Git.AutoInterrupt]:
        """Start a command and yield its handle, whose attributes are those of a `Popen`.

        The command reads a file: with a pipe it and its reader would wait for each other.
        """
        known = {**self._git.environment(), **(env or {})}
        unset = [
            f"-u{name}"
            for name in os.environ
            if name.startswith("GIT_") and name not in known
        ]
        # GitPython passes on our environment; only the `env` command can remove variables.
        program = ["env", *unset, "git"] if unset else ["git"]
        with TemporaryFile() as file:
            file.write(stdin)
            file.seek(0)
            process = self._git.execute(
                [*program, *mirror.OPTIONS, *arguments],
                istream=cast("BinaryIO", file),
                as_process=True,
                env=env,
                start_new_session=True,
                pass_fds=() if lock is None else (lock,),
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                _kill_group(process)
            process.stdout.close()
            process.stderr.close()
            process.communicate()  # waits for its end; the handle's own `wait` reads the pipes


def split_parts(output: BinaryIO, end: bytes) -> Iterator[bytes]:
    """Yield the parts of an output that end with `end`, each cut to `_MAX_PART` bytes or some more.

    Reads as much as is asked for.
    """
    rest = b""
    while piece := output.read(_PIECE):
        *parts, rest = (rest[:_MAX_PART] + piece).split(end)
        yield from parts
    if rest:
        yield rest


def _kill_group(process: Git.AutoInterrupt) -> None:
    with suppress(
        ProcessLookupError
    ):  # git may have exited while its helper still runs
        os.killpg(process.pid, signal.SIGKILL)


class GitSource:
    """A git repository of datasets, local or remote."""

    def __init__(
        self,
        url: str,
        branch: str,
        directory: str,
        mirror: Path,
        timeout_s: float = 120.0,
        transfer_s: float = 3600.0,
        max_trees: int = _MAX_CACHED_TREES,
    ) -> None:
        """Take the settings of `repository` in config.yaml; nothing is fetched yet.

        `transfer_s` limits fetching objects: git begins a stopped transfer anew, so with a short
        limit a large repository would never arrive by a slow line. `max_trees`: the commits whose
        folders are remembered.

        Raises ConfigError if url, branch or directory are not safe to pass to git.
        """
        self.remote = parse_remote_url(url)
        self.branch = f"{BRANCHES}{check_branch(branch)}"
        self.directory = check_directory(directory)
        self.mirror = mirror.absolute()
        self._git = GitCommand(self.remote, self.mirror, timeout_s)
        self.run = self._git.run
        self.read_parts = self._git.read_parts
        self.stop_transfer = self._git.stop_transfer
        self._fetcher = MirrorFetcher(
            self.remote, self.branch, self.mirror, self.run, transfer_s
        )
        self._trees: dict[str, dict[str, str]] = {}
        # Of one dataset, the last: a commit's files are checked, and then shown to editors.
        self._listed: tuple[str, list[TreeEntry]] = (EMPTY_TREE, [])
        # A few files read last: what a commit changed is checked, and then shown to editors.
        self._kept: dict[str, bytes] = {}
        self._max_trees = max_trees
        self._cleaned_at: datetime | None = None

    @property
    def has_mirror(self) -> bool:
        """Return whether the mirror exists; the first fetch creates it."""
        return mirror.mirror_exists(self.mirror)

    def fetch(self) -> str | None:
        """Fetch the branch; return its head, None if it is empty or deleted."""
        with mirror.as_source_errors():
            return self._fetcher.fetch()

    def remote_head(self) -> str | None:
        """Return the branch's head in the remote repository, None if there is none."""
        with mirror.as_source_errors():
            return self._fetcher.remote_head()

    def commits_since(
        self,
        head: str,
        known: Container[str],
        newest: tuple[str, int] | None = None,
    ) -> list[Commit]:
        """Return the first-parent commits of `head` after the newest known one, oldest first.

        Only `head` if no commit of that history is known. `newest` is the newest known one with
        its position: where all new ones follow it, the history before it is not read.
        """
        check_object_ids([head])
        with self._reading():
            if newest and (following := self._list_following(*newest, head)):
                return following
            walk = ("rev-list", "--first-parent", head, "--")
            shas = [sha.decode() for sha in self.read_parts(*walk, end=b"\n")]
            new = list(takewhile(lambda sha: sha not in known, shas))
            if len(new) == len(shas):
                new = [head]
            if not new:
                return []
            ids = "".join(f"{sha}\n" for sha in new).encode()
            show = ("log", "-z", "--no-walk=unsorted", "--stdin", _COMMIT_FORMAT)
            shown = self.read_parts(*show, stdin=ids)
            positions = range(len(shas), 0, -1)
            commits = map(parse_commit, shown, positions)
            return list(commits)[::-1]

    def _list_following(self, sha: str, position: int, head: str) -> list[Commit]:
        """Return the first-parent commits from `sha` to `head`, [] if they do not follow it."""
        walk = ("log", "-z", "--first-parent", f"--max-count={_MAX_FOLLOWING}")
        try:
            shown = list(self.read_parts(*walk, _COMMIT_FORMAT, head, f"^{sha}", "--"))
        except GitFailed:  # the mirror does not have it any more
            return []
        commits = list(map(parse_commit, reversed(shown), count(position + 1)))
        return commits if commits and commits[0].parent == sha else []

    def find_writers(
        self, commit: str, folders: Iterable[str], limit: int = MAX_WALKED
    ) -> dict[str, dict[str, Commit]]:
        """Return folder -> path -> the newest commit that gave the file its content at `commit`.

        A file that the newest `limit` commits did not write is missing, and so is one that was
        last written before a commit with too many files in one of the folders. The commits have
        the position 0.
        """
        check_object_ids([commit])
        blobs = {
            (folder, entry.path): entry.blob
            for folder in folders
            for entry in self.entries(commit, folder)
            if entry is not TOO_MANY
        }
        if not blobs:
            return {}
        with self._reading():
            written = self._find_written(commit, blobs, limit)
            commits = {shown: parse_commit(shown) for shown in {*written.values()}}
        writers: dict[str, dict[str, Commit]] = {}
        for (folder, path), shown in written.items():
            writers.setdefault(folder, {})[path] = commits[shown]
        return writers

    def _find_written(
        self, commit: str, blobs: Mapping[tuple[str, str], str], limit: int
    ) -> dict[tuple[str, str], bytes]:
        """Return folder and path -> the newest commit that wrote the blob, as git shows it."""
        start = f"{self.directory}/" if self.directory else ""
        places = sorted({f":(literal,top){start}{folder}" for folder, _ in blobs})
        written: dict[tuple[str, str], bytes] = {}
        try:
            for shown, blob, path in mirror.list_written(
                self.read_parts, _COMMIT_FORMAT, commit, limit, *places
            ):
                folder, _, name = path.removeprefix(start).partition("/")
                if blobs.get((folder, name)) == blob:
                    written.setdefault((folder, name), shown)
                    if len(written) == len(blobs):
                        break
        except SourceError as failure:  # too many for us, or for git's memory or time
            log.warning(
                "writers of files stay unknown", commit=commit, reason=str(failure)
            )
        return written

    def dataset_trees(self, commit: str) -> Mapping[str, str]:
        """Return folder name -> tree id of the dataset folders, ordered by name.

        A submodule is an empty folder here, so that it is rejected and not silently left out.
        """
        check_object_ids([commit])
        known = self._trees.get(commit)  # another thread may clear them all
        if known is None:
            paths = [f"{self.directory}/"] if self.directory else []
            with self._reading():
                entries = mirror.list_tree(self.read_parts, commit, "--", *paths)
                trees = {
                    path.rpartition("/")[2]: EMPTY_TREE if mode == GITLINK else tree
                    for (mode, kind, tree), path in entries
                    if mode == GITLINK or (kind == "tree" and tree != EMPTY_TREE)
                }
            if len(self._trees) >= self._max_trees:
                self._trees.clear()
            known = self._trees[commit] = dict(sorted(trees.items()))
        return known

    def entries(self, commit: str, dataset: str) -> list[TreeEntry]:
        """Return all files of a dataset's folder, ordered by path; of too many only `TOO_MANY`."""
        tree = self.dataset_trees(commit).get(dataset, EMPTY_TREE)
        listed_tree, entries = self._listed
        if listed_tree != tree:
            entries = self._list_files(tree)
            self._listed = (tree, entries)
        return entries

    def _list_files(self, tree: str) -> list[TreeEntry]:
        # With the folders (-t): they count as well, and may contain nothing.
        listed = mirror.list_tree(self.read_parts, "-r", "-t", "-l", tree)
        with self._reading():
            try:
                entries = [
                    TreeEntry(path, blob, intern(mode), 0 if size == "-" else int(size))
                    for (mode, kind, blob, size), path in listed
                    if kind != "tree"
                ]
            except TooManyFiles:
                return [TOO_MANY]
        return sorted(entries, key=lambda entry: entry.path)

    def list_changed(self, commit: str, dataset: str) -> list[tuple[str, str, str]]:
        """Return path, blob before and blob after of each file that a commit changed in a dataset.

        Compared with its first parent; a blob is "" where there is no file. A file that was renamed
        and edited has its new path. Raises TooManyFiles.
        """
        check_object_ids([commit])
        folder = f"{self.directory}/{dataset}" if self.directory else dataset
        parts = mirror.limit_listing(
            self.read_parts(
                "diff-tree",
                "--root",
                "-r",
                "-t",
                "-z",
                "--find-renames=30%",
                "--no-commit-id",
                "--diff-merges=first-parent",
                commit,
                "--",
                f":(literal,top){folder}",
            )
        )
        fields = (part.decode("utf-8", "surrogateescape") for part in parts)
        changed = []
        with self._reading():
            for field in fields:
                *modes, before, after, status = field.removeprefix(":").split()
                path = next(fields)
                if status.startswith("R"):
                    path = next(fields)
                if TREE not in modes:
                    old, new = (blob.strip("0") and blob for blob in (before, after))
                    changed.append((path.removeprefix(f"{folder}/"), old, new))
        return changed

    def read_small(self, blobs: Iterable[str], limit: int) -> dict[str, bytes]:
        """Return the content of those blobs that have at most `limit` bytes."""
        sizes = mirror.read_objects(self.run, blobs, "objectsize")
        return dict(
            self.read(
                blob for blob, size in sizes.items() if size and int(size) <= limit
            )
        )

    def read(self, blobs: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield (blob, bytes) in the given order."""
        object_ids = list(blobs)
        check_object_ids(object_ids)
        kept = self._kept
        missing = [name for name in object_ids if name not in kept]
        if not missing:
            yield from ((name, kept[name]) for name in object_ids)
            return
        ids = "".join(f"{name}\n" for name in missing).encode()
        batch = self._git.running("cat-file", "--batch", "--buffer", stdin=ids)
        fresh: dict[str, bytes] = {}
        size = 0
        with self._reading(), batch as process:
            found = parse_blobs(process.stdout, missing)
            for name in object_ids:
                content = kept[name] if name in kept else next(found)[1]
                size += len(content)
                if size <= _MAX_KEPT_BYTES:
                    fresh[name] = content
                yield name, content
        both = {**kept, **fresh}
        is_small = sum(map(len, both.values())) <= _MAX_KEPT_BYTES
        self._kept = both if is_small else fresh

    def clean(self, needed_commits: Collection[str], days: int, now: datetime) -> None:
        """Delete objects unreachable for `days` days, once a day.

        Needed commits are kept, and for a week after they are needed no more.
        """
        check_object_ids(needed_commits)
        if not self.has_mirror or (
            self._cleaned_at and is_recent(self._cleaned_at, now, _CLEANING_INTERVAL)
        ):
            return
        with mirror.as_source_errors():
            with lock_mirror(self.mirror) as lock:
                mirror.pin_commits(self.run, needed_commits, lock, now)
            # Without the lock: gc is safe beside other writers, who would wait needlessly.
            self.run("gc", "--quiet", f"--prune={days}.days.ago")
        self._cleaned_at = now

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Raise UnreadableMirror if an object cannot be read."""
        with mirror.as_source_errors():
            try:
                yield
            except GitFailed as failure:
                raise UnreadableMirror(str(failure)) from failure
