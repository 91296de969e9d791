"""Subject: the first line of a commit that Merlin makes, and how people are told it.

In git the line is English, as in any log; who reads of it is told the same in their language.
So each line is written here, and read here again: `said` finds in it what was written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from merlin.core.text import text
from merlin.dataset.layout import EXAMPLES

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


def of_file(verb: str, path: str) -> str:
    """Return the line for one file: "Add example face/fixation"; `verb` as `ChangeKind` has it."""
    if path.startswith(EXAMPLES):
        return f"{verb.title()} example {path.removeprefix(EXAMPLES).removesuffix('.yaml')}"
    return f"{verb.title()} {path}"


def of_import(count: int, dataset: str) -> str:
    """Return the line for an import: "Import 2 examples into trial"."""
    return f"Import {count} {'example' if count == 1 else 'examples'} into {dataset}"


def of_undoing(line: str) -> str:
    """Return the line for a commit that takes another one back."""
    return f"{_REVERT}{line}"


def of_material(verb: str, kind: str, lesson: int) -> str:
    """Return the line for a material of a course: "Add lecture 3"."""
    return f"{verb} {kind} {lesson}"


def said(line: str) -> Mapping[str, Any] | str:
    """Return a line as a text with its arguments; as it is where it was not written here."""
    if len(line) > LONGEST:  # anybody may push a commit with any line
        return line
    if line.startswith(_REVERT):
        inner = said(line.removeprefix(_REVERT))
        return {"key": "subject-undoing", "arguments": {"subject": inner}}
    for key, pattern in _LINES.items():
        found = pattern.fullmatch(line)
        if found is not None:
            return {"key": key, "arguments": _arguments(found.groupdict())}
    return line


def words(line: str, language: str) -> str:
    """Return a line as a person reads it."""
    told = said(line)
    return told if isinstance(told, str) else text(language, str(told["key"]), **told["arguments"])


def _arguments(found: Mapping[str, str]) -> dict[str, object]:
    told: dict[str, object] = dict(found)
    if "count" in told:
        told["count"] = int(found["count"])
    if "kind" in told:
        lesson = {"lesson": found["lesson"]}
        told = {"material": {"key": f"page-lesson-{told['kind']}", "arguments": lesson}}
    return told
