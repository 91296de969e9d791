"""Unanswered questions, grouped by their meaning."""

from datetime import UTC, datetime, timedelta

import pytest

from merlin.chat.feedback import Reason, UnansweredQuestion, group_questions

pytestmark = pytest.mark.unit

DAY = datetime(2026, 11, 20, tzinfo=UTC)


def unanswered(number, words, *reasons, is_shown=True, hour=None):
    at = DAY + timedelta(hours=number if hour is None else hour)
    return UnansweredQuestion(number, words, at, frozenset(reasons), is_shown)


def test_forms_of_one_question_are_grouped_and_other_questions_are_not():
    heap = "What is a heap?"
    hashed = "What is a hash?"
    questions = [
        unanswered(1, "Что такое красно-чёрное дерево?", Reason.REFUSED),
        unanswered(2, heap, Reason.REFUSED),
        unanswered(3, "что такое красно-черные деревья", Reason.DISLIKED),
        unanswered(4, hashed, Reason.REFUSED),
        unanswered(
            5, "Что такое красно-чёрное дерево?", Reason.REFUSED, is_shown=False
        ),
        unanswered(6, heap, Reason.REFUSED),
    ]
    first, second, third = group_questions(questions[::-1])
    assert [question.turn_id for question in first.questions] == [6, 2]
    assert [question.turn_id for question in second.questions] == [5, 3, 1]
    assert [question.turn_id for question in third.questions] == [4]
    assert first.wordings == [(heap, 2)]
    assert second.wordings == [(questions[2].text, 1), (questions[0].text, 1)]
    assert (second.count(Reason.REFUSED), second.count(Reason.DISLIKED)) == (2, 1)
    assert second.last(Reason.DISLIKED) == questions[2].at
    assert first.last(Reason.DISLIKED) is None
    assert group_questions([]) == []


def test_wording_without_consent_is_hidden():
    (group,) = group_questions(
        [unanswered(1, "Мой секрет?", Reason.REFUSED, is_shown=False)]
    )
    assert group.wordings == []
    assert len(group.questions) == 1
