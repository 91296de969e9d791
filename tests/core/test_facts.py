"""What a text says is one thing in all forms in which it is written."""

import pytest

from merlin.core.facts import read_tokens

pytestmark = pytest.mark.unit


def read(text):
    """Return roots and marks of a text's tokens, in order."""
    return [
        (token.root, token.marks)
        for sentence in read_tokens(text)
        for token in sentence
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Билет стоит 1 500,50 ₽", "билет 1500.5 рублей"),
        ("$1,200", "1200 dollars"),
        ("Штраф — две тысячи рублей", "Штраф — 2000 рублей"),
        ("Штраф — 5 тысяч рублей", "Штраф — пять тысяч рублей"),
        ("двадцать один день", "21 день"),
        ("полтора часа", "90 минут"),
        ("1 час 30 минут", "90 мин"),
        ("2 kg 500 g", "2.5 kg"),
        ("50 копеек", "0,5 рубля"),
        ("60 °C", "60 градусов"),
        ("noon", "12 pm"),
        ("12 am", "midnight"),
        ("half past nine", "9:30"),
        ("quarter past nine", "9.15"),
        ("в 2 часа дня", "в 14:00"),
        ("до десяти утра", "до 10 часов утра"),
        ("с 9–18", "с 9 до 18"),
        ("15.03.2026", "15 марта 2026"),
        ("01.05", "1 May"),
        ("the 2nd floor", "the second floor"),
        ("twice a week", "2 times a week"),
        ("каждый вторник", "по вторникам"),
        ("It isn't included", "It is not included"),
        ("You have to book", "You must book"),
        ("You may park", "You can park"),
        ("Звоните 8 912 345-67-89", "Звоните +7 912 345-67-89"),
        ("Метод `sort`", "Метод sort"),
        ("Здравствуйте! Ключ у вахты. Хорошего дня!", "Ключ у вахты."),
        ("Sure! Bring it. Let me know if you need anything else.", "Bring it."),
        ("The vault is opened by the curator", "The curator opens the vault"),
        ("−5 °C", "минус 5 градусов"),
    ],
)
def test_forms_of_one_fact_are_one(one, other):
    roots = [[root for root, _ in read(text)] for text in (one, other)]
    assert sorted(roots[0]) == sorted(roots[1])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # Eight and seven mean the same only before ten other digits.
        ("Звоните 8123456", "Звоните 7123456"),
        ("кабинет 112", "кабинет 112б"),
        ("кабинет 15", "кабинет 015"),
        ("5 рублей 50 рублей", "55 рублей"),
        ("5 кг 2 часа", "7 кг"),
        ("метод sort для списка", "метод sorted для списка"),
        ("2 pm", "2 am"),
        ("5 May", "5 June"),
    ],
)
def test_other_fact_is_another(one, other):
    assert read(one) != read(other)


@pytest.mark.parametrize(
    ("text", "word", "marks"),
    [
        ("не писать", "писать", {"not"}),
        ("three hours at most", "3", {"unit", "upto"}),
        ("с 9 часов", "9", {"unit", "from"}),
        ("с молоком", "молоком", {"instrumental"}),
        ("звонок врачу", "врачу", {"dative"}),
        ("Если дождь, зал", "дождь", {"if"}),
        ("Если дождь, зал", "зал", set()),
        ("pay, then enter", "enter", {"later"}),
        ("Нет.", "нет", set()),
        ("No.", "not", set()),
    ],
)
def test_marks_say_where_a_word_stands(text, word, marks):
    found = [token for sentence in read_tokens(text) for token in sentence]
    assert [token.marks for token in found if token.word == word] == [marks]
