"""Finding: one problem reported by the check, with its position, its rule and its arguments.

A finding contains no sentence: its text is the Fluent text `finding-<rule>`, so that it can be
shown in every language, also after it was stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

Mark = tuple[int, int]  # line and column, both from 1
SHOWN_LENGTH = 80


class Severity(StrEnum):
    """The severity of a finding; only an error rejects the file."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem. Lines and columns count from 1; a whole file or folder is at 1:1.

    `path` is relative to the dataset's folder and printable (see `escape_unprintable`).
    `arguments` are those of the Fluent text: short printable strings or integers. They are never
    named `key` or `language`, which are parameters of `text`. `inside` is the path in a record of
    JSON; the text begins with it.
    """

    path: str
    line: int
    column: int
    rule: str
    severity: Severity = Severity.ERROR
    arguments: Mapping[str, str | int] = field(default_factory=dict)

    def text(self, language: str) -> str:
        """Return the finding's text in `language`.

        For a rule of an earlier release, whose findings are still stored, it is the rule's name.
        """
        # Imported here: a process that only reads files starts in half the time without the texts.
        from merlin.core.i18n import keys, text  # noqa: PLC0415

        key = f"finding-{self.rule}"
        if key not in keys(language):
            return self.rule
        words = text(language, key, **self.arguments)
        inside = self.arguments.get("inside")
        return f"{inside}: {words}" if inside else words

    def line_text(self, language: str) -> str:
        """Return the finding as one line in the usual format of linters."""
        from merlin.core.i18n import text  # noqa: PLC0415 - as above

        place = f"{self.path}:{self.line}:{self.column}"
        level = f"level-{self.severity}"
        return f"{place}: {text(language, level)} {self.rule}: {self.text(language)}"

    def at(self, path: str) -> Finding:
        """Return the same finding at another path (made printable)."""
        return replace(self, path=escape_unprintable(path))


def escape_unprintable(message: str) -> str:
    """Return `message` with unprintable characters replaced by escape sequences.

    A file name or a key may contain line ends, terminal escapes, direction marks or invalid UTF-8;
    none of them may reach a terminal, a log or an annotation.
    """
    if message.isprintable():
        return message
    return "".join(
        letter
        if letter.isprintable()
        else letter.encode("unicode_escape").decode("ascii")
        for letter in message
    )


def shorten(message: str, length: int = SHOWN_LENGTH) -> str:
    """Return `message` printable and at most `length` characters long; a cut one ends with "…"."""
    shown = escape_unprintable(message[: length + 1])
    return shown if len(message) <= length else shown[: length - 1] + "…"
