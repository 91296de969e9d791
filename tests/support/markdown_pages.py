"""Reading the project's Markdown: headings, links, code, tables, lists; no more than we write."""

from __future__ import annotations

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
    """One Markdown file; `prose` is its text without the fenced blocks."""

    path: Path

    @cached_property
    def text(self):
        return self.path.read_text("utf-8")

    @cached_property
    def prose(self):
        return _FENCE.sub("", self.text)

    @property
    def headings(self):
        """Return (level, words) of every heading."""
        return [(len(marks), words) for marks, words in _HEADING.findall(self.prose)]

    @property
    def anchors(self):
        """Return the names by which links reach its headings, as code hosts make them."""
        words = (re.sub(r"[^\w\- ]", "", heading.lower()) for _, heading in self.headings)
        return {heading.strip().replace(" ", "-") for heading in words}

    @property
    def links(self):
        return _LINK.findall(self.prose)

    @property
    def codes(self):
        """Return what stands between backticks."""
        return _CODE.findall(self.prose)

    @property
    def commands(self):
        """Return the lines after "$ " of the console blocks."""
        blocks = [body for kind, body in _FENCE.findall(self.text) if kind == "console"]
        lines = [line.strip() for body in blocks for line in body.splitlines()]
        return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]

    @property
    def rows(self):
        """Return the cells of every table row, headings and rules left out."""
        lines = [line for line in self.prose.splitlines() if line.startswith("|")]
        rules = [place for place, line in enumerate(lines) if set(line) <= set("|- ")]
        skipped = {place - 1 for place in rules} | set(rules)
        return [
            [cell.strip() for cell in line.strip("|").split(" | ")]
            for place, line in enumerate(lines)
            if place not in skipped
        ]

    @property
    def keys(self):
        """Return what the first cell of each table row names in backticks, with its row."""
        return {code: row for row in self.rows for code in _CODE.findall(row[0])}

    @property
    def shape(self):
        """Return what must be the same in every language."""
        return {
            "headings": [level for level, _ in self.headings],
            "columns": [len(row) for row in self.rows],
            "blocks": [kind for kind, _ in _FENCE.findall(self.text)],
            "items": len(re.findall(r"^ *(?:-|\d+\.) ", self.prose, re.MULTILINE)),
        }


def pages():
    """Return every Markdown page of the project itself; datasets and the like are not docs."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return [MarkdownPage(path) for path in sorted(found)]


def page(*steps):
    return MarkdownPage(ROOT.joinpath(*steps))
