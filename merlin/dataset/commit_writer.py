"""Writing to the branch: a batch of changes becomes one commit, made in the bare mirror.

No work tree is touched and no index of anybody's: blobs go to the object database, the tree is
made through an index file of this one attempt, the commit is made of the tree. A killed attempt
leaves objects that nobody names, and a folder that the next one empties. Source: git's manual
of hash-object, update-index, write-tree and commit-tree.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from merlin.core.errors import Refused, SourceError
from merlin.dataset.changes import Batch, Change, Conflict
from merlin.dataset.commit_batch import WriteResult
from merlin.dataset.layout import DATASET_FILE
from merlin.git import mirror, push
from merlin.git.mirror import MirrorFetcher, lock_mirror
from merlin.git.remote_url import RemoteUrl
from merlin.git.sandbox import HEAD_REF, GitFailed, GitRunner
from merlin.git.source import EXECUTABLE, FILE

SHOWN_BYTES = 1_000_000
_AT_ONCE = 500
_NOTHING = "0" * 40
_SCRATCH = "merlin.change"


@dataclass(frozen=True, slots=True)
class BranchLocation:
    """Which branch (`refs/heads/...`) of which repository, and its folder of datasets."""

    address: RemoteUrl
    branch: str
    directory: str

    def path(self, change: Change) -> str:
        """Return the change's path from the repository's top."""
        return self.below(change.path)

    def below(self, path: str) -> str:
        """Return a path that is relative to the folder of datasets from the repository's top."""
        return f"{self.directory}/{path}" if self.directory else path


@dataclass(frozen=True, slots=True)
class _There:
    """What lies at a path of the head."""

    mode: str
    name: str


class GitBranch:
    """The followed branch as it is written to."""

    def __init__(
        self, place: BranchLocation, mirror: Path, run: GitRunner, fetcher: MirrorFetcher
    ) -> None:
        self._place = place
        self._mirror = mirror
        self._run = run
        self._fetcher = fetcher

    def turn(self) -> AbstractContextManager[object]:
        return push.wait_for_turn(self._place.address.url)

    def head(self) -> str | None:
        """Return the head after a fetch. Raises SourceError where a known branch is gone."""
        with mirror.as_source_errors():
            head = self._fetcher.fetch().head
        if head is None and push.read_ref(self._run, HEAD_REF) is not None:
            raise SourceError("the branch is gone", "change-no-branch", branch=self._place.branch)
        return head

    def find(self, head: str | None, batch_id: str) -> str | None:
        if head is None:
            return None
        # The anchors keep git from PCRE, which compiles its patterns into memory that may be
        # executed: the daemon's unit forbids that, to git as well (MemoryDenyWriteExecute).
        asked = ("--basic-regexp", "--grep", f"^{_trailer_id(batch_id)}$", "--format=%H")
        with self._checked_mirror():
            found = self._run("log", "-1", *asked, head, "--").decode().split()
        return found[0] if found else None

    def write(self, head: str | None, batch: Batch) -> WriteResult:
        with lock_mirror(self._mirror) as lock, self._checked_mirror(), self._scratch() as scratch:
            there = self._there(head, batch)
            wanted = self._blobs(batch, scratch, lock)
            conflicts, lines = {}, []
            for change in batch.changes:
                path, blob = self._place.path(change), wanted.get(change.change_id)
                found = there.get(path)
                name = found.name if found else None
                if name == blob:
                    continue
                if name != change.before:
                    conflicts[change.change_id] = self._theirs(name)
                mode = found.mode if found and found.mode == EXECUTABLE else FILE
                lines.append(f"{mode if blob else 0} {blob or _nothing(name)}\t{path}\0")
            if conflicts:
                return WriteResult(conflicts=conflicts)
            if not lines:
                return WriteResult(self._maker(head, batch), is_there=True)
            return WriteResult(
                self._commit(head, batch, self._tree(head, lines, scratch, lock), lock)
            )

    def push(self, commit: str, head: str | None) -> bool:
        place = self._place
        if not push.push_branch(self._run, place.address, place.branch, commit, head):
            return False
        # What we made is here already: the next fetch has nothing to bring.
        with suppress(SourceError), mirror.as_source_errors(), lock_mirror(self._mirror) as lock:
            self._run("update-ref", HEAD_REF, commit, lock=lock)
        return True

    def _there(self, head: str | None, batch: Batch) -> dict[str, _There]:
        """Return what the head has at the paths of the batch.

        Raises Refused where a file lies in the place of a folder, or anything else in that of a
        file: git would let ours replace it.
        """
        if head is None:
            return {}
        files = sorted({self._place.path(change) for change in batch.changes})
        folders = {str(folder) for path in files for folder in PurePosixPath(path).parents}
        for path in self._blocked(head, sorted(folders - {"."})):
            raise _in_the_way(path)
        found = self._entries(head, files)
        for path, each in found.items():
            if each.mode not in (FILE, EXECUTABLE):
                raise _in_the_way(path)
        self._refuse_removed(head, batch)
        return found

    def _blocked(self, head: str, folders: Sequence[str]) -> Iterator[str]:
        """Yield those of the folders in whose place something else lies."""
        feed = "".join(f"{head}:{folder}\n" for folder in folders).encode()
        told = self._run("cat-file", "--batch-check=%(objecttype)", feed=feed).decode().splitlines()
        kinds = dict(zip(folders, told, strict=True))
        missing = [each for each, kind in kinds.items() if kind.endswith(" missing")]
        # A submodule's commit is missing from the objects, and stands in the tree all the same.
        yield from self._entries(head, missing)
        yield from (each for each, kind in kinds.items() if " " not in kind and kind != "tree")

    def _refuse_removed(self, head: str, batch: Batch) -> None:
        """Raise Refused for a new file of a dataset that somebody has removed meanwhile."""
        dataset = batch.first.dataset
        written = {change.path for change in batch.changes if change.text is not None}
        declared = f"{dataset}/{DATASET_FILE}"
        path = self._place.below(declared)
        if not written or declared in written or self._entries(head, [path]):
            return
        # One that never had the file is not ours to judge: the check tells of it.
        asked = ("log", "-1", "--first-parent", "--format=%H", head, "--", f":(literal,top){path}")
        if self._run(*asked):
            text = f"{dataset} is not in the repository any more"
            raise Refused(text, "change-dataset-gone", dataset=dataset)

    def _entries(self, head: str, paths: Sequence[str]) -> dict[str, _There]:
        """Return what the head's tree has at these paths."""
        found = {}
        for at in range(0, len(paths), _AT_ONCE):
            asked = ("ls-tree", "-z", "--full-tree", head, "--", *paths[at : at + _AT_ONCE])
            for line in filter(None, self._run(*asked).split(b"\0")):
                told, _, path = line.decode("utf-8", "surrogateescape").partition("\t")
                mode, _, name = told.split()
                found[path] = _There(mode, name)
        return found

    def _blobs(self, batch: Batch, scratch: Path, lock: int) -> dict[str, str]:
        """Return the blob of each text by change id; a change that deletes has none."""
        named = {each.change_id: each.text for each in batch.changes if each.text is not None}
        if not named:
            return {}
        paths = []
        for number, text in enumerate(named.values()):
            path = scratch / str(number)
            path.write_bytes(text.encode())
            paths.append(f"{path}\n")
        asked = ("hash-object", "-w", "--no-filters", "--stdin-paths")
        blobs = self._run(*asked, feed="".join(paths).encode(), lock=lock).decode().split()
        return dict(zip(named, blobs, strict=True))

    def _tree(self, head: str | None, lines: list[str], scratch: Path, lock: int) -> str:
        index = {"GIT_INDEX_FILE": str(scratch / "index")}
        feed = "".join(lines).encode()
        self._run("read-tree", head or "--empty", lock=lock, also=index)
        self._run("update-index", "-z", "--index-info", feed=feed, lock=lock, also=index)
        return self._run("write-tree", lock=lock, also=index).decode().strip()

    def _commit(self, head: str | None, batch: Batch, tree: str, lock: int) -> str:
        parents = ("-p", head) if head else ()
        feed, also = _message(batch).encode(), _author(batch.first)
        made = self._run("commit-tree", *parents, "-F", "-", tree, feed=feed, lock=lock, also=also)
        return made.decode().strip()

    def _maker(self, head: str | None, batch: Batch) -> str | None:
        """Return the newest commit of the line that touched the batch's first file, else head."""
        if head is None:
            return None
        path = f":(literal,top){self._place.path(batch.first)}"
        asked = ("log", "-1", "--first-parent", "--format=%H", head, "--", path)
        found = self._run(*asked).decode().split()
        return found[0] if found else head

    def _theirs(self, blob: str | None) -> Conflict:
        if blob is None:
            return Conflict()
        size = int(self._run("cat-file", "-s", blob))
        content = self._run("cat-file", "blob", blob) if size <= SHOWN_BYTES else b""
        return Conflict(blob, content.decode("utf-8", "replace"))

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """Yield an empty folder of the one who holds the mirror; a killed one's is emptied."""
        folder = self._mirror / _SCRATCH
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _checked_mirror(self) -> Iterator[None]:
        """Mark the mirror for a check when git could not work in it."""
        with mirror.as_source_errors():
            try:
                yield
            except GitFailed:
                mirror.mark_suspect(self._mirror)
                raise


def _in_the_way(path: str) -> Refused:
    return Refused(f"something else lies at {path}", "change-in-the-way", path=path)


def _nothing(blob: str | None) -> str:
    """Return the name that takes an entry out of an index: as many noughts as names are long."""
    return "0" * len(blob or _NOTHING)


def _trailer_id(batch_id: str) -> str:
    return f"Merlin-Id: {batch_id}"


def _message(batch: Batch) -> str:
    first = batch.first
    return f"{first.subject}\n\n{_trailer_id(batch.batch_id)}\nMerlin-Editor: {first.editor.line}\n"


def _author(change: Change) -> Mapping[str, str]:
    return {
        "GIT_AUTHOR_NAME": change.editor.name,
        "GIT_AUTHOR_EMAIL": change.editor.email,
        "GIT_AUTHOR_DATE": f"@{int(change.created_at.timestamp())} +0000",
    }
