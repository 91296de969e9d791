"""Question frames: other wordings by rule, which keep the words of the subject as they are."""

import pytest

from merlin.core.question_frames import reword

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("question", "wordings"),
    [
        (
            "Сколько стоит аренда корта на час?",
            (
                "Почём аренда корта на час?",
                "Аренда корта на час — какая цена?",
            ),
        ),
        (
            "How much does the team plan cost?",
            (
                "What is the price of the team plan?",
                "What do you charge for the team plan?",
            ),
        ),
        # a word of the frame is repeated
        (
            "Принимаете ли вы карты?",
            ("Вы принимаете карты?", "Карты принимаете?"),
        ),
        # two blanks
        (
            "what is the difference between Plus and Pro",
            ("How does Plus differ from Pro?", "Plus or Pro, which one?"),
        ),
        # the last of each list
        ("Какие у вас\nправила?", ("У вас правила — какие?",)),
        (
            "Why is it closed?",
            ("For what reason is it closed?", "How come is it closed?"),
        ),
        # a verb has to follow
        (
            "Как отменить бронь?",
            ("Хочу отменить бронь, что делать?", "Отменить бронь — как это сделать?"),
        ),
        ("Как дела?", ()),
        ("Where is my data stored?", ()),
        ("Здравствуйте, сколько стоит обед?", ()),
        ("", ()),
    ],
)
def test_question_is_reworded_by_the_first_frame_that_fits(question, wordings):
    assert reword(question) == wordings


def test_frames_of_one_language_alone_are_tried():
    assert reword("Можно ли прийти?", ("ru",))
    assert not reword("Можно ли прийти?", ("en",))
    assert reword("Can I come?", ("en",))
