"""Every finding can be told in both languages, and no text is left over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import merlin
from merlin.core.i18n import keys
from merlin.dataset.finding import Finding, escape_unprintable, shorten

pytestmark = pytest.mark.unit

SOURCES = "\n".join(
    path.read_text("utf-8")
    for folder in ("dataset", "training")
    for path in (Path(merlin.__file__).parent / folder).glob("*.py")
)
RULES = sorted(key.removeprefix("finding-") for key in keys("ru") if key.startswith("finding-"))
WORDS = [
    *["name", "first", "byte", "code", "problem", "words", "keys", "expected", "allowed"],
    *["found", "role", "proposed", "text", "folder", "other", "near", "tag", "names", "model"],
]
NUMBERS = ["size", "limit", "needed", "beyond", "tokens", "good", "fewest", "advised"]
NUMBERS += ["count", "percent", "tests", "least"]
ARGUMENTS = {word: word for word in WORDS} | dict.fromkeys(NUMBERS, 7)


def test_a_text_belongs_to_a_rule_of_the_code():
    assert [rule for rule in RULES if f'"{rule}"' not in SOURCES] == []


def test_a_rule_is_told_in_both_languages():
    for rule in RULES:
        finding = Finding("examples/q.yaml", 1, 1, rule, arguments=ARGUMENTS)
        russian, english = finding.text("ru"), finding.text("en")
        assert re.search("[а-яё]", russian)
        assert not re.search("[а-яё]", english)
        assert "{" not in russian + english


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("q.yaml", "q.yaml"),
        ("ёлка 1", "ёлка 1"),
        ("a\nb", "a\\nb"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\u202eb", "a\\u202eb"),
        ("\udcff", "\\udcff"),
    ],
)
def test_what_would_not_show_as_itself_is_escaped(words, shown):
    assert escape_unprintable(words) == shown
    assert escape_unprintable(words).encode("utf-8")


def test_a_long_word_is_cut():
    assert shorten("a" * 81) == "a" * 79 + "…"
    assert shorten("a" * 80) == "a" * 80
