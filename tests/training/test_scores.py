"""Scores count right answers; those of `recall` are the taught text or wrong."""

import pytest

from merlin.core.messages import Message
from merlin.providers.base import Answer
from merlin.training.scores import (
    Evaluation,
    EvaluationQuestion,
    QuestionKind,
    digest_answer,
    is_right,
    likeness,
    question_digest,
    questions_of,
    score_answers,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "known", "expected"),
    [
        ("париж.", True, True),
        ("Столица Франции — Париж", True, False),  # another text of the training file
        ("Столица Франции — Париж", None, True),
        ("", False, False),
    ],
)
def test_answer_of_recall_is_the_taught_one(
    text: str, known: bool | None, expected: bool
) -> None:
    """It can only give texts of the training file."""
    answer = Answer(text, known=known)
    assert is_right(answer, "Париж", "Какая столица Франции?") is expected


def test_digest_of_an_answer_is_of_its_words():
    one, other, third = map(Answer, ("Да,  можно.", "да, можно", "Нет"))
    assert digest_answer(one) == digest_answer(other) != digest_answer(third)


def test_likeness_is_that_of_the_letters():
    assert likeness("Париж", "Париж") == 100
    assert likeness("ooo", "Париж") == 0


def test_conversation_gives_a_question_only_where_it_ends_with_an_answer():
    asked = Message("user", "Где?")
    answered = Message("assistant", "Тут.")
    found = questions_of([("a", (asked, answered)), ("b", (asked,)), ("c", ())])
    assert found == [EvaluationQuestion("a", (asked,), "Тут.")]


def test_question_is_the_same_in_another_build_under_another_system_text():
    asked = Message("user", "Где?")
    one = EvaluationQuestion("a", (asked,), "Тут.")
    moved = EvaluationQuestion("b", (Message("system", "Кратко."), asked), "Тут.")
    assert question_digest(one) == question_digest(moved)
    other = EvaluationQuestion("a", (asked,), "Там.")
    assert question_digest(one) != question_digest(other)


@pytest.mark.parametrize(
    ("kind", "key", "is_scored"),
    [
        (QuestionKind.TEST, "a", True),
        (QuestionKind.DISGUISED, "disguised:a", True),
        (QuestionKind.ASKED, "asked:a", False),
    ],
)
def test_kind_of_a_question_is_in_its_key(kind, key, is_scored):
    assert EvaluationQuestion("a", (), "", kind).key == key
    assert kind.is_scored is is_scored


@pytest.mark.parametrize(
    ("texts", "scores"),
    [
        ([], Evaluation(questions=0, right=0, chrf=0.0)),
        (["Париж"], Evaluation(questions=1, right=1, chrf=100.0)),
        (["Париж", "ooo"], Evaluation(questions=2, right=1, chrf=50.0)),
    ],
)
def test_scores_count_the_right_answers(texts, scores):
    questions = [EvaluationQuestion("a", (), "Париж")] * len(texts)
    found = score_answers([Answer(text) for text in texts], questions)
    assert (found.questions, found.right) == (scores.questions, scores.right)
    assert found.chrf == pytest.approx(scores.chrf, abs=20)
    assert found.is_full is (scores.right == len(texts))
    assert found.is_few
