"""Opposites: which questions ask for something else than one with nearly the same words."""

import pytest

from merlin.core.opposites import are_opposed, split_content

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("question", "taught"),
    [
        ("Как закрыть больничный лист?", "Как открыть больничный лист?"),
        ("Что делать, если письмо не пришло?", "Что делать, если пришло письмо?"),
        (
            "Can I return it without a receipt?",
            "Can I return an item with the receipt?",
        ),
        ("как перевести с вклада на карту", "Как перевести деньги с карты на вклад?"),
        ("нужна справка 3-НДФЛ", "Как получить справку 2-НДФЛ?"),
        ("сколько стоит доставка в казань", "Сколько стоит доставка в Москву?"),
        ("How do I revoke access?", "How do I grant access?"),
        ("Как включить удалённый доступ?", "Как отключить удалённый доступ?"),
    ],
)
def test_other_thing_is_asked_for(question, taught):
    assert are_opposed(question, [taught])
    assert are_opposed(taught, [question])


@pytest.mark.parametrize(
    ("question", "taught"),
    [
        ("как мне открыть больничный", "Как открыть больничный лист?"),
        ("Как заплатить штраф?", "Как оплатить штраф?"),
        ("How can I delete my account?", "How do I remove my account?"),
        ("Как оформть отпуск?", "Как оформить отпуск?"),
        ("Какие бывают обходы дерева?", "Перечисли обходы дерева"),
        ("можно ли вернуть товар на третий день", "Как вернуть товар?"),
        ("Не подскажете, как оформить отпуск?", "Как оформить отпуск?"),
        ("I don't know how to pay", "How do I pay?"),
        ("Я не успеваю дочитать, как продлить книгу?", "Как продлить книгу?"),
        ("Где письмо?", "Почему письмо не пришло?"),
        ("почему его нельзя обойти дважды", "Почему генератор нельзя обойти дважды?"),
    ],
)
def test_same_thing_is_asked_for(question, taught):
    assert not are_opposed(question, [taught])


@pytest.mark.parametrize(
    ("question", "taught"),
    [
        ("Как не вызывать врача на дом?", "Как вызвать врача на дом?"),
        ("Why do I not get an invoice?", "How do I get an invoice?"),
        ("не хочу платить штраф", "Как оплатить штраф?"),
    ],
)
def test_not_that_no_taught_wording_has_asks_for_something_else(question, taught):
    assert are_opposed(question, [taught])
    assert not are_opposed(question, [taught, question])


def test_what_another_wording_of_the_answer_has_is_no_opposite():
    alarms = ["Как поставить будильник?", "Как убрать будильник?"]
    assert not are_opposed("Как мне убрать будильник?", alarms)
    rooms = ["Где получить пропуск в архив?", "Где получить пропуск в хранилище?"]
    assert not are_opposed("Где получить пропуск в хранилище и архив?", rooms)


def test_content_of_a_question_is_its_words_without_function_words_and_endings():
    asked = split_content("Где получить пропуск в архив?")
    assert asked & split_content("Где нужны пропуска?") == {"пропуск"}
    assert not split_content("Where is the archive?") & split_content("Is it the pass?")
