"""Fix what can be corrected in a dataset's files without guessing their meaning.

    names · .yml · the executable bit · BOM · CRLF · invisible characters · trailing spaces · the
    line end of the last line

A fix is applied only if the parsed content stays the same, apart from invisible characters and
trailing spaces. Two spaces before a line end within a text are a line break in Markdown, and stay.

Only files whose content git has are changed, so that `git restore` undoes it. Each file is written
atomically; one that somebody else changed meanwhile is left. A second run changes nothing.
"""

import os
import re
import stat
from collections.abc import Callable, Mapping, Sequence
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
    names = {each.path.casefold() for each in entries}
    requested = (entry for entry in entries if ask(entry.path) and _is_ours(entry))
    return [fixed for entry in requested if (fixed := _fix_file(folder, entry, restorable, names))]


def _is_ours(entry: Entry) -> bool:
    is_example = is_meant_as_example(entry.path)
    # An entry without a blob is not a file, or is too large.
    return bool(entry.blob) and (is_example or entry.path in (DATASET_FILE, COURSE_FILE))


def _fix_file(
    folder: Path, entry: Entry, restorable: Mapping[str, tuple[str, str]], names: set[str]
) -> Fix | None:
    """Fix a file; None if nothing is to do. `names` are the names that other files have."""
    try:
        before = (folder / entry.path).read_bytes()
    except FileNotFoundError:  # deleted meanwhile
        return None
    path, is_example = entry.path, is_meant_as_example(entry.path)
    mode, blob = restorable.get(path, ("", ""))
    # Where git converts line ends, as on Windows, only the file beside it has CRLF.
    converted = before.replace(b"\r\n", b"\n")
    in_git = next((each for each in (before, converted) if blob_id(each, blob) == blob), None)
    after, mended = fix_text(before if in_git is None else in_git)
    new_path = suggest_path(path) if is_example else path
    is_executable = is_example and entry.mode == EXECUTABLE
    if not (mended or is_executable or new_path != path):
        return None
    if in_git is None or (is_executable and mode != EXECUTABLE):
        return Fix(path, path, left="not-in-git")
    place, done, left, reason = folder / path, list[str](), "", ""
    try:
        if mended:
            replace_file(place, before, after)
            done += mended
        if is_executable:
            place.chmod(stat.S_IMODE(place.stat().st_mode) & ~0o111)
            done.append("executable")
        if new_path != path:
            _rename(folder, path, new_path, names)
            done.append("name")
    except (ChangedMeanwhile, FileExistsError) as error:
        left = "changed" if isinstance(error, ChangedMeanwhile) else "name-taken"
    except OSError as error:
        left, reason = "unwritable", error.strerror or str(error)
    return Fix(path, path if left else new_path, tuple(done), left, reason)


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


def _rename(folder: Path, path: str, new_path: str, names: set[str]) -> None:
    """Rename a file to a name that is not among `names`. Raises FileExistsError."""
    if new_path.casefold() in names - {path.casefold()}:
        raise FileExistsError(new_path)
    place, target = folder / path, folder / new_path
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
    names.add(new_path.casefold())
