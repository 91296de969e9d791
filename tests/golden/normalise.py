"""Answers without what differs from run to run: a value is the same placeholder wherever it stands.

Also pages as lines of their elements and words, and the files that answers are compared with.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from itertools import zip_longest
from pathlib import Path

from lxml import html

FILES = Path(__file__).parent / "files"
RENEW = "make golden"
MAX_LINES = 120
# Read before any test begins: within one nothing of the surroundings is left.
IS_WRITTEN = os.environ.get("MERLIN_GOLDEN") == "write"
_MONTHS = (
    "янв|фев|мар|апр|мая|июн|июл|авг|сен|окт|ноя|дек"
    "|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
)
_RULES = (
    ("asset", r"(?<=[a-z]\.)[0-9a-f]{8,16}(?=\.(css|js|svg|ttf|png))"),
    ("time", r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?"),
    ("date", rf"\b(\d{{4}}-\d\d-\d\d\b|\d{{1,2}} (?:{_MONTHS})\w*|(?:{_MONTHS})\w* \d{{1,2}}\b)"),
    ("clock", r"\b\d\d:\d\d(:\d\d)?\b"),
    ("lasting", r"\b\d+\s(с|s|мин|min)\b"),
    ("secret", r"(?<=mrl_)\w+(?=…)"),
    ("id", r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"),
    ("hex", r"(?<![0-9A-Za-z])[0-9a-f]{8,64}(?![0-9A-Za-z])"),
    ("token", r"(?<![\w/.-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*\d)[\w-]{20,}"),
)
_PATTERN = re.compile("|".join(f"(?P<{name}>{rule})" for name, rule in _RULES))
# Which moment it was is another one each time, and so is how many there were.
_UNCOUNTED = {"asset", "time", "date", "clock", "lasting", "secret"}
# What a run says of itself: numbers of its processes and messages.
_OF_THE_RUN = {
    *(
        "age_s",
        "bytes",
        "created",
        "first_ms",
        "hint",
        "message_id",
        "owner",
        "pid",
        "placeholder_id",
    ),
    *("question_id", "update_id"),
}


class Plain:
    """Normalises one answer; `known` are values of the world and what they are called."""

    def __init__(self, known):
        self._known = sorted(known.items(), key=lambda each: -len(each[0]))
        self._names = {}

    def text(self, words):
        for value, name in self._known:
            words = words.replace(value, f"<{name}>")
        return _PATTERN.sub(self._placeholder, words)

    def _placeholder(self, found):
        kind = next(name for name, _ in _RULES if found[name] is not None)
        if kind in _UNCOUNTED:
            return f"<{kind}>"
        return self._names.setdefault(found[0], f"<{kind}-{len(self._names) + 1}>")

    def json(self, said):
        """Return a JSON document as text: one line an entry, keys in order of their names."""
        return json.dumps(self._json(said), ensure_ascii=False, indent=1, sort_keys=True)

    def _json(self, said):
        if isinstance(said, dict):
            return {self.text(key): self._value(key, value) for key, value in said.items()}
        if isinstance(said, list):
            return [self._json(each) for each in said]
        return self.text(said) if isinstance(said, str) else said

    def _value(self, key, value):
        if key in _OF_THE_RUN and (value or isinstance(value, float)):
            return "<of the run>"
        if key == "outgoing" and isinstance(value, list):  # whose message was first is chance
            return sorted({name for row in value for name in row})
        told = self._json(value)
        # In the order of ids that are made by chance.
        return sorted(told, key=json.dumps) if key == "purchase" else told


_ATTRIBUTES = (
    *("id", "class", "name", "type", "href", "src", "action", "method", "value", "for", "role"),
    *("lang", "title", "alt", "content", "property", "rel", "open", "checked", "selected"),
    *("disabled", "required", "hidden", "placeholder", "pattern", "min", "max", "maxlength"),
)
_FAMILIES = ("aria-", "hx-", "data-", "sse-")


# What is shorter is written each time.
_LONG_LINES = 4


class Pages:
    """Writes pages as lines: an element with what it is and does, its words; a part only once."""

    def __init__(self):
        self._parts = set()

    def lines(self, words):
        """Return the lines of a page; of a part that stood in an earlier one alike, its name."""
        _, short = self._lines(html.document_fromstring(words))
        return short

    def words(self, words):
        """Return the words of a page alone, also those that are only heard."""
        page = html.document_fromstring(words).xpath("//title | //main | //dialog | //template")
        said = [each for part in page for each in part.xpath(_SAID)]
        lines = [line for line in map(_words, said) if line]
        return self._once(lines, lines)

    def _lines(self, element):
        """Return an element's lines, whole and with the parts that were there before named."""
        if not isinstance(element.tag, str) or element.tag in _UNSEEN:
            return [], []
        opening = " ".join([f"<{element.tag}", *_attributes(element)])
        whole = [f"{opening}> {_words(element.text)}".rstrip()]
        short = [*whole]
        for child in element:
            tail = [f" {words}"] if (words := _words(child.tail)) else []
            for all_of_it, more in zip((whole, short), self._lines(child), strict=True):
                all_of_it.extend([*(f" {line}" for line in more), *tail])
        # An element that holds one thing alone is one line.
        if len(whole) == 2 and whole[0].endswith(">"):
            whole = short = [f"{whole[0]}{whole[1].strip()}"]
        return whole, self._once(whole, short)

    def _once(self, whole, short):
        key = "\n".join(whole)
        if key in self._parts and len(whole) >= _LONG_LINES:
            opening = re.match(r"<\w+( id=\S+)?", whole[0])
            return [f"{opening[0].rstrip('>')} as above>" if opening else "as above"]
        self._parts.add(key)
        return short


_SAID = ".//text() | .//@aria-label | .//@placeholder | .//@title"
_UNSEEN = {"svg", "meta", "link", "style", "script"}


def _attributes(element):
    for name, value in element.attrib.items():
        if name in _ATTRIBUTES or name.startswith(_FAMILIES):
            yield f'{name}="{value}"' if value else name


def _words(text):
    return re.sub(r"\s+", " ", text or "").strip()


def compare_roles(surface, told):
    """Compare what each role is told, one file a role; what stood before alike is named."""
    faults, before = [], {}
    for role, entries in told.items():
        here, short = {}, {}
        for heading, entry in entries.items():
            is_long = entry.count("\n") >= _LONG_LINES
            same = here.get(entry) if is_long else None
            short[heading] = before.get((heading, entry)) or same or entry
            here.setdefault(entry, f"as {heading}")
        before = {**dict.fromkeys(entries.items(), f"as {role}"), **before}
        try:
            compare(f"{surface}.{role}", short)
        except AssertionError as fault:
            faults.append(str(fault))
    assert not faults, "\n\n".join(faults)


def compare(name, entries):
    """Compare entries, a text by its heading, with a file; with MERLIN_GOLDEN=write, write it."""
    told = "".join(f"### {heading}\n{entries[heading]}\n" for heading in entries)
    told = told.replace("\r", "\\r")  # lines of CSV end so, and files are read without it
    path = FILES / f"{name}.txt"
    if IS_WRITTEN:
        FILES.mkdir(exist_ok=True)
        path.write_text(told, "utf-8")
        return
    wanted = path.read_text("utf-8") if path.exists() else ""
    if told != wanted:
        raise AssertionError(_difference(path, wanted, told))


def _difference(path, wanted, told):
    old, new = wanted.splitlines(), told.splitlines()
    lines = list(difflib.unified_diff(old, new, "wanted", "answered", lineterm="", n=3))
    where = _heading(old, new)
    left_out = max(0, len(lines) - MAX_LINES)
    return "\n".join(
        [
            f"{path.name} differs, first under {where!r}. If that is as it should be: {RENEW}",
            *lines[:MAX_LINES],
            *([f"… and {left_out} lines more"] if left_out else []),
        ]
    )


def _heading(old, new):
    """Return the last heading before the first line that differs."""
    heading = ""
    for one, other in zip_longest(old, new, fillvalue=""):
        if one != other:
            break
        heading = one.removeprefix("### ") if one.startswith("### ") else heading
    return heading
