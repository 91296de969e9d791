"""Opposites: which questions ask for something else than one with nearly the same words."""

import pytest

from merlin.core.opposites import are_opposed, asks_more, names_other, split_content

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


@pytest.mark.parametrize(
    ("question", "taught"),
    [
        ("Работаете ли вы 8 марта?", "Во сколько вы открываетесь?"),
        ("а первого мая вы работаете", "Во сколько вы открываетесь?"),
        ("Are you open at Easter?", "What is the schedule of the gym?"),
    ],
)
def test_day_that_no_taught_wording_and_no_answer_names_is_something_else(
    question, taught
):
    assert are_opposed(question, [taught], "С 9 до 21.")
    assert not are_opposed(question, [taught, "Какой у клуба праздничный график?"])
    assert not are_opposed(question, [taught], "С 9 до 21, в пасху закрыто.")
    for answer in ("Ежедневно с 9 до 21.", "Пн–пт 9–18, сб 10–16.", "9 to 5 daily"):
        assert not are_opposed(question, [taught], answer)


NEW = {
    *("марта", "повторный", "туалет", "туалета", "собакой", "cinema", "json", "кафе"),
    *("teacher", "декан"),
}


@pytest.mark.parametrize(
    ("question", "taught"),
    [
        ("Во сколько вы открываетесь 8 марта?", "Во сколько вы открываетесь?"),
        ("Сколько стоит повторный приём?", "Сколько стоит приём?"),
        ("Как прочитать JSON из файла?", "Как прочитать файл построчно?"),
        ("Можно ли зайти с собакой?", "Можно ли прийти с ребёнком?"),
        ("Есть ли у площадки туалет?", "Где находится площадка?"),
        ("Есть ли кафе в парке?", "Где находится площадка парка?"),
        ("Is there a cinema in the pool?", "When does the pool open?"),
        ("Who is the teacher of group 204?", "Who are you?"),
        ("Кто такой декан?", "Кто ты такой?"),
        ("Кто у нас декан?", "Кто ты такой?"),
    ],
)
def test_thing_that_no_taught_wording_names_is_more(question, taught):
    assert asks_more(question, [taught], NEW.__contains__)
    assert not asks_more(question, [taught], set().__contains__)


@pytest.mark.parametrize(
    ("question", "taught"),
    [
        # in another form, from the first word on
        ("Повторный приём сколько стоит?", "Сколько стоит приём?"),
        # two words are the same
        ("Сколько повторный приём?", "Сколько за приём?"),
        # other words in two places
        ("Есть повторный приём 8 марта?", "Бывает ли вообще приём на дому?"),
        # the thing is the taught one in another form, or has a near name
        ("Есть ли туалета два?", "Где туалет?"),
        ("Есть ли у вас кафе?", "Где у вас кафетерий?"),
    ],
)
def test_other_form_of_the_question_is_no_more(question, taught):
    assert not asks_more(question, [taught], NEW.__contains__)


@pytest.mark.parametrize(
    ("question", "is_other"),
    [
        ("When is heapsort slow?", True),
        ("When is heapsort so slow today?", False),  # in two places
        ("When is it slow?", False),
        ("When is quicksotr slow?", False),
        ("Heapsort is slow?", False),
    ],
)
def test_word_of_another_answer_in_one_place_is_something_else(question, is_other):
    others = {"heapsort", "it", "quicksotr"}
    taught = ["When is quicksort slow?"]
    assert names_other(question, taught, others.__contains__) == is_other
