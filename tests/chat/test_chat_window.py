"""Which messages go along with a question."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merlin.chat.window import estimate, fit
from merlin.core.message import Message

pytestmark = pytest.mark.unit


def talk(*sizes):
    """Return turns of these sizes in characters."""
    return [
        Message(role, letter * size)
        for size in sizes
        for role, letter in (("user", "q"), ("assistant", "a"))
    ]


def test_everything_goes_along_while_it_fits():
    history = talk(10, 20)
    assert fit(history, "вопрос") == (*history, Message("user", "вопрос"))


def test_the_oldest_turns_stay_behind_and_only_whole_turns_go():
    history = talk(400, 400, 40)
    kept = fit(history, "вопрос", limit_tokens=200)
    assert kept == (*history[-2:], Message("user", "вопрос"))


def test_a_question_beyond_every_limit_goes_alone():
    question = "я" * 10_000
    assert fit(talk(10), question, limit_tokens=100) == (Message("user", question),)


@given(sizes=st.lists(st.integers(1, 900), max_size=12), limit=st.integers(1, 600))
def test_what_goes_along_is_the_end_of_the_talk_within_the_limit(sizes, limit):
    history = talk(*sizes)
    *kept, asked = fit(history, "?", limit_tokens=limit)
    assert kept == history[len(history) - len(kept) :]
    assert not kept or kept[0].role == "user"
    assert not kept or sum(map(estimate, (*kept, asked))) <= limit
