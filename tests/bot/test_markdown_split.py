"""Long texts split into messages: no text lost, no word split, no entity lost."""

import json
import re

import pytest
from hypothesis import given, settings, strategies as st

from merlin.bot.bot_api import message_fields
from merlin.bot.markdown import render
from merlin.core.formatted_text import (
    LIMIT_UNITS,
    MAX_MARKS,
    PART_UNITS,
    Attachment,
    Button,
    Entity,
    FormattedMessage,
    get_first_part,
    split,
    utf16_length,
    without_marks,
)
from tests.bot.markdown_cases import marked_text
from tests.support.telegram_limits import MAX_ENTITY_BYTES

pytestmark = pytest.mark.unit

WORDS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    max_size=40,
)
MARKS = st.lists(
    st.builds(
        Entity,
        st.sampled_from(["bold", "italic", "pre", "text_link"]),
        st.integers(0, 9000),
        st.integers(0, 9000),
        st.sampled_from(["", "https://lectures.example.org/" + "x" * 400]),
    ),
    max_size=150,
)


BUTTONS = ((Button("a", data="a"),),)
FILE = Attachment("a.txt", b"a")


def remove_spaces(text):
    return re.sub(r"\s+", "", text)


def texts(pages):
    return [page.text for page in pages]


def check_length(part):
    assert utf16_length(part.text) <= LIMIT_UNITS
    assert part.text.strip()
    assert len(part.marks) <= MAX_MARKS
    assert len(json.dumps(message_fields(part).get("entities"))) <= MAX_ENTITY_BYTES
    for mark in part.marks:
        assert mark.length > 0
        assert 0 <= mark.offset <= utf16_length(part.text) - mark.length
        assert marked_text(part, mark).strip()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    words=WORDS,
    glue=st.sampled_from([" ", "\n", "\n\n", "", ". "]),
    times=st.integers(1, 30),
    marks=MARKS,
)
def test_joined_parts_equal_the_text_and_all_fit(words, glue, times, marks):
    text = glue.join(words * times)
    parts = split(FormattedMessage(text, tuple(marks)))
    assert remove_spaces("".join(texts(parts))) == remove_spaces(text)
    for part in parts:
        check_length(part)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    pieces=st.lists(
        st.sampled_from(
            ["**слово** ", "`код` ", "текст 😀 ", "\n\n", "\n- ", "[a](https://b.ru) "]
        ),
        min_size=1,
        max_size=60,
    ),
    times=st.integers(1, 20),
)
def test_splitting_keeps_every_entity(pieces, times):
    page = render("".join(pieces * times))
    parts = split(page)
    for part in parts:
        check_length(part)
    assert remove_spaces("".join(texts(parts))) == remove_spaces(page.text)
    for kind in ("bold", "code", "text_link"):
        text_of_kind = "".join(
            remove_spaces(marked_text(page, mark))
            for mark in page.marks
            if mark.kind == kind
        )
        assert text_of_kind == "".join(
            remove_spaces(marked_text(part, mark))
            for part in parts
            for mark in part.marks
            if mark.kind == kind
        )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    before=st.integers(0, 5000),
    lines=st.lists(st.text("abc{}() =😀", max_size=80), min_size=1, max_size=300),
    fence=st.sampled_from(["```", "~~~", "````"]),
)
def test_split_code_continues_with_its_language(before, lines, fence):
    code = "\n".join(lines)
    page = render("а" * before + f"\n{fence}python\n{code}\n{fence}\nконец")
    parts = split(page)
    marks = [
        (marked_text(part, mark), mark.value) for part in parts for mark in part.marks
    ]
    assert remove_spaces("".join(text for text, _ in marks)) == remove_spaces(code)
    assert all(language == "python" for _, language in marks)
    for part in parts:
        check_length(part)


@pytest.mark.parametrize("empty", ["", "  \n ", "\n\n"])
def test_empty_message_has_no_parts(empty):
    assert split(FormattedMessage(empty)) == []
    assert get_first_part(FormattedMessage(empty)).text == ""


def test_text_is_split_between_paragraphs_if_one_is_near():
    assert texts(split(FormattedMessage("а" * 3000 + "\n\n" + "б" * 3000))) == [
        "а" * 3000,
        "б" * 3000,
    ]


def test_buttons_and_file_are_sent_with_the_last_part():
    first, last = split(FormattedMessage("слово " * 750, (), BUTTONS, FILE))
    assert (first.buttons, first.file) == ((), None)
    assert (last.buttons, last.file) == (BUTTONS, FILE)


def test_file_with_a_too_long_caption_is_sent_separately():
    assert split(FormattedMessage("а" * 2000, (), BUTTONS, FILE)) == [
        FormattedMessage("а" * 2000),
        FormattedMessage("", (), BUTTONS, FILE),
    ]
    assert split(FormattedMessage("", (), (), FILE)) == [
        FormattedMessage("", (), (), FILE)
    ]
    assert len(split(FormattedMessage("а" * 1024, (), (), FILE))) == 1


def test_growing_message_is_cut_to_the_first_part():
    buttons = ((Button("stop", data="stop:1"),),)
    assert get_first_part(FormattedMessage("раз два", (), buttons)) == FormattedMessage(
        "раз два", (), buttons
    )
    long = get_first_part(
        FormattedMessage("слово " * 2000, (Entity("bold", 0, 12000),), buttons)
    )
    assert 0 < utf16_length(long.text) <= PART_UNITS
    assert long.buttons == buttons
    assert long.marks == (Entity("bold", 0, utf16_length(long.text)),)


def test_links_are_split_before_their_addresses_are_too_long():
    addresses = [f"https://lectures.example.org/{n}/{'x' * 130}" for n in range(100)]
    page = render(
        "\n".join(f"- [Lecture {n}]({url})" for n, url in enumerate(addresses))
    )
    parts = split(page)
    for part in parts:
        check_length(part)
        assert part.text.startswith("• Lecture")
    assert [mark.value for part in parts for mark in part.marks] == addresses


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (
            "[Here](https://a.org) and [there](https://b.org).",
            "Here (https://a.org) and there (https://b.org).",
        ),
        ("<https://a.org> **is** `it`", "https://a.org is it"),
        (f"{'x' * 4080} [Here](https://a.org)", f"{'x' * 4080} Here"),
    ],
)
def test_message_without_entities_shows_addresses(written, shown):
    page = without_marks(render(written))
    assert (page.text, page.marks) == (shown, ())
