"""Fix what can be corrected in a dataset's files without guessing their meaning.

    names · .yml · the executable bit · BOM · CRLF · invisible characters · trailing spaces · the
    line end of the last line

A fix is applied only if the parsed content stays the same, apart from invisible characters and
trailing spaces. Two spaces before a line end within a text are a line break in Markdown, and stay.

Only files whose content git has are changed, so that `git restore` undoes it. Each file is written
atomically; one that somebody else changed meanwhile is left. A second run changes nothing.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from merlin.core.durable_files import sync_file, write_durably
from merlin.dataset.finding import Finding
from merlin.dataset.layout import COURSE_FILE, DATASET_FILE, is_meant_as_example, suggest_path
from merlin.dataset.lint import INVISIBLE
from merlin.dataset.yaml_io import Node, read_yaml
from merlin.git.source import EXECUTABLE, Entry, blob_id

_BOM = "\ufeff"
# After another CR it would leave a CR that counts as a line end.
_CRLF = re.compile(r"(?<!\r)\r\n")
# The look-behind avoids quadratic time for a long run of spaces.
_BLANKS = re.compile(r"(?<![ \t])[ \t]+$", re.MULTILINE)
_BLANKS_EXCEPT_BREAKS = re.compile(r"(?<![ \t])(?!(?<=\S) {2,}\n[ \t]*\S)[ \t]+$", re.MULTILINE)

# Name of a fix -> function; `fix-<name>` is its text. The second "blanks" is for files that the
# first would change.
_STEPS: Sequence[tuple[str, Callable[[str], str]]] = (
    ("bom", lambda text: text.lstrip(_BOM)),
    ("line-ends", lambda text: _CRLF.sub("\n", text)),
    ("invisible-letters", lambda text: INVISIBLE.sub("", text)),
    ("blanks", lambda text: _BLANKS.sub("", text)),
    ("blanks", lambda text: _BLANKS_EXCEPT_BREAKS.sub("", text)),
    ("last-line-end", lambda text: text if not text or text.endswith("\n") else f"{text}\n"),
)
# Not part of the YAML content: they are fixed in unreadable files too.
_OUTSIDE_CONTENT = ("bom", "line-ends")


@dataclass(frozen=True, slots=True)
class Fix:
    """The result for one file: `mended` are the applied fixes, `left` why others were not.

    `new_path` is its path now. `left` is "", "not-in-git", "changed", "name-taken" or
    "unwritable", with the system's message in `reason`.
    """

    path: str
    new_path: str
    mended: tuple[str, ...] = ()
    left: str = ""
    reason: str = ""


def fix_text(content: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return a YAML file's fixed content and the applied fixes; invalid UTF-8 stays unchanged."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return content, ()
    mended: list[str] = []
    before = None
    while text != before:  # a fix may move a CR before a line end
        before = text
        for name, step in _STEPS:
            proposed = step(text)
            if proposed != text and (name in _OUTSIDE_CONTENT or _has_same_content(text, proposed)):
                text = proposed
                mended.append(name)
    return text.encode("utf-8"), tuple(dict.fromkeys(mended))


def _has_same_content(before: str, after: str) -> bool:
    """Return whether both texts can be parsed and have the same visible content."""
    nodes = [read_yaml(each.encode("utf-8")) for each in (before, after)]
    meanings = [None if isinstance(node, Finding) else _get_visible_content(node) for node in nodes]
    return meanings[0] is not None and meanings[0] == meanings[1]


def _get_visible_content(node: Node) -> object:
    if isinstance(node.value, dict):
        return [
            (_get_visible_text(key), _get_visible_content(child))
            for key, child in node.value.items()
        ]
    if isinstance(node.value, list):
        return [_get_visible_content(child) for child in node.value]
    return _get_visible_text(node.value)


def _get_visible_text(message: str) -> str:
    return _BLANKS_EXCEPT_BREAKS.sub("", INVISIBLE.sub("", message)).rstrip()


class ChangedMeanwhile(Exception):
    """Somebody else changed the file after it was read."""


def fix_files(
    folder: Path,
    entries: Sequence[Entry],
    restorable: Mapping[str, tuple[str, str]],
    ask: Callable[[str], bool],
) -> list[Fix]:
    """Fix the files of the dataset in `folder` for which `ask(path)` is true.

    `entries` are all its files, `restorable` those that git could restore (see `work_tree`).
    """
    requested = (entry for entry in entries if ask(entry.path) and _is_ours(entry))
    candidates = (_propose(folder, entry) for entry in requested)
    proposals = [proposal for proposal in candidates if proposal and proposal.mended]
    names = {each.path.casefold() for each in entries}
    return [_fix(folder, proposal, restorable, names) for proposal in proposals]


def _is_ours(entry: Entry) -> bool:
    is_example = is_meant_as_example(entry.path)
    # An entry without a blob is not a file, or is too large.
    return bool(entry.blob) and (is_example or entry.path in (DATASET_FILE, COURSE_FILE))


@dataclass(frozen=True, slots=True)
class _Proposal:
    """The fixed state of one file."""

    entry: Entry
    path: str
    before: bytes
    after: bytes
    is_executable: bool
    mended: tuple[str, ...]


def _propose(folder: Path, entry: Entry) -> _Proposal | None:
    """Return the fixed state of a file, None if it was deleted meanwhile."""
    try:
        before = (folder / entry.path).read_bytes()
    except FileNotFoundError:
        return None
    after, mended = fix_text(before)
    is_example = is_meant_as_example(entry.path)
    path = suggest_path(entry.path) if is_example else entry.path
    is_executable = is_example and entry.mode == EXECUTABLE
    if is_executable:
        mended = (*mended, "executable")
    if path != entry.path:
        mended = (*mended, "name")
    return _Proposal(entry, path, before, after, is_executable, mended)


def _fix(
    folder: Path, proposal: _Proposal, restorable: Mapping[str, tuple[str, str]], names: set[str]
) -> Fix:
    """Apply a proposal; `restorable` are files that git could restore, `names` the taken names."""
    path = proposal.entry.path
    if blob_id(proposal.before) != proposal.entry.blob:
        return Fix(path, path, left="changed")
    mode, blob = restorable.get(path, ("", ""))
    if blob != blob_id(proposal.before, blob) or (proposal.is_executable and mode != EXECUTABLE):
        return Fix(path, path, left="not-in-git")
    done: list[str] = []
    try:
        done.extend(_apply_fix(folder, proposal, names))
    except ChangedMeanwhile:
        return Fix(path, path, tuple(done), "changed")
    except FileExistsError:
        return Fix(path, path, tuple(done), "name-taken")
    except OSError as error:
        return Fix(path, path, tuple(done), "unwritable", error.strerror or str(error))
    return Fix(path, proposal.path, tuple(done))


def _apply_fix(folder: Path, proposal: _Proposal, names: set[str]) -> Iterator[str]:
    """Fix a file, its content first; yield each fix once it is applied."""
    place, target = folder / proposal.entry.path, folder / proposal.path
    if proposal.after != proposal.before:
        replace_file(place, proposal.before, proposal.after)
        yield from (each for each in proposal.mended if each not in ("executable", "name"))
    if proposal.is_executable:
        place.chmod(stat.S_IMODE(place.stat().st_mode) & ~0o111)
        yield "executable"
    if target != place:
        if proposal.path.casefold() in names - {proposal.entry.path.casefold()}:
            raise FileExistsError(proposal.path)
        _rename(folder, place, target)
        names.add(proposal.path.casefold())
        yield "name"


def replace_file(place: Path, before: bytes, after: bytes) -> None:
    """Replace a file's content atomically.

    Raises ChangedMeanwhile if it is no longer `before`.
    """

    def fill(beside: Path) -> None:
        beside.write_bytes(after)
        beside.chmod(stat.S_IMODE(place.stat().st_mode))
        sync_file(beside)
        if place.is_symlink() or place.read_bytes() != before:
            raise ChangedMeanwhile

    write_durably(place, fill)


def _rename(folder: Path, place: Path, target: Path) -> None:
    """Rename a file to an unused name. Raises FileExistsError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # Unlike a rename, creating a link never replaces another file.
    os.link(place, target, follow_symlinks=False)
    if not place.samefile(target):  # the file was replaced meanwhile
        target.unlink()
        raise ChangedMeanwhile
    place.unlink()
    sync_file(target.parent)
    for emptied in place.parents:
        if emptied == folder:
            break
        with suppress(OSError):
            emptied.rmdir()
