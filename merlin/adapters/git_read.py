"""What the mirror says, turned into values of the domain: commits, trees, leaves, bytes.

Names found in the repository never become arguments of git: trees are asked for by id.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from typing import BinaryIO

from merlin.adapters.git_walls import Run
from merlin.core.errors import SourceError
from merlin.dataset.source import Commit, Entry

EMPTY_TREES = frozenset(
    {
        "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
    }
)
_FIELDS = "%H%x00%P%x00%an%x00%ae%x00%ct%x00%B"
_FIELD_COUNT = 6
_LAST_SECOND = 253_402_300_799  # the end of the year 9999, where datetime ends


def commits(run: Run, head: str, known: Collection[str]) -> list[Commit]:
    """Return the first-parent commits of `head` after the newest known one, oldest first.

    `head` alone when none of the line is known.
    """
    line = run("rev-list", "--first-parent", head, "--").decode().split()
    seen = frozenset(known)
    new = list(takewhile(lambda sha: sha not in seen, line))
    if len(new) == len(line):
        new = new[:1]
    if not new:
        return []
    told = run("log", "--no-walk=unsorted", "--stdin", "-z", f"--format={_FIELDS}", feed=_ids(new))
    fields = told.decode("utf-8", "replace").split("\0")
    rows = [
        fields[at : at + _FIELD_COUNT] for at in range(0, _FIELD_COUNT * len(new), _FIELD_COUNT)
    ]
    return [_commit(row, len(line) - at) for at, row in enumerate(rows)][::-1]


def _commit(row: Sequence[str], position: int) -> Commit:
    sha, parents, author_name, author_email, seconds, body = row
    message = body.strip("\n")
    return Commit(
        sha=sha.strip(),
        parent=parents.split()[0] if parents else None,
        position=position,
        author_name=author_name,
        author_email=author_email,
        committed_at=datetime.fromtimestamp(min(int(seconds), _LAST_SECOND), UTC),
        subject=message.partition("\n")[0],
        message=message,
    )


def trees(run: Run, commit: str, directory: str) -> dict[str, str]:
    """Return folder name -> tree id for what lies directly below `directory`, by name."""
    below = [f"{directory}/"] if directory else []
    lines = run("ls-tree", "-z", "--full-tree", commit, "--", *below).split(b"\0")
    found = {}
    for line in filter(None, lines):
        head, _, path = line.partition(b"\t")
        _, kind, tree = head.decode().split()
        if kind == "tree" and tree not in EMPTY_TREES:
            found[_path(path).rpartition("/")[2]] = tree
    return dict(sorted(found.items()))


def leaves(run: Run, tree: str) -> list[Entry]:
    """Return everything below a tree that is no tree, ordered by path."""
    lines = run("ls-tree", "-r", "-l", "-z", "--full-tree", tree).split(b"\0")
    entries = []
    for line in filter(None, lines):
        head, _, path = line.partition(b"\t")
        mode, _, blob, size = head.decode().split()
        entries.append(Entry(_path(path), blob, mode, 0 if size == "-" else int(size)))
    return sorted(entries, key=lambda entry: entry.path)


def contents(answers: BinaryIO, asked: Sequence[str], limit: int) -> Iterator[tuple[str, bytes]]:
    """Yield (blob, bytes) from what `cat-file --batch` answers to `asked`.

    Raises SourceError for a blob that is missing, damaged or over `limit` bytes, before any of
    its bytes is read.
    """
    for blob in asked:
        words = answers.readline().decode("ascii", "replace").split()
        if len(words) != 3 or words[1] != "blob":  # noqa: PLR2004 - name, kind, size
            raise unreadable(f"{blob} is {' '.join(words[1:]) or 'cut off'}")
        size = int(words[2])
        if size > limit:
            text = f"{blob} has {size} bytes, over {limit}"
            raise SourceError(text, "git-large", size=size, limit=limit)
        content = answers.read(size + 1)
        if len(content) != size + 1:
            raise unreadable(f"{blob} is cut off")
        yield blob, content[:-1]


class Unreadable(SourceError):
    """The mirror lacks an object or holds a damaged one."""


def unreadable(reason: str) -> Unreadable:
    """Return the error that makes the next fetch check the mirror."""
    return Unreadable(f"the mirror is not readable: {reason}", "git-unreadable", reason=reason)


def _ids(names: Sequence[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode()


def _path(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
