"""Normalised responses: values that differ between runs become placeholders.

Also pages as lines of their elements and texts, and the golden files to compare with.
"""

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
# Read at import: within a test the environment is replaced.
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
    # Notices that are sent together are one message.
    ("records", r"(?<=записи: )\d+|(?<=records: )\d+"),
    ("secret", r"(?<=mrl_)\w+(?=…)"),
    ("id", r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"),
    ("hex", r"(?<![0-9A-Za-z])[0-9a-f]{8,64}(?![0-9A-Za-z])"),
    ("token", r"(?<![\w/.-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*\d)[\w-]{20,}"),
)
_PATTERN = re.compile("|".join(f"(?P<{name}>{rule})" for name, rule in _RULES))
# Kinds whose values and number differ in each run: placeholders without a number.
_UNCOUNTED = {"asset", "time", "date", "clock", "lasting", "records", "secret"}
# JSON keys whose values differ in each run.
_RUN_KEYS = {
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


class Normaliser:
    """Normalises one response; `known` are placeholders by value."""

    def __init__(self, known):
        self._known = sorted(known.items(), key=lambda item: -len(item[0]))
        self._names = {}

    def text(self, text):
        for value, name in self._known:
            text = text.replace(value, f"<{name}>")
        return _PATTERN.sub(self._placeholder, text)

    def _placeholder(self, match):
        kind = next(name for name, _ in _RULES if match[name] is not None)
        if kind in _UNCOUNTED:
            return f"<{kind}>"
        return self._names.setdefault(match[0], f"<{kind}-{len(self._names) + 1}>")

    def json(self, document):
        """Return a JSON document as text: one line an entry, sorted keys."""
        return json.dumps(self._normalise(document), ensure_ascii=False, indent=1, sort_keys=True)

    def _normalise(self, value):
        if isinstance(value, dict):
            return {self.text(key): self._value(key, value) for key, value in value.items()}
        if isinstance(value, list):
            return [self._normalise(item) for item in value]
        return self.text(value) if isinstance(value, str) else value

    def _value(self, key, value):
        if key in _RUN_KEYS and (value or isinstance(value, float)):
            return "<of the run>"
        if key == "outgoing" and isinstance(value, list):  # the order of messages varies
            return sorted({name for row in value for name in row})
        normalised = self._normalise(value)
        # The original order is that of random ids.
        return sorted(normalised, key=json.dumps) if key == "purchase" else normalised


_ATTRIBUTES = (
    *("id", "class", "name", "type", "href", "src", "action", "method", "value", "for", "role"),
    *("lang", "title", "alt", "content", "property", "rel", "open", "checked", "selected"),
    *("disabled", "required", "hidden", "placeholder", "pattern", "min", "max", "maxlength"),
)
_FAMILIES = ("aria-", "hx-", "data-", "sse-")


# Shorter parts are written each time.
_LONG_LINES = 4


class Pages:
    """Writes pages as lines of elements, attributes and texts; each repeated part only once."""

    def __init__(self):
        self._parts = set()

    def lines(self, page):
        """Return the lines of a page; a part that an earlier page had is one line."""
        _, short = self._lines(html.document_fromstring(page))
        return short

    def texts(self, text):
        """Return only the texts of a page, also those for screen readers."""
        page = html.document_fromstring(text).xpath("//title | //main | //dialog | //template")
        texts = [text for part in page for text in part.xpath(_TEXTS)]
        lines = [line for line in map(_strip_text, texts) if line]
        return self._shorten(lines, lines)

    def _lines(self, element):
        """Return an element's lines: complete, and with repeated parts shortened."""
        if not isinstance(element.tag, str) or element.tag in _SKIPPED_TAGS:
            return [], []
        opening = " ".join([f"<{element.tag}", *_attributes(element)])
        whole = [f"{opening}> {_strip_text(element.text)}".rstrip()]
        short = [*whole]
        for child in element:
            tail = [f" {text}"] if (text := _strip_text(child.tail)) else []
            for target, child_lines in zip((whole, short), self._lines(child), strict=True):
                target.extend([*(f" {line}" for line in child_lines), *tail])
        # An element with a single short child is one line.
        if len(whole) == 2 and whole[0].endswith(">"):
            whole = short = [f"{whole[0]}{whole[1].strip()}"]
        return whole, self._shorten(whole, short)

    def _shorten(self, whole, short):
        key = "\n".join(whole)
        if key in self._parts and len(whole) >= _LONG_LINES:
            opening = re.match(r"<\w+( id=\S+)?", whole[0])
            return [f"{opening[0].rstrip('>')} as above>" if opening else "as above"]
        self._parts.add(key)
        return short


_TEXTS = ".//text() | .//@aria-label | .//@placeholder | .//@title"
_SKIPPED_TAGS = {"svg", "meta", "link", "style", "script"}


def _attributes(element):
    for name, value in element.attrib.items():
        if name in _ATTRIBUTES or name.startswith(_FAMILIES):
            yield f'{name}="{value}"' if value else name


def _strip_text(text):
    return re.sub(r"\s+", " ", text or "").strip()


def compare_roles(surface, entries_by_role):
    """Compare the entries of each role, one file a role; repeated entries are shortened."""
    errors, before = [], {}
    for role, entries in entries_by_role.items():
        headings, short = {}, {}
        for heading, entry in entries.items():
            is_long = entry.count("\n") >= _LONG_LINES
            same = headings.get(entry) if is_long else None
            short[heading] = before.get((heading, entry)) or same or entry
            headings.setdefault(entry, f"as {heading}")
        before = {**dict.fromkeys(entries.items(), f"as {role}"), **before}
        try:
            compare(f"{surface}.{role}", short)
        except AssertionError as error:
            errors.append(str(error))
    assert not errors, "\n\n".join(errors)


def compare(name, entries):
    """Compare entries, a text by its heading, with a file; with MERLIN_GOLDEN=write, write it."""
    actual = "".join(f"### {heading}\n{entries[heading]}\n" for heading in entries)
    actual = actual.replace("\r", "\\r")  # CSV lines end with CR, which reading a text file drops
    path = FILES / f"{name}.txt"
    if IS_WRITTEN:
        FILES.mkdir(exist_ok=True)
        path.write_text(actual, "utf-8")
        return
    expected = path.read_text("utf-8") if path.exists() else ""
    if actual != expected:
        raise AssertionError(_difference(path, expected, actual))


def _difference(path, expected, actual):
    old, new = expected.splitlines(), actual.splitlines()
    lines = list(difflib.unified_diff(old, new, "wanted", "answered", lineterm="", n=3))
    heading = _heading(old, new)
    left_out = max(0, len(lines) - MAX_LINES)
    return "\n".join(
        [
            f"{path.name} differs, first under {heading!r}. If that is as it should be: {RENEW}",
            *lines[:MAX_LINES],
            *([f"… and {left_out} lines more"] if left_out else []),
        ]
    )


def _heading(old, new):
    """Return the last heading before the first line that differs."""
    heading = ""
    for old_line, new_line in zip_longest(old, new, fillvalue=""):
        if old_line != new_line:
            break
        heading = old_line.removeprefix("### ") if old_line.startswith("### ") else heading
    return heading
