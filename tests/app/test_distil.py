"""The questions that a teacher model is asked, and how it is named."""

import pytest

from merlin.app.distil import Teacher, read_questions
from merlin.core.errors import Refused
from merlin.core.money import Price
from merlin.dataset.proposals import MAX_CHARACTERS

pytestmark = pytest.mark.unit


def test_each_line_with_something_to_see_is_a_question_named_by_its_number():
    questions = read_questions(" Где касса? \n\n\u200b\nГде лифт?\n", "questions.txt")
    assert [(each.source, each.text, each.is_question) for each in questions] == [
        ("questions.txt:1", "Где касса?", True),
        ("questions.txt:4", "Где лифт?", True),
    ]


def test_line_that_is_too_long_is_refused_by_its_number():
    read_questions("x" * MAX_CHARACTERS, "questions.txt")
    with pytest.raises(Refused) as caught:
        read_questions("Где?\n" + "x" * (MAX_CHARACTERS + 1), "questions.txt")
    assert caught.value.key == "distil-long-line"
    assert caught.value.arguments["line"] == 2


def test_teacher_is_named_with_its_provider():
    teacher = Teacher("openai", "gpt-5", Price("USD", 1, 1, 1, 1))
    assert teacher.name == "openai/gpt-5"
