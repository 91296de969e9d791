"""What the fix corrects, and what it leaves alone."""

import random

import pytest

from merlin.dataset.example import read_example
from merlin.dataset.fix import fix_text
from merlin.dataset.lint import INVISIBLE
from tests.support.dataset_tree import example_yaml
from tests.support.file_mutations import GOOD

pytestmark = pytest.mark.unit

BREAK = "messages:\n  - user: Стих?\n  - assistant: |\n      Раз{}\n      два.{}\n"


def fix(text):
    after, names = fix_text(text.encode())
    return after.decode(), names


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        ("\ufeffa: b\n", "a: b\n", ("bom",)),
        ("\ufeff\ufeffa: b\n", "a: b\n", ("bom",)),
        ("a: b\r\nc: d\r\n", "a: b\nc: d\n", ("line-ends",)),
        ("a: b  \nc: d\t\n", "a: b\nc: d\n", ("blanks",)),
        ("a: b\n   \nc: d\n", "a: b\n\nc: d\n", ("blanks",)),
        ("a: |  \n  b \n  c\n", "a: |\n  b\n  c\n", ("blanks",)),
        ("a: со\u00adфт\u200bвер\n", "a: софтвер\n", ("invisible-letters",)),
        ("\u200ba: b\n", "a: b\n", ("invisible-letters",)),
        ("a: b", "a: b\n", ("last-line-end",)),
        ("a: b \u200b\r\n# c ", "a: b\n# c\n", None),
        (BREAK.format(" ", "   "), BREAK.format("", ""), ("blanks",)),
    ],
)
def test_text_is_fixed(before, after, names):
    text, applied = fix(before)
    assert text == after
    assert names is None or applied == names


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: b\n",
        "a: [\n  \nb",  # broken: the intended content is unknown
        'a: "b\\ \n  c"\n',  # the blank is escaped
        "a:\u200b b: c\n",  # a text would become a map
        'a: "b\\u200bc"\n',  # written out on purpose
        BREAK.format("  ", ""),  # a line break of Markdown
        "a: 👩\u200d🔬\n",  # the joiner makes one sign of two
        "a: b\rc: d\n",
        "a: b\r\r\n",
    ],
)
def test_text_that_needs_or_allows_no_fix_is_unchanged(text):
    assert fix(text) == (text, ())


def test_file_that_is_not_utf_8_is_unchanged():
    assert fix_text(b"a: \xff  \r\n") == (b"a: \xff  \r\n", ())


def test_broken_file_gets_only_the_fixes_outside_its_content():
    assert fix("\ufeffa: [ \r\n") == ("a: [ \n", ("bom", "line-ends"))


def test_markdown_line_break_is_kept_where_other_blanks_are_removed():
    text = BREAK.format("  ", " ")
    assert fix(text) == (BREAK.format("  ", ""), ("blanks",))


def test_text_with_900_000_blanks_is_handled():
    assert fix(f"a: b{' ' * 900_000}c\n")[1] == ()


@pytest.mark.parametrize("seed", range(20))
def test_fix_keeps_the_visible_text_and_is_idempotent(seed):
    """Blanks, invisible letters, CRs and line ends inserted anywhere: the visible text stays."""
    rng = random.Random(seed)  # noqa: S311 - repeatable on purpose
    for good in (*GOOD, BREAK.format("  ", ""), example_yaml()):
        text = good
        for _ in range(rng.randint(1, 6)):
            at = rng.randint(0, len(text))
            text = text[:at] + rng.choice(["  ", " ", "\t", "\u200b", "\r", "\ufeff"]) + text[at:]
        after, names = fix_text(text.encode())
        assert fix_text(after) == (after, ())
        assert bool(names) == (after != text.encode())
        before, fixed_example = read_example(text.encode())[0], read_example(after)[0]
        if before is not None:
            assert visible_messages(fixed_example) == visible_messages(before)


def visible_messages(example):
    """Return the visible text of an example."""
    messages = [
        (message.role, INVISIBLE.sub("", message.content), message.extra)
        for message in example.messages
    ]
    return [
        (role, [line.rstrip() for line in words.splitlines()], x) for role, words, x in messages
    ]
