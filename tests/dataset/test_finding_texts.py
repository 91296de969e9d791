"""Texts of findings in both languages, escaped and shortened."""

import re

import pytest

from merlin.core.i18n import keys
from merlin.dataset.finding import Finding, Severity, escape_unprintable, shorten

pytestmark = pytest.mark.unit

RULES = sorted(
    key.removeprefix("finding-") for key in keys("ru") if key.startswith("finding-")
)
WORDS = [
    *[
        "name",
        "first",
        "byte",
        "code",
        "problem",
        "words",
        "keys",
        "expected",
        "allowed",
    ],
    *["found", "role", "proposed", "text", "folder", "other", "near", "names", "model"],
    *[
        "sheet",
        "others",
        "calls",
        "results",
        "kind",
        "encoding",
        "letter",
        "reason",
        "answers",
        "values",
        "question",
        "answer",
    ],
]
NUMBERS = ["size", "most", "limit", "needed", "tokens", "good", "fewest", "advised"]
NUMBERS += ["count", "tests", "least", "column"]
ARGUMENTS = {word: word for word in WORDS} | dict.fromkeys(NUMBERS, 7)


def test_every_rule_has_texts_in_both_languages():
    for rule in RULES:
        finding = Finding("examples/q.yaml", 1, 1, rule, arguments=ARGUMENTS)
        russian = finding.text("ru")
        english = finding.text("en")
        assert re.search("[а-яё]", russian)
        assert not re.search("[а-яё]", english)
        assert "{" not in russian + english


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("q.yaml", "q.yaml"),
        ("ёлка 1", "ёлка 1"),
        ("a\nb", "a\\nb"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\u202eb", "a\\u202eb"),
        ("\udcff", "\\udcff"),
    ],
)
def test_unprintable_characters_are_escaped(text, shown):
    assert escape_unprintable(text) == shown
    assert escape_unprintable(text).encode("utf-8")


@pytest.mark.parametrize(
    ("rule", "severity", "line"),
    [
        ("missing-dataset", Severity.ERROR, "q\\n.yaml:2:3: error missing-dataset: "),
        ("gone-rule", Severity.NOTE, "q\\n.yaml:2:3: note gone-rule: gone-rule"),
    ],
)
def test_line_of_a_finding_is_that_of_a_linter(rule, severity, line):
    """A rule of an earlier release has its name for a text."""
    finding = Finding("dataset.yaml", 2, 3, rule, severity).at("q\n.yaml")
    assert finding.line_text("en").startswith(line)


@pytest.mark.parametrize(
    ("text", "shown"), [("abcd", "abcd"), ("abcde", "abc…"), ("a\nbc", "a\\nbc")]
)
def test_long_text_is_cut_and_printable(text, shown):
    assert shorten(text, 4) == shown
