"""Reads the project's Markdown: headings, links, code, tables and lists, in the subset we use."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class MarkdownPage:
    """One Markdown file; `prose` is its text without fenced blocks."""

    path: Path

    @cached_property
    def text(self):
        return self.path.read_text("utf-8")

    @cached_property
    def prose(self):
        return _FENCE.sub("", self.text)

    @property
    def headings(self):
        """Return (level, text) of every heading."""
        return [(len(marks), text) for marks, text in _HEADING.findall(self.prose)]

    @property
    def anchors(self):
        """Return the link anchors of its headings, as code hosts generate them."""
        slugs = (
            re.sub(r"[^\w\- ]", "", heading.lower()) for _, heading in self.headings
        )
        return {heading.strip().replace(" ", "-") for heading in slugs}

    @property
    def links(self):
        return _LINK.findall(self.prose)

    @property
    def codes(self):
        """Return the text of every code span."""
        return _CODE.findall(self.prose)

    @property
    def commands(self):
        """Return the lines after "$ " in console blocks."""
        blocks = [body for kind, body in _FENCE.findall(self.text) if kind == "console"]
        lines = [line.strip() for body in blocks for line in body.splitlines()]
        return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]

    @property
    def rows(self):
        """Return the cells of every table row, without headers and separators."""
        lines = [line for line in self.prose.splitlines() if line.startswith("|")]
        rules = [index for index, line in enumerate(lines) if set(line) <= set("|- ")]
        skipped = {index - 1 for index in rules} | set(rules)
        return [
            [cell.strip() for cell in line.strip("|").split(" | ")]
            for index, line in enumerate(lines)
            if index not in skipped
        ]

    @property
    def keys(self):
        """Return the code spans of each row's first cell, with the row."""
        return {code: row for row in self.rows for code in _CODE.findall(row[0])}

    @property
    def shape(self):
        """Return the structure that must be the same in every language."""
        return {
            "headings": [level for level, _ in self.headings],
            "columns": [len(row) for row in self.rows],
            "blocks": [kind for kind, _ in _FENCE.findall(self.text)],
            "items": len(re.findall(r"^ *(?:-|\d+\.) ", self.prose, re.MULTILINE)),
        }


def all_pages():
    """Return every Markdown page of the project; datasets are not documentation."""
    paths = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return [MarkdownPage(path) for path in sorted(paths)]


def read_page(*steps):
    return MarkdownPage(ROOT.joinpath(*steps))
