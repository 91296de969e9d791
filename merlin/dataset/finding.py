"""Finding: one problem seen by the check, with its place, its rule and its text.

A finding holds no sentence: the sentence is the Fluent text `finding-<rule>`, so that every
finding can be read in every language, now or from the database later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

Mark = tuple[int, int]  # line and column, both from 1
SHOWN_LENGTH = 80


class Severity(StrEnum):
    """How bad it is. An error rejects the file it stands at; the others only tell."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem. Lines and columns count from 1; a whole file or folder is 1:1.

    `path` is relative to the dataset's folder and printable (see `printable`). `arguments`
    are what the text names: strings, already printable and short, or integers; never called
    `key` or `language`, which are `text`'s own.
    """

    path: str
    line: int
    column: int
    rule: str
    severity: Severity = Severity.ERROR
    arguments: Mapping[str, str | int] = field(default_factory=dict)

    def text(self, language: str) -> str:
        """Return the sentence of this finding in `language`.

        A rule that an earlier release had, as its findings are still stored, is told by its name.
        """
        # A process that only reads files starts in half the time without the texts.
        from merlin.core.i18n import keys, text  # noqa: PLC0415

        key = f"finding-{self.rule}"
        return text(language, key, **self.arguments) if key in keys(language) else self.rule

    def line_text(self, language: str) -> str:
        """Return the finding as one line, as linters write it."""
        place = f"{self.path}:{self.line}:{self.column}"
        return f"{place}: {self.severity} {self.rule}: {self.text(language)}"

    def at(self, path: str) -> Finding:
        """Return the same finding at another path (made printable)."""
        return replace(self, path=escape_unprintable(path))


def escape_unprintable(message: str) -> str:
    """Return `message` with every character that does not show as itself written as an escape.

    A file name or a key may hold line ends, terminal escapes, direction marks or bytes that are
    no UTF-8; none of them may reach a terminal, a log or an annotation.
    """
    if message.isprintable():
        return message
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in message
    )


def shorten(message: str, length: int = SHOWN_LENGTH) -> str:
    """Return `message` printable and at most `length` characters long, cut with "…"."""
    shown = escape_unprintable(message[: length + 1])
    return shown if len(message) <= length else shown[: length - 1] + "…"
