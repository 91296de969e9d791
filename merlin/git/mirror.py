"""The bare mirror on disk: fetching, checking and locking it, and the limits set for git.

The lock (`core.durable_files`) is a file in the mirror. Every git child that writes inherits it, so
it stays locked until the last child of a killed owner has exited too. While the owner works, the
file contains its pid; a pid found at the start means that the last owner did not finish.

A fetch first lists the remote's refs; if the branch is unchanged, it ends there. A commit that
git's checks reject never becomes the head, and is not fetched again until the branch changes.

The limits define which names are accepted and what git may read and do. Source: the advisories of
git and GitPython since CVE-2022-24439, and trials of hostile trees.
"""

import base64
import os
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from merlin.core.durable_files import try_lock
from merlin.core.errors import SourceError
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.core.repository_place import CONTROL, RemoteUrl
from merlin.git.server_answers import MOVED, SHA256, WEB_PAGE, find_page
from merlin.git.source import MAX_LISTED, MAX_LISTED_BYTES

log = get_logger(__name__)

HEAD_REF = "refs/merlin/head"
BRANCHES = "refs/heads/"
CONFIG_NAME = "merlin.gitconfig"

# Servers add rules and empty lines around their messages.
_RELEVANT_LINE = re.compile(
    r"(fatal|error|ERROR|remote(?!: hint:)|ssh):.*\w|.*Permission denied|@ +WARNING: |Load key "
    r"|Host key verification failed|(kex_exchange_identification: )?Connection "
)
_MAX_STDERR_LINES = 6
_MAX_STDERR_LENGTH = 500
_OBJECT_ID = re.compile(r"[0-9a-f]{40}")
SHA256_LENGTH = 64

# These override whatever the repository, its server or the machine's settings say.
OPTIONS = tuple(
    part
    for setting in (
        "core.hooksPath=/dev/null",
        "core.fsmonitor=",
        "core.symlinks=false",
        "protocol.ext.allow=never",
        "transfer.fsckObjects=true",
        "fetch.recurseSubmodules=false",
        # Always store a pack, which git publishes by one rename: a refused or killed fetch then
        # leaves no loose objects that a later check would take for damage.
        "fetch.unpackLimit=1",
        "gc.autoDetach=false",
        "gc.pruneExpire=never",
        "http.lowSpeedLimit=1000",
        "http.lowSpeedTime=30",
        "i18n.logOutputEncoding=UTF-8",
        "log.showSignature=false",
    )
    for part in ("-c", setting)
)


class GitFailed(SourceError):
    """git exited with `status`, which is not 0; callers interpret `stderr`."""

    def __init__(
        self, reason: str, status: int, stderr: str, key: str, target: str
    ) -> None:
        super().__init__(f"git failed: {reason}", key, reason=reason, target=target)
        self.status = status
        self.stderr = stderr


class UnreadableMirror(SourceError):
    """The mirror lacks an object or is damaged: an operator deletes it, and it is fetched again."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the mirror is not readable: {reason}", "git-unreadable", reason=reason
        )


class TooManyFiles(SourceError):
    """A listing of git is over `MAX_LISTED` or `MAX_LISTED_BYTES`, and was not read to its end."""

    def __init__(self) -> None:
        super().__init__(
            "git lists too many files", "git-too-many-files", limit=MAX_LISTED
        )


# Runs one git command on the mirror, with the limits of this module: `GitCommand.run`.
GitRunner = Callable[..., bytes]
# Yields the parts of what one git command writes, as it writes them: `GitCommand.read_parts`.
GitLister = Callable[..., Iterator[bytes]]


def read_head(run: GitRunner, mirror: Path) -> str | None:
    """Return the fetched head of the branch, None if there is none."""
    # Its file counts. `gc` packs the refs into another one, which git alone reads.
    with suppress(OSError):
        text = (mirror / HEAD_REF).read_text("ascii", "replace").strip()
        if _OBJECT_ID.fullmatch(text):
            return text
    is_packed = (mirror / "packed-refs").exists()
    if not is_packed and (mirror / BRANCHES).is_dir():  # of a format with such files
        return None
    refs = run("for-each-ref", "--format=%(objectname)", "--", HEAD_REF)
    return refs.decode().strip() or None


def create_repository(run: GitRunner, lock: int | None = None) -> None:
    """Create a bare repository, or complete one."""
    run("init", "--bare", "--quiet", "--template=", "--object-format=sha1", lock=lock)


def limit_listing(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the parts; raise TooManyFiles at the first one over the limits."""
    size = 0
    for count, part in enumerate(parts, 1):
        size += len(part)
        if count > MAX_LISTED or size > MAX_LISTED_BYTES:
            raise TooManyFiles
        yield part


def list_tree(lister: GitLister, *arguments: str) -> Iterator[tuple[list[str], str]]:
    """Yield the fields (mode, type, id …) and the path of each entry that `ls-tree` lists.

    Raises TooManyFiles.
    """
    for line in limit_listing(lister("ls-tree", "-z", "--full-tree", *arguments)):
        fields, _, path = line.decode("utf-8", "surrogateescape").partition("\t")
        yield fields.split(), path


def list_written(
    lister: GitLister, shown: str, commit: str, limit: int, *folders: str
) -> Iterator[tuple[bytes, str, str]]:
    """Yield commit, id and path of each file and folder that was written, the newest first.

    Of the history of `commit`, at most `limit` commits, each as `shown` by one format. A merge
    wrote what differs from all its parents (`-c`). Raises TooManyFiles.
    """
    # Sparse: a commit that wrote nothing there counts, too.
    walk = ("--topo-order", "--full-history", "--sparse", f"--max-count={limit}")
    raw = ("-r", "-t", "-c", "-z", "--raw", "--no-abbrev", "--no-renames")
    parts = limit_listing(lister("log", *walk, *raw, shown, commit, "--", *folders))
    written_by = b""
    for part in parts:
        field = part.lstrip(b"\n")
        if field.startswith(b":"):
            blob = field.split()[-2].decode("ascii")
            yield written_by, blob, next(parts).decode("utf-8", "surrogateescape")
        elif field:
            written_by = field


def read_objects(run: GitRunner, names: Iterable[str], field: str) -> dict[str, str]:
    """Return name -> a field of the object (objecttype, objectsize), "" if there is none."""
    named = list(names)
    lines = run(
        "cat-file", f"--batch-check=%({field})", stdin=_to_stdin(named)
    ).decode()
    values = ("" if line.endswith(" missing") else line for line in lines.split("\n"))
    return dict(zip(named, values, strict=False))


def check_object_ids(names: Iterable[str]) -> None:
    """Raise SourceError unless every name is a full object id."""
    for name in names:
        if not _OBJECT_ID.fullmatch(name):
            raise SourceError(
                f"not an object id: {name[:100]!r}", "git-name", name=name[:100]
            )


def git_environment(remote: RemoteUrl, mirror: Path) -> dict[str, str]:
    """Return the variables that git gets in addition to PATH, HOME and the like.

    The caller removes all other GIT_* variables. GIT_DIR is set so that with a broken mirror git
    does not find a repository that Merlin itself may be in.
    """
    local_protocol = (
        "" if remote.protocol in ("https", "ssh") else f":{remote.protocol}"
    )
    environment = {
        "GIT_DIR": str(mirror),
        "GIT_ALLOW_PROTOCOL": f"https:ssh{local_protocol}",
        "GIT_ASKPASS": "",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(mirror / CONFIG_NAME),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15",
        "GIT_TERMINAL_PROMPT": "0",
    }
    if remote.secret:
        # The password is passed in the environment, which only the same user can read. Redirects
        # are disabled then, since the header would follow them to another host.
        credentials = base64.b64encode(remote.secret.encode()).decode()
        environment |= {
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": f"http.{remote.url}.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {credentials}",
            "GIT_CONFIG_KEY_1": "http.followRedirects",
            "GIT_CONFIG_VALUE_1": "false",
        }
    return environment


def git_config_text(remote: RemoteUrl) -> str:
    """Return the git configuration used in place of the user's: one safe directory, or none.

    git checks the folder of the objects, newer versions that of the work tree: both entries name
    the same repository.
    """
    if remote.folder is None:
        return ""
    lines = ["[safe]\n"]
    for folder in (remote.folder, remote.folder / ".git"):
        quoted = str(folder).replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'\tdirectory = "{quoted}"\n')
    return "".join(lines)


def format_stderr(stderr: str, remote: RemoteUrl) -> str:
    """Return git's messages shortened to one line, with secrets hidden."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    relevant = [line for line in lines if _RELEVANT_LINE.match(line)]
    text = " / ".join(
        CONTROL.sub("?", line) for line in (relevant or lines)[:_MAX_STDERR_LINES]
    )
    for secret in (remote.secret, *remote.secret.split(":")) if remote.secret else ():
        text = text.replace(secret, "[hidden]") if len(secret) >= 4 else text  # noqa: PLR2004 - a word
    return text[:_MAX_STDERR_LENGTH] or "no word"


_PINNED_REFS = "refs/merlin/needed/"
# Commits that are needed no more, by day: a database that is an old copy does not list them. And
# the last one of each day that was made here: pushed, or refused.
UNPINNED_REFS = "refs/merlin/unneeded/"
_UNPINNED_FOR = timedelta(days=7)
_REQUIRED_PATHS = ("HEAD", "config", "objects", "refs")


def write_git_config(mirror: Path, remote: RemoteUrl) -> None:
    """Write git's configuration file unless it is up to date, so that readers need no write access.

    Raises OSError if the mirror is not writable.
    """
    path = mirror / CONFIG_NAME
    text = git_config_text(remote)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    mirror.mkdir(parents=True, exist_ok=True)
    temporary = mirror / f".{CONFIG_NAME}.{os.getpid()}"
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def mirror_exists(mirror: Path) -> bool:
    """Return whether any part of a repository exists, which could be damaged."""
    return any((mirror / part).exists() for part in _REQUIRED_PATHS)


def pin_commits(
    run: GitRunner, needed: Collection[str], lock: int, now: datetime
) -> None:
    """Pin the `needed` commits that exist with refs, so that gc keeps them; others for a week."""
    names = run("for-each-ref", "--format=%(refname)", _PINNED_REFS, UNPINNED_REFS)
    refs = names.decode().split()
    types = read_objects(run, needed, "objecttype")
    existing = {name for name, object_type in types.items() if object_type == "commit"}
    updates = [f"update {_PINNED_REFS}{sha} {sha}" for sha in sorted(existing)]
    unneeded = {
        ref: ref.removeprefix(_PINNED_REFS)
        for ref in refs
        if ref.startswith(_PINNED_REFS)
        and ref.removeprefix(_PINNED_REFS) not in existing
    }
    for ref, sha in unneeded.items():
        updates += [f"delete {ref}", f"update {UNPINNED_REFS}{now:%F}/{sha} {sha}"]
    until = f"{UNPINNED_REFS}{now - _UNPINNED_FOR:%F}"
    updates += [f"delete {ref}" for ref in refs if UNPINNED_REFS < ref < until]
    if updates:
        run("update-ref", "--stdin", stdin=_to_stdin(updates), lock=lock)


def _to_stdin(lines: Collection[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


@contextmanager
def as_source_errors() -> Iterator[None]:
    """Raise SourceError in place of OSError."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise SourceError(
            f"the mirror cannot be used: {error}", "git-failed", reason=reason
        ) from error


LOCK_NAME = "merlin.lock"
_LOCK_POLL_S = 0.05
# Files that a git leaves which was killed or failed: locks of refs and configuration, partial packs
# and objects, reports.
_LEFTOVERS = ("*.lock", "tmp_*", ".tmp-*", "gc.pid", "fast_import_crash_*")
# Held by the maintenance at the end of a fetch. The fetch succeeds even if its maintenance was
# killed; with this file left behind no later one would run.
_MAINTENANCE_LOCK = Path("objects", "maintenance.lock")


@contextmanager
def lock_mirror(mirror: Path, wait_s: float = 5.0) -> Iterator[int]:
    """Lock the mirror for writing; yield the descriptor that git children must inherit.

    Raises SourceError if another process holds the lock longer than `wait_s`.
    """
    lock = _acquire_lock(mirror, wait_s)
    try:
        if os.pread(lock, 1, 0):
            _remove_leftovers(mirror)
        (mirror / _MAINTENANCE_LOCK).unlink(missing_ok=True)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield lock
        os.ftruncate(
            lock, 0
        )  # not in `finally`: after a failure leftovers may need removal
    finally:
        os.close(lock)


def _acquire_lock(mirror: Path, wait_s: float) -> int:
    deadline = time.monotonic() + wait_s
    while True:
        mirror.mkdir(parents=True, exist_ok=True)
        lock = try_lock(mirror / LOCK_NAME)
        if lock is not None:
            return lock
        if time.monotonic() >= deadline:
            raise SourceError(
                f"another process works in {mirror}", "git-busy", mirror=str(mirror)
            )
        time.sleep(_LOCK_POLL_S)


def _remove_leftovers(mirror: Path) -> None:
    """Remove the files that the previous owner's git left; the lock excludes other writers."""
    for pattern in _LEFTOVERS:
        for path in mirror.rglob(pattern):
            if path.name != LOCK_NAME and not path.is_dir():
                log.warning("leftover of a killed git removed", path=str(path))
                path.unlink(missing_ok=True)


class MirrorFetcher:
    """Keeps the mirror of one branch (`refs/heads/...`) up to date."""

    def __init__(
        self,
        remote: RemoteUrl,
        branch: str,
        mirror: Path,
        run: GitRunner,
        transfer_s: float,
    ) -> None:
        self._remote = remote
        self._branch = branch
        self._mirror = mirror
        self._run = run
        self._transfer_s = transfer_s
        self._refused: tuple[str, str] | None = None

    def fetch(self) -> str | None:
        """Fetch the branch; return its head, None if it is empty or deleted.

        Raises SourceError if the repository is unreachable or git rejects its content.
        """
        with lock_mirror(self._mirror) as lock:
            write_git_config(self._mirror, self._remote)
            remote_refs = self._list_remote()
            # Completes a partially created repository too.
            if not all((self._mirror / part).exists() for part in _REQUIRED_PATHS):
                create_repository(self._run, lock)
            return self._update(lock, remote_refs.get(self._branch))

    def remote_head(self) -> str | None:
        """Return the branch's head in the remote repository, None if there is none; fetch nothing.

        Raises SourceError if the repository cannot be read.
        """
        write_git_config(self._mirror, self._remote)
        return self._list_remote().get(self._branch)

    def _update(self, lock: int, head: str | None) -> str | None:
        old_head = read_head(self._run, self._mirror)
        if head is None or head == old_head:
            return head
        self._fetch_objects(head, lock)
        new_head = read_head(self._run, self._mirror)
        # Git fetches no history that is cut off, and exits with 0.
        if new_head == old_head:
            raise SourceError(f"{self._remote.url} is a shallow clone", "git-shallow")
        log.info("fetched", head=new_head, before=old_head)
        return new_head

    def _list_remote(self) -> dict[str, str]:
        """Return the remote's refs of our branch."""
        try:
            text = self._run(
                "ls-remote", "--quiet", "--", self._remote.url, self._branch
            )
        except GitFailed as failure:
            page = failure.key in (MOVED, WEB_PAGE) and find_page(
                self._run, self._remote
            )
            if page:
                raise page from failure
            raise
        # Only "\n" ends a line: a ref's name can have the other line ends of Unicode.
        lines = [line for line in text.decode("utf-8", "replace").split("\n") if line]
        page = (
            not lines
            and self._remote.folder is None
            and find_page(self._run, self._remote)
        )
        if page:
            raise page
        refs = {name: sha for sha, name in (line.split(maxsplit=1) for line in lines)}
        if any(len(sha) == SHA256_LENGTH for sha in refs.values()):
            raise SourceError("the repository has SHA-256", SHA256)
        return refs

    def _fetch_objects(self, head: str, lock: int) -> None:
        if self._refused and self._refused[0] == head:
            raise _refusal_error(
                *self._refused
            )  # the same content would be rejected again
        kill_point("fetch.before")
        try:
            refspec = f"+{self._branch}:{HEAD_REF}"
            self._run(
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--",
                self._remote.url,
                refspec,
                lock=lock,
                timeout_s=self._transfer_s,
            )
        except SourceError as failure:
            # A partial pack would keep a full disk full, for the database too.
            _remove_leftovers(self._mirror)
            if not isinstance(failure, GitFailed) or "fsck error" not in failure.stderr:
                raise
            self._refused = (head, format_stderr(failure.stderr, self._remote))
            raise _refusal_error(*self._refused) from failure
        kill_point("fetch.after")


def _refusal_error(head: str, reason: str) -> SourceError:
    arguments = {"commit": head[:10], "reason": reason}
    return SourceError(f"git refused {head}: {reason}", "git-refused", **arguments)
