"""Commit a batch of changes to the branch exactly once; revert a commit.

    fetch -> write on the head -> intent -> push -> done
      ^            |                          |
      +------------+---- the branch moved on -+

A crash or a lost answer leaves the intent as `sending`: then the branch is searched for the batch's
id before anything is pushed again. A push names the head that it expects, so at most one of several
doubtful pushes succeeds. A revert keeps what was written since.

The commit is created in the bare mirror by one `git fast-import`, without a work tree. Only the
folders with a change are read: another one may name any number of files. A killed attempt leaves
unreferenced objects. Source: git's manual of fast-import and ls-tree.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from merlin.core.clock import Clock, utc_now
from merlin.core.errors import Refused, SourceError
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.dataset.changes import (
    CONFLICT,
    Batch,
    BatchResult,
    Change,
    ChangeState,
    Edit,
    intent_key,
)
from merlin.dataset.layout import DATASET_FILE
from merlin.db.database import in_portions
from merlin.db.intents import Intents, IntentState
from merlin.git import mirror, push
from merlin.git.mirror import HEAD_REF, lock_mirror
from merlin.git.source import EXECUTABLE, FILE, TREE

if TYPE_CHECKING:
    from merlin.git.repository import GitSource

log = get_logger(__name__)

# Four committers at once needed up to 16 tries in a measured race.
TRIES = 30
FIRST_PAUSE_S = 0.02
MAX_PAUSE_S = 1.0


def wait_before_retry(attempt: int) -> None:
    """Wait before another try: longer each time, with a random part."""
    longest = min(MAX_PAUSE_S, FIRST_PAUSE_S * 2 ** min(attempt, 10))
    time.sleep(random.uniform(0, longest))  # noqa: S311 - no secret hangs on it


@dataclass(frozen=True, slots=True)
class CommitContext:
    """What `commit_changes` works with; `wait` is called with the number of the failed attempt."""

    branch: GitBranch
    intents: Intents
    clock: Clock
    wait: Callable[[int], None] = field(default=wait_before_retry)


def commit_changes(ctx: CommitContext, batch: Batch) -> BatchResult:
    """Commit a batch; return its commit on the branch.

    Raises SourceError if the repository is unavailable (the batch may be pushed or not: call this
    again), ContentRefused if the repository rejects the commit, Refused if the change can never be
    made, as when another edit changed a file meanwhile.
    """
    key = intent_key(batch.batch_id)
    intent = ctx.intents.open(key, "change")
    if intent.state is IntentState.DONE:
        return BatchResult(intent.outside_id or "")
    is_doubtful = intent.state is IntentState.SENDING
    for attempt in range(TRIES):
        try:
            landed = _try_commit(ctx, batch, key, is_doubtful=is_doubtful)
        except Refused:
            ctx.intents.mark_ready(key)  # no longer in doubt: it is not on the branch
            raise
        if landed is not None:
            ctx.intents.mark_done(key, landed.commit)
            return landed
        log.info("the branch moved on", batch=batch.batch_id, attempt=attempt + 1)
        ctx.wait(attempt)
    raise SourceError(f"pushed {TRIES} times in vain", "change-raced", tries=TRIES)


def _try_commit(
    ctx: CommitContext, batch: Batch, key: str, *, is_doubtful: bool
) -> BatchResult | None:
    """Return the result of one try, None if another push was faster."""
    head = ctx.branch.head()
    if is_doubtful:
        found = ctx.branch.find(head, batch.batch_id)
        if found is not None:
            return BatchResult(found)
    written = ctx.branch.write(head, batch)
    if written.is_there:
        return written
    kill_point("change.written")
    ctx.intents.mark_sending(key, ctx.clock())
    try:
        if not ctx.branch.push(written.commit, head):
            return None
    except push.PushRefused:
        ctx.intents.mark_ready(key)  # the edit can be withdrawn
        raise
    kill_point("change.pushed")
    return BatchResult(written.commit)


def plan_revert(
    batch: Sequence[Change], blobs: Mapping[str, str], text: Callable[[str], str | None]
) -> tuple[Edit, ...]:
    """Return the edits that restore the files of a batch, the commit's last file first.

    `blobs` maps each path of the dataset to its current blob; `text` returns a blob's content. A
    file that is again as it was before the commit needs no edit. Raises Refused for a batch that is
    not committed, not seen on the branch yet or undone already, if a file was edited since, and if
    an old text is not stored any more.
    """
    if any(each.state is not ChangeState.COMMITTED for each in batch):
        raise Refused("no commit", "change-not-committed")
    changed = [
        each for each in reversed(batch) if blobs.get(each.inside) != each.before
    ]
    if not changed:
        raise Refused(
            "not seen yet, or undone", "change-undo-early", path=batch[-1].inside
        )
    for each in changed:
        if blobs.get(each.inside) != each.committed_blob:
            raise Refused("edited since", "change-undo-since", path=each.inside)
    return tuple(
        Edit(each.inside, blobs.get(each.inside), _old_text(each, text))
        for each in changed
    )


def _old_text(change: Change, text: Callable[[str], str | None]) -> str | None:
    """Return the text before a change, None for no file. Raises Refused if it is not stored."""
    old = text(change.before) if change.before else None
    if change.before and old is None:
        raise Refused("the text is not kept", "change-undo-lost", path=change.inside)
    return old


# Path from the repository's top -> mode and content; None: no file.
Files = dict[str, tuple[str, str | bytes | None]]

_AT_ONCE = 500
_COMMITTER = "Merlin <merlin@localhost>"
_TRAILER = "Merlin-Id"


class GitBranch:
    """The followed branch, for writing."""

    def __init__(self, source: GitSource) -> None:
        self._source = source
        self._mirror = source.mirror
        self._run = source.run

    def _path(self, path: str) -> str:
        """Return a path that is relative to the folder of datasets from the repository's top."""
        return f"{self._source.directory}/{path}" if self._source.directory else path

    def head(self) -> str | None:
        """Return the head after a fetch. Raises SourceError if a known branch is gone."""
        head = self._source.fetch()
        if head is None and mirror.read_head(self._run, self._mirror) is not None:
            raise SourceError(
                "the branch is gone", "change-no-branch", branch=self._source.branch
            )
        return head

    def find(self, head: str | None, batch_id: str) -> str | None:
        if head is None:
            return None
        # The anchors keep git from PCRE, which compiles its patterns into memory that may be
        # executed: the daemon's unit forbids that, to git as well (MemoryDenyWriteExecute).
        with mirror.as_source_errors():
            found = (
                self._run(
                    "log",
                    "-1",
                    "--basic-regexp",
                    "--grep",
                    f"^{_trailer_id(batch_id)}$",
                    "--format=%H",
                    head,
                    "--",
                )
                .decode()
                .split()
            )
        return found[0] if found else None

    def write(self, head: str | None, batch: Batch) -> BatchResult:
        with lock_mirror(self._mirror) as lock, mirror.as_source_errors():
            wanted = self._find_wanted(head, batch)
            if wanted:
                return BatchResult(self._commit(head, batch, wanted, lock))
            # The branch's newest commit that changed the batch's first file, else its head.
            made = self._find_newest(head, self._path(batch.first.path)) if head else ""
            return BatchResult(made or head or "", is_there=True)

    def _find_wanted(self, head: str | None, batch: Batch) -> Files:
        """Return mode and text of the files that the head lacks or has otherwise, by path.

        Raises Refused for a file that another edit changed, or if something else lies in its place
        or in that of its folders: git would replace it.
        """
        there = self._list_there(head, batch)
        wanted: Files = {}
        for change in batch.changes:
            path = self._path(change.path)
            mode, name = there.get(path, (FILE, None))
            if mode not in (FILE, EXECUTABLE):
                raise _in_the_way(path)
            if name == change.blob:
                continue
            if name != change.before:
                raise Refused(f"{change.path} is edited", CONFLICT, path=change.path)
            wanted[path] = (mode, change.content)
        for folder in _list_folders(wanted):
            if folder in wanted or there.get(folder, (TREE, ""))[0] != TREE:
                raise _in_the_way(folder)
        return wanted

    def push(self, commit: str, head: str | None) -> bool:
        source = self._source
        if not push.push_branch(self._run, source.remote, source.branch, commit, head):
            return False
        # What we made is here already: the next fetch has nothing to bring.
        with (
            suppress(SourceError),
            mirror.as_source_errors(),
            lock_mirror(self._mirror) as lock,
        ):
            self._run("update-ref", HEAD_REF, commit, lock=lock)
        return True

    def _list_there(self, head: str | None, batch: Batch) -> dict[str, tuple[str, str]]:
        """Return mode and id of what is at the batch's paths, or in place of a folder above them.

        Raises Refused for a new file of a dataset that was removed meanwhile.
        """
        if head is None:
            return {}
        dataset = batch.first.dataset
        declared = f"{dataset}/{DATASET_FILE}"
        written = {change.path for change in batch.changes if change.text is not None}
        paths = {self._path(change.path) for change in batch.changes}
        found = self._entries(head, sorted({*paths, self._path(declared)}))
        is_declared = declared in written or self._path(declared) in found
        # A dataset that never had the file is left to the check.
        if (
            written
            and not is_declared
            and self._find_newest(head, self._path(declared))
        ):
            text = f"{dataset} is not in the repository any more"
            raise Refused(text, "change-dataset-gone", dataset=dataset)
        return found

    def _find_newest(self, head: str, path: str) -> str:
        """Return the branch's newest commit that changed this path, "" for none."""
        return (
            self._run(
                "log",
                "-1",
                "--first-parent",
                "--format=%H",
                head,
                "--",
                f":(literal,top){path}",
            )
            .decode()
            .strip()
        )

    def _entries(self, head: str, paths: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Return mode and id in the head's tree of these paths, and of what lies above them."""
        found: dict[str, tuple[str, str]] = {}
        for some in in_portions(paths, _AT_ONCE):
            named = {*some, *_list_folders(some)}
            listed = mirror.list_tree(
                self._source.read_parts, head, "--", *sorted(named)
            )
            found |= {path: (mode, name) for (mode, _, name), path in listed}
        return found

    def _commit(self, head: str | None, batch: Batch, wanted: Files, lock: int) -> str:
        """Write a commit of these files on the head; return its id."""
        first = batch.first
        trailers = (
            f"{_trailer_id(batch.batch_id)}\nMerlin-Editor: {first.editor.line}\n"
        )
        author = f"{first.editor.line} {int(first.created_at.timestamp())} +0000"
        now = utc_now()
        parts = [
            f"commit {mirror.UNPINNED_REFS}{now:%F}/made\nmark :1\n".encode(),
            f"author {author}\n".encode(),
            f"committer {_COMMITTER} {int(now.timestamp())} +0000\n".encode(),
            _data(f"{first.subject}\n\n{trailers}"),
            *([f"from {head}\n".encode()] if head else ()),
        ]
        for path, (mode, content) in wanted.items():
            command = f"D {path}\n" if content is None else f"M {mode} inline {path}\n"
            parts.append(command.encode())
            if content is not None:
                parts.append(_data(content))
        feed = b"".join([*parts, b"\nget-mark :1\n"])
        # Forced, because the commit before it need not be in its history.
        made = self._run("fast-import", "--quiet", "--force", stdin=feed, lock=lock)
        return made.decode().strip()


def _data(text: str | bytes) -> bytes:
    """Return a content as git's fast-import reads it."""
    content = text if isinstance(text, bytes) else text.encode()
    return b"data %d\n%b\n" % (len(content), content)


def _list_folders(paths: Iterable[str]) -> set[str]:
    """Return the folders above these paths."""
    parents = (PurePosixPath(path).parents for path in paths)
    return {str(folder) for above in parents for folder in above if folder.name}


def _in_the_way(path: str) -> Refused:
    return Refused(f"something else lies at {path}", "change-in-the-way", path=path)


def _trailer_id(batch_id: str) -> str:
    return f"{_TRAILER}: {batch_id}"
