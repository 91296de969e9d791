"""Long texts as messages: nothing cut, nothing torn, fences reopened."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merlin.chat.parts import LIMIT_UNITS, PART_UNITS, first_part, split, units

pytestmark = pytest.mark.unit

WORDS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="`~"), max_size=60),
    max_size=40,
)


def squeezed(text):
    return re.sub(r"\s+", "", text)


@settings(max_examples=60, deadline=None)
@given(words=WORDS, glue=st.sampled_from([" ", "\n", "\n\n", "", ". "]), times=st.integers(1, 30))
def test_the_parts_joined_are_the_text(words, glue, times):
    text = glue.join(words * times)
    parts = split(text)
    assert squeezed("".join(parts)) == squeezed(text)
    assert all(0 < units(part) <= LIMIT_UNITS and part.strip() for part in parts)


@settings(max_examples=60, deadline=None)
@given(
    before=st.integers(0, 5000),
    lines=st.lists(st.text("abc{}() =😀", max_size=80), min_size=1, max_size=300),
    mark=st.sampled_from(["```", "~~~", "````"]),
)
def test_code_is_whole_and_every_part_closes_its_fences(before, lines, mark):
    text = "а" * before + f"\n{mark}python\n" + "\n".join(lines) + f"\n{mark}\nконец"
    parts = split(text)
    for part in parts:
        assert units(part) <= LIMIT_UNITS
        assert sum(line.startswith(mark) for line in part.splitlines()) % 2 == 0
    fence = re.compile(rf"^{re.escape(mark)}(python)?$", re.MULTILINE)
    assert squeezed(fence.sub("", "".join(f"{part}\n" for part in parts))) == squeezed(
        fence.sub("", text)
    )


def test_a_text_that_fits_is_one_message_as_it_is():
    assert split("Привет\n\nмир") == ["Привет\n\nмир"]
    assert split("a" * LIMIT_UNITS) == ["a" * LIMIT_UNITS]
    assert split("😀" * (LIMIT_UNITS // 2)) == ["😀" * (LIMIT_UNITS // 2)]


@pytest.mark.parametrize("empty", ["", "  \n ", "\n\n"])
def test_of_nothing_there_is_no_message(empty):
    assert split(empty) == []


def test_a_break_is_made_between_paragraphs_where_one_is_near():
    first, second = split("а" * 3000 + "\n\n" + "б" * 3000)
    assert (first, second) == ("а" * 3000, "б" * 3000)


@pytest.mark.parametrize("joined", ["👩‍👩‍👧", "é", "🇷🇺", "👍🏽", "❤️"])
def test_what_is_shown_as_one_sign_is_never_torn(joined):
    text = "x" + joined * 3000
    for part in split(text):
        assert part.removeprefix("x").replace(joined, "") == ""


def test_a_growing_text_is_shown_as_far_as_it_fits():
    assert first_part("раз два") == "раз два"
    assert units(first_part("слово " * 2000)) <= PART_UNITS


def test_a_language_as_long_as_a_novel_is_not_repeated():
    parts = split("```" + "x" * 3000 + "\n" + "код\n" * 2000 + "```")
    assert all(units(part) <= LIMIT_UNITS for part in parts)
