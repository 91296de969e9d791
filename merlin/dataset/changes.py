"""A change: one edit of one file that waits for its commit.

    waiting -> working -> committed | conflict | refused | parked
    conflict -> waiting (sent again over the other's text) | refused (given up)
    parked -> waiting (tried again by a person) | refused (given up)

Changes of one batch become one commit, all of them or none; a change alone is a batch of one. The
batch's id stands in the commit (`Merlin-Id`), so that whoever is in doubt whether it was made
asks the branch. The database holds changes; the daemon alone makes commits of them.

An editor's name and e-mail are kept to an allow-list of letters: nobody's name can begin a new
line, a trailer or an option of git. A commit's subject is English, as in any log; readers of
other languages see it translated (`parse_subject`).
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from merlin.core.errors import Refused
from merlin.core.i18n import text
from merlin.dataset import layout
from merlin.dataset.finding import shorten
from merlin.dataset.layout import COURSE_FILE, DATASET_FILE, EXAMPLES, MATERIALS, Limits

MAX_NAME = 80
_MARKS = " .'-"
_EMAIL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9][A-Za-z0-9.-]{0,189}")
_NOT_MAILBOX = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Editor:
    """A name of letters, digits and blanks, and an e-mail address; made by the functions below."""

    name: str
    email: str

    @property
    def line(self) -> str:
        """Return both as git writes them: `Name <address>`."""
        return f"{self.name} <{self.email}>"


def telegram_editor(user_id: int, shown_name: str) -> Editor:
    """Return the editor that a Telegram user is; the address leads nowhere by design (RFC 2606)."""
    return Editor(_name(shown_name) or f"user {user_id}", f"{user_id}@telegram.invalid")


def local_editor(login: str, name: str = "", email: str = "") -> Editor:
    """Return the editor at this machine's keyboard: what their git says, else their login."""
    mailbox = _NOT_MAILBOX.sub("-", login).strip("-._") or "somebody"
    is_address = _EMAIL.fullmatch(email) is not None
    return Editor(
        _name(name) or _name(login) or mailbox, email if is_address else f"{mailbox}@cli.invalid"
    )


def _name(shown: str) -> str:
    """Return what of a name may stand in a commit: letters, digits, marks between them."""
    composed = unicodedata.normalize("NFC", shown)
    kept = "".join(letter if _is_fine(letter) else " " for letter in composed)
    name = " ".join(kept.split())[:MAX_NAME].strip(_MARKS)
    while name and unicodedata.category(name[0])[0] == "M":
        name = name[1:].lstrip(_MARKS)
    return name


def _is_fine(letter: str) -> bool:
    return letter in _MARKS or unicodedata.category(letter)[0] in "LNM"


COURSE = "Edit the course"
LONGEST = 200  # letters of a line that is written here
_REVERT = "Revert: "
# What a dataset has beside its examples; "Add examples" is somebody's own words.
_PATH = r"(?P<path>dataset\.yaml|course\.yaml|materials/\S+\.md)"
_LINES: Mapping[str, re.Pattern[str]] = {
    "subject-example-add": re.compile(r"Add example (?P<example>\S+)"),
    "subject-example-edit": re.compile(r"Edit example (?P<example>\S+)"),
    "subject-example-delete": re.compile(r"Delete example (?P<example>\S+)"),
    "subject-import": re.compile(r"Import (?P<count>\d{1,9}) examples? into (?P<dataset>\S+)"),
    "subject-course": re.compile(COURSE),
    "subject-material-add": re.compile(r"Add (?P<kind>lecture|seminar|lab) (?P<lesson>\d{1,9})"),
    "subject-material-edit": re.compile(r"Edit (?P<kind>lecture|seminar|lab) (?P<lesson>\d{1,9})"),
    "subject-material-remove": re.compile(
        r"Remove (?P<kind>lecture|seminar|lab) (?P<lesson>\d{1,9})"
    ),
    "subject-file-add": re.compile(rf"Add {_PATH}"),
    "subject-file-edit": re.compile(rf"Edit {_PATH}"),
    "subject-file-delete": re.compile(rf"Delete {_PATH}"),
}


def file_subject(verb: str, path: str) -> str:
    """Return the line for one file: "Add example face/fixation"; `verb` as `ChangeKind` has it."""
    if path.startswith(EXAMPLES):
        return f"{verb.title()} example {path.removeprefix(EXAMPLES).removesuffix('.yaml')}"
    return f"{verb.title()} {path}"


def import_subject(count: int, dataset: str) -> str:
    """Return the line for an import: "Import 2 examples into trial"."""
    return f"Import {count} {'example' if count == 1 else 'examples'} into {dataset}"


def revert_subject(line: str) -> str:
    """Return the line for a commit that takes another one back."""
    return f"{_REVERT}{line}"


def material_subject(verb: str, kind: str, lesson: int) -> str:
    """Return the line for a material of a course: "Add lecture 3"."""
    return f"{verb} {kind} {lesson}"


def parse_subject(line: str) -> Mapping[str, Any] | str:
    """Return a line as a text with its arguments; as it is where it was not written here."""
    if len(line) > LONGEST:  # anybody may push a commit with any line
        return line
    if line.startswith(_REVERT):
        inner = parse_subject(line.removeprefix(_REVERT))
        return {"key": "subject-undoing", "arguments": {"subject": inner}}
    for key, pattern in _LINES.items():
        found = pattern.fullmatch(line)
        if found is not None:
            return {"key": key, "arguments": _arguments(found.groupdict())}
    return line


def format_subject(line: str, language: str) -> str:
    """Return a line as a person reads it."""
    told = parse_subject(line)
    return told if isinstance(told, str) else text(language, str(told["key"]), **told["arguments"])


def _arguments(found: Mapping[str, str]) -> dict[str, object]:
    told: dict[str, object] = dict(found)
    if "count" in told:
        told["count"] = int(found["count"])
    if "kind" in told:
        lesson = {"lesson": found["lesson"]}
        told = {"material": {"key": f"page-lesson-{told['kind']}", "arguments": lesson}}
    return told


MOST_AT_ONCE = 10_000
# git's own recursion ends the process for a path of a thousand times that.
MOST_PATH_BYTES = 1_000
_ENDINGS = {EXAMPLES: ".yaml", MATERIALS: ".md"}


class ChangeKind(StrEnum):
    """What is done to the file; the values are what the database stores."""

    ADD = "add"
    EDIT = "edit"
    DELETE = "delete"


class ChangeState(StrEnum):
    """Where a change stands; the values are what the database stores."""

    WAITING = "waiting"
    WORKING = "working"
    COMMITTED = "committed"
    CONFLICT = "conflict"
    REFUSED = "refused"
    PARKED = "parked"


# Nothing has become of it yet, or somebody is to decide.
OPEN = (ChangeState.WAITING, ChangeState.WORKING, ChangeState.CONFLICT, ChangeState.PARKED)


@dataclass(frozen=True, slots=True)
class Conflict:
    """What lies in the file's place instead of what the editor saw; None: there is no file."""

    blob: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One edit of one file.

    `path` is relative to the folder of datasets (`trial/examples/face/fixation.yaml`). The first of
    a batch has the batch's id, and is the one that its editor is told of. `before`
    is the blob that the editor saw, None for a new file; `text` the file's new content, None to
    delete it. `by` is who asked: a user's id as text, or `cli:<login>`. `reason` is a Fluent key
    with `arguments`: why it waits, was parked or refused. `theirs` is set in a conflict. `left` is
    the blob that its commit left there, None for a deleted file and before there is a commit.
    """

    change_id: str
    batch: str
    dataset: str
    kind: ChangeKind
    path: str
    before: str | None
    text: str | None
    editor: Editor
    by: str
    subject: str
    created_at: datetime
    state: ChangeState = ChangeState.WAITING
    commit: str | None = None
    theirs: Conflict | None = None
    reason: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)
    left: str | None = None

    @property
    def inside(self) -> str:
        """Return the path within the dataset's folder."""
        return self.path.removeprefix(f"{self.dataset}/")


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes that become one commit, by one editor."""

    batch_id: str
    changes: tuple[Change, ...]

    @property
    def first(self) -> Change:
        """Return the change that speaks for all: they share editor, subject and time."""
        return self.changes[0]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of a batch: its commit, or what stands in the way by change id."""

    commit: str | None
    conflicts: Mapping[str, Conflict] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """Who wants something changed, and when."""

    editor: Editor
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Edit:
    """One file as it shall be: `path` within the dataset's folder, the rest as in `Change`."""

    path: str
    before: str | None
    text: str | None

    @property
    def kind(self) -> ChangeKind:
        """Return what this does to the file."""
        if self.text is None:
            return ChangeKind.DELETE
        return ChangeKind.ADD if self.before is None else ChangeKind.EDIT


def make_changes(
    dataset: str, edits: Sequence[Edit], asked: ChangeRequest, subject: str = ""
) -> tuple[Change, ...]:
    """Return the changes that make these edits of one dataset one commit.

    `subject` is the commit's first line; without it a constant sentence tells of the file.
    Raises Refused for no edits or too many, for a path that is no place of a dataset's file,
    for a path twice, and for a text that is too long.
    """
    if not 0 < len(edits) <= MOST_AT_ONCE or len({each.path for each in edits}) < len(edits):
        told = {"count": len(edits), "limit": MOST_AT_ONCE}
        raise Refused(f"{len(edits)} edits at once", "change-count", **told)
    batch = uuid.uuid4().hex
    line = clean_subject(subject) or file_subject(edits[0].kind.value, edits[0].path)
    first, *others = (_change(dataset, edit, asked, batch, line) for edit in edits)
    return (replace(first, change_id=batch), *others)


def _change(dataset: str, edit: Edit, asked: ChangeRequest, batch: str, subject: str) -> Change:
    _check_text(edit)
    return Change(
        change_id=uuid.uuid4().hex,
        batch=batch,
        dataset=dataset,
        kind=edit.kind,
        path=check_path(f"{dataset}/{edit.path}"),
        before=edit.before,
        text=edit.text,
        editor=asked.editor,
        by=asked.by,
        subject=subject,
        created_at=asked.at,
    )


def _check_text(edit: Edit) -> None:
    size = len((edit.text or "").encode("utf-8", "replace"))
    limit = Limits().file_bytes
    if size > limit:
        told = {"path": shorten(edit.path), "size": size, "limit": limit}
        raise Refused(f"{edit.path}: {size} bytes", "change-too-large", **told)


def check_path(path: str) -> str:
    """Return `path`, relative to the folder of datasets, when a dataset has files there.

    dataset.yaml, course.yaml, examples/**/<name>.yaml and materials/**/<name>.md, every step a
    good name: nothing else can be written, whatever was asked for. Raises Refused.
    """
    dataset, _, inside = path.partition("/")
    if layout.is_valid_name(dataset) and is_writable_path(inside):
        return path
    raise Refused(f"no place for a file: {path!r}", "change-no-place", path=shorten(path))


def is_writable_path(inside: str) -> bool:
    """Return whether a path within a dataset's folder is that of a file that may be written."""
    if inside in (DATASET_FILE, COURSE_FILE):
        return True
    folder = next((each for each in _ENDINGS if inside.startswith(each)), "")
    ending = _ENDINGS.get(folder, "")
    if not folder or not inside.endswith(ending):
        return False
    steps = inside[len(folder) : -len(ending)].split("/")
    is_short = len(inside.encode("utf-8", "replace")) <= MOST_PATH_BYTES
    return is_short and all(layout.is_valid_name(step) for step in steps)


def clean_subject(words: str) -> str:
    """Return `words` as the first line of a commit may have them: printable, at most 200 long."""
    return shorten(" ".join(words.split()), LONGEST)
