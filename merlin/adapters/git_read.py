"""What the mirror says, turned into values of the domain: commits, trees, leaves, bytes.

Names found in the repository never become arguments of git: trees are asked for by id.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
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
COMMIT_LIMIT = 2_000_000
_PERSON = re.compile(rb"(?P<name>[^<>]*)<(?P<email>[^<>]*)> (?P<seconds>\d+)")
_CODECS = re.compile(
    r"utf-8|ascii|iso8859-\d+|cp\d+|koi8-[rtu]|mac-\w+|gb\w+|big5\w*|euc_\w+|shift_jis\w*|tis-620"
)
_LONGEST_CODEC = 40
_ASCII = bytes(range(0x20, 0x5C))
_MOST_DIGITS = 20
_LAST_SECOND = 253_402_300_799  # the end of the year 9999, where datetime ends


def new_line(run: Run, head: str, known: Collection[str]) -> dict[str, int]:
    """Return id -> position of the first-parent commits of `head` after the newest known one.

    Newest first; `head` alone when none of the line is known.
    """
    line = run("rev-list", "--first-parent", head, "--").decode().split()
    seen = frozenset(known)
    new = list(takewhile(lambda sha: sha not in seen, line))
    if len(new) == len(line):
        new = new[:1]
    return {sha: len(line) - at for at, sha in enumerate(new)}


def commits(answers: BinaryIO, positions: Mapping[str, int]) -> Iterator[Commit]:
    """Yield the commits that `cat-file --batch` answers, in the order of `positions`.

    The raw object is read, not what `git log` makes of it: git shows no header at all of a commit
    whose declared encoding it cannot convert. One whose headers cannot be read, or that is over
    COMMIT_LIMIT bytes, comes with `is_readable` False. Raises Unreadable for one that is missing.
    """
    for sha, position in positions.items():
        words = answers.readline().decode("ascii", "replace").split()
        if len(words) != 3 or words[1] != "commit":  # noqa: PLR2004 - name, kind, size
            raise unreadable(f"{sha} is {' '.join(words[1:]) or 'cut off'}")
        size = int(words[2])
        raw = answers.read(min(size, COMMIT_LIMIT))
        rest = size - len(raw) + 1
        while rest > 0 and (skipped := answers.read(min(rest, COMMIT_LIMIT))):
            rest -= len(skipped)
        if rest:
            raise unreadable(f"{sha} is cut off")
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
    return Commit(
        sha=sha,
        parent=parent or None,
        position=position,
        author_name=author["name"].decode(codec, "replace").strip() if author else "",
        author_email=author["email"].decode(codec, "replace") if author else "",
        committed_at=_time(committer["seconds"] if committer else b"0"),
        subject=message.partition("\n")[0],
        message=message,
        is_readable=is_whole and author is not None and committer is not None,
    )


def _codec(declared: bytes) -> str:
    """Return the codec of a commit's text: the declared one, UTF-8 where it cannot be that.

    The headers are lines of ASCII, so UTF-16 and the like are never true.
    """
    try:
        name = codecs.lookup(declared.decode("ascii")[:_LONGEST_CODEC]).name
    except (LookupError, ValueError):
        return "utf-8"
    is_known = _CODECS.fullmatch(name) and _ASCII.decode(name, "replace") == _ASCII.decode()
    return name if is_known else "utf-8"


def _time(seconds: bytes) -> datetime:
    return datetime.fromtimestamp(min(int(seconds[:_MOST_DIGITS]), _LAST_SECOND), UTC)


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


def _path(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
