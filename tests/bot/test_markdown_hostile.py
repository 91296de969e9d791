"""Any Markdown is rendered: random, malformed, growing, hostile."""

import re

import pytest
from hypothesis import given, settings, strategies as st

from merlin.bot.markdown import MAX_CHARACTERS, MAX_DEPTH, render, render_plain
from merlin.core.formatted_text import Entity, FormattedMessage
from tests.bot.markdown_cases import (
    ANSWER,
    NAUGHTY,
    PIECES,
    SIGNS,
    check_page,
    list_marks,
)

pytestmark = pytest.mark.unit


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(SIGNS, max_size=120))
def test_any_text_renders_with_valid_entities(text):
    page = render(text)
    check_page(page)
    assert bool(page.text.strip()) == bool(text.strip())


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_nested_entities_are_valid_for_telegram(pieces):
    check_page(render("".join(pieces)))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text("аб *_#>-+!<\n", max_size=80))
def test_rendering_loses_no_word(text):
    separators = re.compile(r"[\W_]+")
    assert separators.sub("", render(text).text) == separators.sub("", text)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.text("аб,.-!?()«»—+= \n", max_size=20), max_size=8).map("\n".join))
def test_plain_text_renders_the_same_with_and_without_parsing(text):
    page = render(text)
    if page == FormattedMessage(text):
        assert render(f"{text}\n\n`x`").text == f"{text}\n\nx".lstrip("\n")


def test_naughty_strings_are_rendered():
    for text in NAUGHTY:
        for page in (
            render(text),
            render(f"**{text}**"),
            render(f"- a\n  > {text}\n"),
            render_plain(text),
        ):
            page.text.encode("utf-16-le")
            assert not {"\0", "\r"} & set(page.text)
        check_page(render(f"# {text}"))


def test_every_prefix_of_an_answer_renders():
    for end in range(len(ANSWER)):
        check_page(render(ANSWER[:end]))


def test_finished_blocks_do_not_change_while_the_answer_grows():
    blocks = ANSWER.strip().split("\n\n")
    complete = render(ANSWER)
    for count in range(1, len(blocks)):
        grown = render("\n\n".join(blocks[:count]))
        assert complete.text.startswith(grown.text)
        assert complete.marks[: len(grown.marks)] == grown.marks


def test_unclosed_code_fence_is_rendered_as_code():
    page = render("Так:\n```python\nfor i in x:\n")
    assert list_marks(page) == [("pre", "for i in x:", "python")]
    assert render("Так:\n```python").text == "Так:"
    assert render("```").text == "```"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 50_000,
        "*" * 50_000,
        "*a_" * 16_000,
        "> " * 20_000,
        "- " * 20_000,
        "`" * 50_000,
        "$" * 50_000,
        "\\(" * 20_000,
        "|a" * 2400 + "|\n" + "|-" * 2400 + "|\n",
        "![" * 900 + "](b)" * 900,
        "".join("  " * depth + "- a\n" for depth in range(150)),
        "```\n" * 10_000,
        "a" * (MAX_CHARACTERS + 1) + "**b**",
    ],
    ids=lambda text: f"{text[:6]!r}…{len(text)}",
)
def test_pathological_markdown_is_rendered(text):
    page = render(text)
    check_page(FormattedMessage(page.text, page.marks[:50]))
    assert page.text.strip()


def test_too_deeply_nested_text_is_shown_unchanged():
    text = "> " * (MAX_DEPTH + 5) + "слово"
    assert render(text) == FormattedMessage(text)


def test_entities_are_counted_in_utf16_units():
    assert render("😀😀 **b**").marks == (Entity("bold", 5, 1),)
