"""Questions that differ by endings, typing errors and filler words alone."""

import pytest

from merlin.dataset.near_questions import (
    find_near_questions,
    near_key,
    needs_turn_before,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("one", "other", "is_near"),
    [
        ("где взять справку", "подскажите где взять справки", True),
        ("где взять справку", "где взять спарвку", True),
        ("как включить звук", "как выключить звук", False),
        ("сколько стоит билет", "сколько стоит обед", False),
        ("где мой кот", "где мой код", False),
        ("где вход 1", "где вход 2", False),
        ("где взять справку", "где взять справку", False),
        ("где дверь", "где дом", False),
        ("где взять ключ", "где взять клей", False),
        ("что делает это поле", "что это", False),
    ],
)
def test_near_questions_differ_by_an_ending_or_a_typing_error(one, other, is_near):
    assert [*find_near_questions([one, other])] == ([(1, 0)] if is_near else [])
    assert not is_near or near_key(one) == near_key(other)


@pytest.mark.parametrize(
    ("question", "needs"),
    [
        ("а почему", True),
        ("приведи пример", True),
        ("звук", True),
        ("как включить звук", False),
    ],
)
def test_question_without_a_subject_needs_the_turn_before(question, needs):
    assert needs_turn_before(question) is needs
