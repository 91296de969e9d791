"""File names that are safe on every system, and proposals for others."""

import unicodedata

import pytest
from hypothesis import given, strategies as st

from merlin.core.names import is_valid_name, suggest_name
from merlin.dataset.layout import NameAllocator

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "name",
    ["fixation", "глубина-фиксации", "q_01.v2", "ёлка", "1", "数", "नमस्ते", "Лоб"],
)
def test_letters_and_digits_of_any_script_are_valid(name):
    assert is_valid_name(name)
    assert suggest_name(name) == name


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("my example", "my-example"),
        ("Что? Где!", "Что-Где"),
        ("ok\n", "ok"),
        (".git", "git"),
        ("..", "unnamed"),
        ("-rf", "rf"),
        ("end.", "end"),
        ("a/b", "a-b"),
        ("a\\b:c*", "a-b-c"),
        ("x\u202ey", "x-y"),
        ("\ud800", "unnamed"),
        ("", "unnamed"),
        (unicodedata.normalize("NFD", "йод"), "йод"),
        ("\u0301acute", "acute"),
        *(
            (name, f"{name}-1")
            for name in ("aux", "CON", "nul", "Prn", "com1", "LPT9", "com²")
        ),
        ("aux.old", "aux-1"),
        ("nul?", "nul-1"),
    ],
)
def test_invalid_name_gets_a_proposal(name, better):
    assert not is_valid_name(name)
    assert suggest_name(name) == better


@pytest.mark.parametrize(
    "name", ["auxiliary", "console", "com", "com10", "null", "an.aux"]
)
def test_name_that_only_resembles_a_device_of_windows_is_valid(name):
    assert is_valid_name(name)


def test_name_length_is_measured_in_bytes():
    assert is_valid_name("ы" * 100)
    assert not is_valid_name("ы" * 101)
    assert suggest_name("ы" * 101) == "ы" * 100
    # In linear time: the longest question of a form took seconds within a transaction.
    assert suggest_name("слово и " * 200_000).startswith("слово-и-слово")


@given(st.text())
def test_proposal_is_always_valid(name):
    assert is_valid_name(suggest_name(name))


def test_names_for_20_000_equal_questions_are_unique():
    names = NameAllocator({"один-вопрос", "Один-вопрос-3"})
    allocated = [names.allocate("Один вопрос") for _ in range(20_000)]
    assert allocated[:3] == ["один-вопрос-2", "один-вопрос-4", "один-вопрос-5"]
    assert len(set(allocated)) == len(allocated)
