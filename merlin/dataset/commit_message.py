"""The author and the subject line of a commit.

An editor's name and e-mail are restricted to an allow-list of characters: no name can start a new
line, a trailer or an option of git. A subject is written in the language of the configuration.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from merlin.core.combining_marks import normalise_unicode
from merlin.core.formatted_text import is_blank, shorten_text
from merlin.core.i18n import text
from merlin.dataset.layout import EXAMPLES, example_id_of

MAX_NAME = 80
_MARKS = " .'-"
_EMAIL = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9][A-Za-z0-9.-]{0,189}"
)
_NOT_MAILBOX = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Editor:
    """A name of letters, digits and spaces, and an e-mail; created by the functions below."""

    name: str
    email: str

    @property
    def line(self) -> str:
        """Return both as in git: `Name <address>`."""
        return f"{self.name} <{self.email}>"


def telegram_editor(user_id: int, shown_name: str) -> Editor:
    """Return the editor of a Telegram user; the address does not exist by design (RFC 2606)."""
    return Editor(_name(shown_name) or f"user {user_id}", f"{user_id}@telegram.invalid")


def local_editor(login: str, name: str = "", email: str = "") -> Editor:
    """Return the editor at this machine: name and e-mail of their git settings, else the login."""
    mailbox = _NOT_MAILBOX.sub("-", login).strip("-._") or "somebody"
    is_address = _EMAIL.fullmatch(email) is not None
    return Editor(
        _name(name) or _name(login) or mailbox,
        email if is_address else f"{mailbox}@cli.invalid",
    )


def _name(message: str) -> str:
    """Return the characters of a name allowed in a commit: letters, digits, marks between them.

    "" for a name in which nothing can be seen.
    """
    composed = normalise_unicode("NFC", message)
    kept = "".join(
        letter if letter in _MARKS or unicodedata.category(letter)[0] in "LNM" else " "
        for letter in composed
    )
    name = " ".join(kept.split())[:MAX_NAME].strip(_MARKS)
    while name and unicodedata.category(name[0])[0] == "M":
        name = name[1:].lstrip(_MARKS)
    return "" if is_blank(name) else name


# The first line of a commit: a text with its arguments, or a line that is written already.
Subject = Mapping[str, Any] | str
COURSE: Subject = {"key": "subject-course", "arguments": {}}
LONGEST = 200  # characters of a subject written here


def file_subject(verb: str, path: str, more: int = 0) -> Subject:
    """Return the subject for a file and how many more; a file of `examples/` by its id.

    `verb` as in `ChangeKind`, or "correct" for another answer of examples.
    """
    kind = "file"
    named = {"path": path}
    if path.startswith(EXAMPLES):
        kind = "example"
        named = {"example": example_id_of(path)}
    first = {"key": f"subject-{kind}-{verb}", "arguments": named}
    if not more:
        return first
    return {"key": "subject-more", "arguments": {"subject": first, "count": more}}


def import_subject(
    count: int, dataset: str, changed: int = 0, gone: int = 0, name: str = ""
) -> Subject:
    """Return the subject for new, changed and removed examples, and what is remembered by name."""
    arguments: dict[str, object] = {"count": count, "dataset": dataset}
    subject: Subject = {"key": "subject-import", "arguments": arguments}
    if changed or gone:
        arguments |= {"changed": changed, "gone": gone}
        subject = {"key": "subject-import-changes", "arguments": arguments}
    if not name:
        return subject
    named = {"subject": subject, "name": name}
    return {"key": "subject-import-as", "arguments": named}


def revert_subject(line: str) -> Subject:
    """Return the subject for a commit that reverts another one."""
    return {"key": "subject-undoing", "arguments": {"subject": line}}


def material_subject(verb: str, kind: str, lesson: int) -> Subject:
    """Return the subject for a material of a course; `verb` is add, edit or remove."""
    material = {"key": f"page-lesson-{kind}", "arguments": {"lesson": str(lesson)}}
    return {"key": f"subject-material-{verb}", "arguments": {"material": material}}


def format_subject(subject: Subject, language: str) -> str:
    """Return a subject as a printable line of at most 200 characters, in a language."""
    if not isinstance(subject, str):
        subject = text(language, str(subject["key"]), **subject["arguments"])
    return shorten_text(subject, LONGEST)


def name_example(line: str, example_id: str, question: str) -> str:
    """Return a subject with the question of its example in place of the id."""
    for quotes in ("“{}”", "«{}»"):
        line = line.replace(quotes.format(example_id), quotes.format(question), 1)
    return line
