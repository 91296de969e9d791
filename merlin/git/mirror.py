"""The bare mirror on disk: made, fetched, checked, locked; and the limits in which git works.

    absent -> made -> (suspect -> checked -> sound | moved aside)

Readers may only mark it as suspect; whoever holds the lock checks and replaces it. The lock
(`core.lock`) is a file in the mirror. Each git child that writes inherits it, so it stays taken
until the last child of a killed owner has ended too. The file holds the owner's pid while it
works; a pid found in it means that the last owner did not finish.

A fetch asks for the branch first: with nothing new that is all that happens. What git's checks
refuse never becomes the head, and is not fetched again until it changes.

The limits say which names pass, and what git may know and do. Source: the advisories of git and
GitPython since CVE-2022-24439, and trials of hostile trees.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from merlin.core.clock import utc_now
from merlin.core.durable_files import try_lock
from merlin.core.errors import ConfigError, SourceError
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.git.remote_url import CONTROL, RemoteUrl

HEAD_REF = "refs/merlin/head"
NOTES_REF = "refs/notes/merlin"
# Our notes as they were pushed last, and those of the repository where they are others.
PUSHED_REF = "refs/merlin/notes-pushed"
THEIRS_REF = "refs/merlin/notes-theirs"
CONFIG_NAME = "merlin.gitconfig"

_BRANCH = re.compile(r"(?!-)[A-Za-z0-9._/-]{1,200}")
_FOLDER_PART = re.compile(r"(?!-)[\w.-]{1,100}")
# Servers put rules and empty lines around their words.
_TELLING = re.compile(r"(fatal|error|remote):.*\w")
_SAID_LINES, _SAID_LETTERS = 6, 500
_OBJECT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

# Each holds whatever the repository, its server or the machine's own settings say.
OPTIONS = tuple(
    part
    for setting in (
        "core.hooksPath=/dev/null",
        "core.fsmonitor=",
        "core.symlinks=false",
        "protocol.ext.allow=never",
        "transfer.fsckObjects=true",
        "fetch.recurseSubmodules=false",
        # Always a pack, which git makes visible by one rename: a refused or killed fetch leaves
        # no loose object behind that a later look would take for damage.
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
    """git ended with `status` other than 0; `stderr` is what it said, for the caller to judge."""

    def __init__(self, reason: str, status: int, stderr: str) -> None:
        super().__init__(f"git failed: {reason}", "git-failed", reason=reason)
        self.status = status
        self.stderr = stderr


class GitRunner(Protocol):
    """One git command on the mirror, behind the walls."""

    def __call__(
        self,
        *arguments: str,
        feed: bytes = b"",
        lock: int | None = None,
        also: Mapping[str, str] | None = None,
    ) -> bytes:
        """Return what the command printed; `feed` is its input, `lock` what a writer inherits.

        `also` stands in its environment too. Raises GitFailed, or SourceError when it took too
        long and was killed.
        """


def read_ref(run: GitRunner, name: str) -> str | None:
    """Return what a ref of the mirror points to."""
    refs = run("for-each-ref", "--format=%(objectname)", "--", name).decode().split()
    return refs[0] if refs else None


def list_tree(run: GitRunner, *arguments: str) -> Iterator[tuple[list[str], str]]:
    """Yield what `ls-tree` tells of each entry: its words (mode, kind, id …), and its path."""
    for line in run("ls-tree", "-z", "--full-tree", *arguments).split(b"\0"):
        if line:
            fields, _, path = line.decode("utf-8", "surrogateescape").partition("\t")
            yield fields.split(), path


def diff_trees(run: GitRunner, old: str, new: str) -> Iterator[tuple[str, str, str]]:
    """Yield mode, blob and path of each leaf of tree `new` that differs from `old`'s.

    One that is gone has the mode "000000".
    """
    fields = run("diff-tree", "-r", "-z", "--no-renames", old, new).split(b"\0")
    for words, path in zip(fields[::2], fields[1::2], strict=False):
        _, mode, _, blob, _ = words.decode("ascii").split()
        yield mode, blob, path.decode("utf-8", "surrogateescape")


def check_branch(name: str) -> str:
    """Return `name` when git may see it as a branch. Raises ConfigError."""
    parts = name.split("/")
    bad = any(not part or part[0] == "." or part.endswith((".", ".lock")) for part in parts)
    if bad or ".." in name or not _BRANCH.fullmatch(name):
        shown_name = CONTROL.sub("?", name)[:200]
        raise ConfigError(
            f"repository.branch is no branch name: {shown_name}", "git-branch", branch=shown_name
        )
    return name


def check_directory(name: str) -> str:
    """Return `name`, a folder inside the repository ("" is its top). Raises ConfigError."""
    parts = [] if name in ("", ".") else name.strip("/").split("/")
    if any(part in (".", "..") or not _FOLDER_PART.fullmatch(part) for part in parts):
        shown_name = CONTROL.sub("?", name)[:200]
        raise ConfigError(
            f"repository.directory is no folder of a repository: {shown_name}",
            "git-directory",
            directory=shown_name,
        )
    return "/".join(parts)


def check_object_ids(names: Iterable[str]) -> None:
    """Raise SourceError unless each name is a full object id, SHA-1 or SHA-256, nothing else."""
    for name in names:
        if not _OBJECT.fullmatch(name):
            raise SourceError(f"not an object id: {name[:100]!r}", "git-name", name=name[:100])


def git_environment(place: RemoteUrl, mirror: Path) -> dict[str, str]:
    """Return what git's environment says besides PATH, HOME and the like.

    The caller takes every other GIT_* variable out. GIT_DIR is named so that a broken mirror
    never makes git find the repository that Merlin itself may lie in.
    """
    extra = "" if place.protocol in ("https", "ssh") else f":{place.protocol}"
    known = {
        "GIT_DIR": str(mirror),
        "GIT_ALLOW_PROTOCOL": f"https:ssh{extra}",
        "GIT_ASKPASS": "",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(mirror / CONFIG_NAME),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=10",
        "GIT_TERMINAL_PROMPT": "0",
    }
    for who in ("AUTHOR", "COMMITTER"):
        known |= {f"GIT_{who}_NAME": "Merlin", f"GIT_{who}_EMAIL": "merlin@localhost"}
    if place.secret:
        # How git learns the password: nobody but our own user reads an environment. Redirects are
        # off then, since the header would follow them to another host.
        basic = base64.b64encode(place.secret.encode()).decode()
        known |= {
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": f"http.{place.url}.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
            "GIT_CONFIG_KEY_1": "http.followRedirects",
            "GIT_CONFIG_VALUE_1": "false",
        }
    return known


def git_config_text(place: RemoteUrl) -> str:
    """Return the settings file that stands in for the user's own: one safe repository, or none.

    git asks for the folder that holds the objects, newer ones for the work tree: both name
    the same repository.
    """
    if place.folder is None:
        return ""
    lines = ["[safe]\n"]
    for folder in (place.folder, place.folder / ".git"):
        quoted = str(folder).replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'\tdirectory = "{quoted}"\n')
    return "".join(lines)


def format_stderr(stderr: str, place: RemoteUrl) -> str:
    """Return what git said, in one short line that shows no secret."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.match(line)]
    text = " / ".join(CONTROL.sub("?", line) for line in (telling or lines)[:_SAID_LINES])
    for part in (place.secret, *place.secret.split(":")) if place.secret else ():
        text = text.replace(part, "[hidden]") if len(part) >= 4 else text  # noqa: PLR2004 - a word
    return text[:_SAID_LETTERS] or "no word"


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


def mirror_exists(mirror: Path) -> bool:
    """Return whether there is anything of a repository that could be damaged."""
    return any((mirror / part).exists() for part in _PARTS)


def mark_suspect(mirror: Path) -> None:
    """Ask for a check at the next fetch."""
    try:
        (mirror / _SUSPECT).touch()
    except OSError:
        log.warning("mirror cannot be marked", mirror=str(mirror))


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
    if mark.exists():
        cleaned_at = datetime.fromtimestamp(mark.stat().st_mtime, UTC)
        if timedelta() <= now - cleaned_at < _CLEAN_EVERY:
            return False
    mark.touch()
    os.utime(mark, (now.timestamp(), now.timestamp()))
    return True


def pin_commits(run: GitRunner, needed: Collection[str], lock: int) -> None:
    """Let the `needed` commits be reachable, as far as they are there, and no others by this."""
    here = run("for-each-ref", "--format=%(refname)", _NEEDED).decode().split()
    known = run("cat-file", "--batch-check", feed=_lines(needed)).decode() if needed else ""
    there = {line.split()[0] for line in known.splitlines() if line.split()[1:2] == ["commit"]}
    updates = [f"update {_NEEDED}{sha} {sha}" for sha in sorted(there)]
    updates += [f"delete {ref}" for ref in here if ref.removeprefix(_NEEDED) not in there]
    if updates:
        run("update-ref", "--stdin", feed=_lines(updates), lock=lock)


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
            is_suspect = (self._mirror / _SUSPECT).exists()
            if is_suspect and not check_integrity(self._mirror, self._run):
                raise _Damaged
            # A half-made one is completed.
            if not all((self._mirror / part).exists() for part in _PARTS):
                self._run("init", "--bare", "--quiet", "--template=", lock=lock)
            return self._fetched(lock)
        except GitFailed as failure:
            if was_begun and not check_integrity(self._mirror, self._run):
                raise _Damaged from failure
            raise failure from None

    def _fetched(self, lock: int) -> str | None:
        known = (HEAD_REF, NOTES_REF, PUSHED_REF, THEIRS_REF)
        here = self._refs("for-each-ref", "--format=%(objectname) %(refname)", *known)
        there = self._there()
        head, old = there.get(self._branch), here.get(HEAD_REF)
        if head is None or head == old:
            return head
        requested = [f"+{self._branch}:{HEAD_REF}"]
        if NOTES_REF in there and there[NOTES_REF] not in here.values():
            # A mirror from a backup has notes, and may lack the newest.
            requested.append(f"+{NOTES_REF}:{THEIRS_REF if NOTES_REF in here else NOTES_REF}")
        self._bring(head, requested, lock)
        new = read_ref(self._run, HEAD_REF) or head
        log.info("fetched", head=new, before=old)
        return new

    def _there(self) -> dict[str, str]:
        """Ask the repository; its silence says nothing about the mirror."""
        arguments = ("ls-remote", "--quiet", "--", self._place.url, self._branch, NOTES_REF)
        try:
            return self._refs(*arguments)
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
            self._refused = (head, format_stderr(failure.stderr, self._place))
            raise _refusal(*self._refused) from failure
        kill_point("fetch.after")


def _refusal(head: str, reason: str) -> SourceError:
    return SourceError(f"git refused {head}: {reason}", "git-refused", reason=reason)
