"""The author and the subject line of a commit.

An editor's name and e-mail are restricted to an allow-list of characters: no name can start a new
line, a trailer or an option of git. An edit's subject is stored in English and shown translated
(`parse_subject`); git gets it in the language of the configuration.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from merlin.core.combining_marks import normalise_unicode
from merlin.core.formatted_text import is_blank, shorten_text
from merlin.core.i18n import text
from merlin.dataset.layout import EXAMPLES

MAX_NAME = 80
_MARKS = " .'-"
_EMAIL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9][A-Za-z0-9.-]{0,189}")
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
        _name(name) or _name(login) or mailbox, email if is_address else f"{mailbox}@cli.invalid"
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


COURSE = "Edit the course"
LONGEST = 200  # characters of a subject written here
_REVERT = "Revert: "
# The files of a dataset besides its examples; "Add examples" is not one of our subjects.
_PATH = r"(?P<path>dataset\.yaml|course\.yaml|materials/\S+\.md)"
_EXAMPLES = r"(?P<example>“.+”|\S+)(?: and (?P<more>\d{1,9}) more)?"
_LINES: Mapping[str, re.Pattern[str]] = {
    "subject-example-add": re.compile(rf"Add example {_EXAMPLES}"),
    "subject-example-edit": re.compile(rf"Edit example {_EXAMPLES}"),
    "subject-example-delete": re.compile(rf"Delete example {_EXAMPLES}"),
    "subject-example-correct": re.compile(rf"Correct example {_EXAMPLES}"),
    "subject-import": re.compile(
        r"(?:Import|Add) (?P<count>\d{1,9}) examples? (?:in)?to (?P<dataset>\S+)"
    ),
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


def file_subject(verb: str, path: str, more: int = 0) -> str:
    """Return the subject for a file: "Add example face/fixation", "Edit example a and 2 more".

    `verb` as in `ChangeKind`, or "correct" for another answer of examples.
    """
    if path.startswith(EXAMPLES):
        example = path.removeprefix(EXAMPLES).removesuffix(".yaml")
        return f"{verb.title()} example {example}{f' and {more} more' if more else ''}"
    return f"{verb.title()} {path}"


def import_subject(count: int, dataset: str) -> str:
    """Return the subject for an import: "Import 2 examples into trial"."""
    return f"Import {count} {'example' if count == 1 else 'examples'} into {dataset}"


def approval_subject(count: int, dataset: str) -> str:
    """Return the subject for several approved proposals: "Add 2 examples to trial"."""
    return f"Add {count} examples to {dataset}"


def revert_subject(line: str) -> str:
    """Return the subject for a commit that reverts another one."""
    return f"{_REVERT}{line}"


def material_subject(verb: str, kind: str, lesson: int) -> str:
    """Return the subject for a material of a course: "Add lecture 3"."""
    return f"{verb} {kind} {lesson}"


def name_example(line: str, question: str) -> str:
    """Return a subject with the question of its example in place of the id; "" keeps the id."""
    example = _match(line.rpartition(_REVERT)[2])[1].get("example")
    return (
        line.replace(f"example {example}", f"example “{question}”", 1)
        if example and question
        else line
    )


def parse_subject(line: str) -> Mapping[str, Any] | str:
    """Return a subject as a text with its arguments; unchanged if it was not written here."""
    if len(line) > LONGEST:  # pushed commits may have any subject
        return line
    if line.startswith(_REVERT):
        inner = parse_subject(line.removeprefix(_REVERT))
        return {"key": "subject-undoing", "arguments": {"subject": inner}}
    key, values = _match(line)
    if not key:
        return line
    first = {"key": key, "arguments": _arguments(values)}
    if more := values.get("more"):
        return {"key": "subject-more", "arguments": {"subject": first, "count": int(more)}}
    return first


def _match(line: str) -> tuple[str, Mapping[str, str]]:
    """Return the text key of a subject written here, with its values; "" for any other."""
    for key, pattern in _LINES.items():
        found = pattern.fullmatch(line)
        if found is not None:
            return key, found.groupdict()
    return "", {}


def format_subject(line: str, language: str) -> str:
    """Return a subject in a language."""
    subject = parse_subject(line)
    return (
        subject
        if isinstance(subject, str)
        else text(language, str(subject["key"]), **subject["arguments"])
    )


def git_subject(line: str, language: str) -> str:
    """Return the subject that git gets."""
    return line if language == "en" else format_subject(line, language)


def _arguments(found: Mapping[str, str]) -> dict[str, object]:
    values: dict[str, object] = {name: value for name, value in found.items() if value}
    example = found.get("example", "")
    name = example[1:-1] if example.startswith("“") else _words_of(example)
    if name and "example" in values:
        values["example"] = {"key": "page-source-quoted", "arguments": {"question": name}}
    if "count" in values:
        values["count"] = int(found["count"])
    if "kind" in values:
        lesson = {"lesson": found["lesson"]}
        values = {"material": {"key": f"page-lesson-{values['kind']}", "arguments": lesson}}
    return values


def _words_of(example_id: str) -> str:
    """Return the question that an id was made of, as near as it keeps it; "" for one word."""
    words = example_id.rpartition("/")[2].replace("-", " ").strip()
    return words[:1].upper() + words[1:] if " " in words else ""


def clean_subject(message: str) -> str:
    """Return `message` as a commit's subject: printable, at most 200 characters."""
    return shorten_text(message, LONGEST)
