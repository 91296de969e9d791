"""Normalised responses: values that differ between runs become placeholders.

Also pages as lines of their texts, and the golden files to compare with.
"""

import difflib
import json
import os
import re
from collections import Counter
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
    (
        "date",
        rf"\b(\d{{4}}-\d\d-\d\d\b|\d{{1,2}} (?:{_MONTHS})\w*|(?:{_MONTHS})\w* \d{{1,2}}\b)",
    ),
    ("clock", r"\b\d\d:\d\d(:\d\d)?(?!\d)"),
    ("lasting", r"\b\d+\s(с|s|мин|min)\b"),
    # Notices that are sent together are one message.
    ("records", r"(?<=записи: )\d+|(?<=records: )\d+"),
    ("secret", r"(?<=mrl_)\w+(?=…)"),
    ("id", r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"),
    ("hex", r"(?:(?<![0-9A-Za-z])|(?<=%3A))[0-9a-f]{8,64}(?![0-9A-Za-z])"),
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
        """Return a JSON document as text with sorted keys; of a list, two entries of each kind."""
        return "\n".join(_format_json(self._normalise(document)))

    def _normalise(self, value):
        if isinstance(value, dict):
            return {
                self.text(key): self._value(key, value) for key, value in value.items()
            }
        if isinstance(value, list):
            return [self._normalise(item) for item in value]
        return self.text(value) if isinstance(value, str) else value

    def _value(self, key, value):
        if key in _RUN_KEYS and (value or isinstance(value, float)):
            return "<of the run>"
        if key == "outgoing" and isinstance(
            value, list
        ):  # the order of messages varies
            return sorted({name for row in value for name in row})
        normalised = self._normalise(value)
        # The original order is that of random ids.
        return sorted(normalised, key=json.dumps) if key == "purchase" else normalised


# Columns of a JSON line; how many entries alike of a list are written.
_WIDTH = 100
_MAX_ALIKE = 2


def _format_json(value):
    """Return the lines of a JSON value: what fits into one line is one line."""
    line = json.dumps(value, ensure_ascii=False, sort_keys=True)
    if len(line) <= _WIDTH or not isinstance(value, dict | list):
        return [line]
    if isinstance(value, dict):
        lines = [
            _prefix(f"{json.dumps(key, ensure_ascii=False)}: ", value[key])
            for key in sorted(value)
        ]
        return ["{", *(f" {line}" for entry in lines for line in entry), "}"]
    kinds = Counter()
    lines = []
    for entry in value:
        kinds[
            kind := tuple(sorted(entry)) if isinstance(entry, dict) else type(entry)
        ] += 1
        if kinds[kind] <= _MAX_ALIKE:
            lines += [f" {line}" for line in _format_json(entry)]
    rest = sum(max(0, count - _MAX_ALIKE) for count in kinds.values())
    return ["[", *lines, *([f" … {rest} more alike"] if rest else []), "]"]


def _prefix(prefix, value):
    first, *rest = _format_json(value)
    return [prefix + first, *rest]


# Shorter parts are written each time.
_LONG_LINES = 4
_SKIPPED_TAGS = {"svg", "style", "script", "input"}
_BLOCKS = {
    *(
        "article",
        "aside",
        "caption",
        "dd",
        "details",
        "dialog",
        "div",
        "dl",
        "dt",
        "fieldset",
    ),
    *(
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "header",
        "legend",
        "li",
        "main",
        "nav",
    ),
    *(
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "template",
        "tfoot",
        "th",
    ),
    *("thead", "title", "tr", "ul"),
}
_LABELS = ("aria-label", "placeholder", "title")


class Pages:
    """Writes the texts of pages with the addresses of links and forms, repeated parts only once."""

    def __init__(self):
        self._parts = set()
        self._pages = {}

    def lines(self, page, normalise):
        """Return the lines of a page; a part that an earlier page had is one line."""
        document = html.document_fromstring(page)
        roots = document.xpath('//title | //nav[@id="talks"] | //main | //footer')
        roots = roots if document.xpath("//main") else [document]
        parts = set()
        pairs = [self._lines(root, normalise, parts) for root in roots]
        whole = "\n".join(line for pair in pairs for line in pair[0])
        self._parts |= parts
        return self._pages.setdefault(
            whole, [line for pair in pairs for line in pair[1]]
        )

    def _lines(self, element, normalise, parts):
        """Return an element's lines, complete and with repeated parts shortened; add its parts."""
        if element.tag == "tr" or not any(
            inner.tag in _BLOCKS for inner in element.iterdescendants()
        ):
            line = normalise(_strip_text(_inline(element)))
            return [line] * bool(line), [line] * bool(line)
        opening = [element.get(name) for name in _LABELS if element.get(name)]
        if element.tag == "form":
            opening.append(
                f"form {element.get('method', 'get')} {element.get('action', '')}"
            )
        opening = [
            normalise(text) for text in (*opening, _strip_text(element.text)) if text
        ]
        whole = [*opening]
        short = [*opening]
        for child in element:
            tail = [normalise(text)] if (text := _strip_text(child.tail)) else []
            for target, lines in zip(
                (whole, short), self._lines(child, normalise, parts), strict=True
            ):
                target.extend([*lines, *tail])
        parts.add(key := "\n".join(whole))
        is_repeated = key in self._parts and len(whole) >= _LONG_LINES
        return whole, [f"{whole[0]} … as above"] if is_repeated else short


def _inline(element):
    """Return an element's text as one line: a link with its address, cells of a row apart."""
    if not isinstance(element.tag, str) or element.tag in _SKIPPED_TAGS:
        return ""
    words = [element.get(name, "") for name in _LABELS]
    words.append(element.text or "")
    for child in element:
        text = _inline(child)
        words.append(f"{text} | " if child.tag in {"td", "th", "option"} else text)
        words.append(child.tail or "")
    text = " ".join(words) if any(words[:3]) else "".join(words)
    if element.tag == "a":
        return f"[{text.strip()}]({element.get('href', '')})"
    return f"[{text.strip()}]" if element.tag == "button" else text


def _strip_text(text):
    return re.sub(r"\s+", " ", text or "").strip().removesuffix(" |")


def compare_roles(surface, entries_by_role):
    """Compare the entries of each role, one file a role; an answer given before is only named."""
    errors = []
    before = {}
    for role, entries in entries_by_role.items():
        headings = {}
        short = {}
        for heading, entry in entries.items():
            is_long = entry.count("\n") >= 2
            same = before.get((heading, entry)) or (
                headings.get(entry) if is_long else None
            )
            short[f"{heading} = {same}" if same else heading] = "" if same else entry
            headings.setdefault(entry, heading)
        before = {**dict.fromkeys(entries.items(), role), **before}
        try:
            compare(f"{surface}.{role}", short)
        except AssertionError as error:
            errors.append(str(error))
    assert not errors, "\n\n".join(errors)


def compare(name, entries):
    """Compare entries, a text by its heading, with a file; with MERLIN_GOLDEN=write, write it."""
    actual = "".join(
        f"### {heading}\n{text}\n" if text else f"### {heading}\n"
        for heading, text in entries.items()
    )
    actual = actual.replace(
        "\r", "\\r"
    )  # CSV lines end with CR, which reading a text file drops
    path = FILES / f"{name}.txt"
    if IS_WRITTEN:
        FILES.mkdir(exist_ok=True)
        path.write_text(actual, "utf-8")
        return
    expected = path.read_text("utf-8") if path.exists() else ""
    if actual != expected:
        raise AssertionError(_difference(path, expected, actual))


def _difference(path, expected, actual):
    old = expected.splitlines()
    new = actual.splitlines()
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
        heading = (
            old_line.removeprefix("### ") if old_line.startswith("### ") else heading
        )
    return heading
