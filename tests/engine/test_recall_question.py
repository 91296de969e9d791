"""The question that a conversation asks, and its training turns."""

import pytest

from merlin.core.messages import Message
from merlin.engine.trainers.recall.text import (
    build_readings,
    extract_terms,
    extract_turns,
    select_user_texts,
)

pytestmark = pytest.mark.unit


def build_conversation(*turns, **extra):
    roles = {"s": "system", "u": "user", "a": "assistant"}
    return [
        Message(roles[line[0]], line[2:], extra if line[0] == "a" else {})
        for line in turns
    ]


def read(conversation):
    return list(build_readings(select_user_texts(conversation)))


def test_follow_up_is_read_alone_and_with_the_earlier_question():
    alone, joined = read(
        build_conversation("u:Что такое стек?", "a:Структура.", "u:А очередь?")
    )
    assert alone == extract_terms("А очередь?")
    assert joined == (
        *alone,
        *("<" + term for term in extract_terms("Что такое стек?")),
    )


def test_at_most_two_earlier_turns_are_read():
    long = build_conversation(
        "u:один", "a:1", "u:два", "a:2", "u:три", "a:3", "u:четыре"
    )
    assert len(read(long)) == 3


def test_turn_of_weight_zero_is_not_trained_but_stays_in_the_conversation():
    conversation = [
        *build_conversation("u:Что такое стек?", "a:Плохо.", weight=0),
        *build_conversation("u:А очередь?", "a:То.", weight=1),
    ]
    (turn,) = extract_turns(conversation)
    assert (turn.answer, turn.back) == ("То.", 1)


@pytest.mark.parametrize(
    "turns", [("a:Здравствуйте", "u:Кто там?"), ("u:Кто?", "a: "), ("u:Кто?",)]
)
def test_turn_without_question_or_text_is_not_trained(turns):
    assert list(extract_turns(build_conversation(*turns))) == []
