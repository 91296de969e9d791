"""An answer is right if it says what the taught one says, and nothing else."""

from collections import Counter
from itertools import chain
from pathlib import Path

import pytest
import yaml

from merlin.core.wordings import MOST_COMPARED, Judgement, adds_nothing, judge_wording

pytestmark = pytest.mark.unit

JUDGED = Path(__file__).parents[1] / "training/judged_answers.yaml"
LIBRARY = (
    "Да, можно. Библиотека открыта с 9:00 до 18:00, штраф 25 рублей в день с 1 сентября."
    " Пишите на help@example.org."
)


@pytest.mark.parametrize(
    ("taught", "answer"),
    [
        # Another fact, or one more.
        (LIBRARY, LIBRARY.replace("25", "35")),
        (LIBRARY, LIBRARY.replace("9:00 до 18:00", "18:00 до 9:00")),
        (LIBRARY, LIBRARY.replace("Да, можно", "Нет, нельзя")),
        (LIBRARY, LIBRARY.replace("открыта", "закрыта")),
        (LIBRARY, LIBRARY.replace("рублей", "долларов")),
        (LIBRARY, LIBRARY.replace("help@", "pay@")),
        (LIBRARY, f"{LIBRARY} Звоните: +7 900 123-45-67."),
        (LIBRARY, f"{LIBRARY} Всё это неправда."),
        (LIBRARY, f"Возможно: {LIBRARY}"),
        (LIBRARY, LIBRARY.rsplit(". ", 1)[0]),
        ("Книги выдают на 21 день", "Книги выдают на 21"),
        ("Температура минус 5", "Температура 5"),
        ("Да", "Нет"),
        ("Да", ""),
        ("Стек", "Очередь"),
        # Another noun, a promise, a condition that is lost.
        ("Записаться можно в кассе", "Записаться можно в буфете"),
        (
            "The warranty covers the motor.",
            "The warranty covers the motor and the door.",
        ),
        ("Вернём деньги, если товар не вскрыт", "Вернём деньги"),
        ("Экскурсию ведёт Анна Кольцова", "Экскурсию ведёт Анна Кольченко"),
        # Another order, cause or side.
        ("Покупатель платит продавцу", "Продавец платит покупателю"),
        ("Покупатель платит продавцу", "Покупателю платит продавец"),
        ("The dog bit the postman", "The postman bit the dog"),
        ("Сначала смажьте цепь, затем тормоза", "Сначала смажьте тормоза, затем цепь"),
        ("Wash before you eat.", "Eat before you wash."),
        ("If it rains, stay.", "If you stay, it rains."),
        (
            "Билет 300 рублей, детский 150 рублей",
            "Билет 150 рублей, детский 300 рублей",
        ),
        ("It costs 6 euros, 4 for students.", "It costs 4 euros, 6 for students."),
        ("Лучше не писать, он глушит", "Лучше писать, он не глушит"),
        ("Нужно не меньше трёх подписей", "Нужно не больше трёх подписей"),
        ("Из Москвы в Казань", "Из Казани в Москву"),
        ("We pay you on Friday", "You pay us on Friday"),
    ],
)
def test_answer_with_another_fact_noun_or_order_is_wrong(taught, answer):
    assert judge_wording(taught.lower(), taught) is Judgement.RIGHT
    assert judge_wording(answer, taught) is Judgement.WRONG


@pytest.mark.parametrize(
    ("taught", "answer"),
    [
        (LIBRARY, f"Здравствуйте! {LIBRARY} Если останутся вопросы, пишите."),
        (LIBRARY, LIBRARY.lower().replace("9:00", "9.00")),
        ("It costs 40 euros. Extend it twice.", "Extend it twice. It costs 40 euros"),
        ("1. Купите билет.\n2. Покажите его.", "- Купите билет\n- Покажите его"),
        ("Справка нужна всегда", "Справка всегда нужна"),
        ("Заявку рассматривает деканат", "Деканат рассматривает вашу заявку"),
        ("Терапевт 1500, хирург 1900", "1500 терапевт, 1900 хирург"),
        ("Паспорт и справка", "Справка и паспорт"),
        ("Students get in free with a card", "With a card, students get in free"),
        ("Позвоните, если карта украдена", "Если украдена карта, позвоните"),
        ("Ключ выдаёт администратор", "Ключ вам выдаст администратор"),
        ("Приём по вторникам", "Приём во вторник"),
        ("Приём в 16:00", "Приём в 16 часов"),
        ("It costs €6, €4 for students.", "It costs 6 euros, 4 for students."),
        ("Да, до пяти", "До 5"),
        ("У первого входа, затем прямо", "У входа, затем прямо"),
    ],
)
def test_honest_wording_is_right(taught, answer):
    assert judge_wording(answer, taught) is Judgement.RIGHT


@pytest.mark.parametrize(
    ("taught", "answer"),
    [
        # Another verb, at most two, or another form of one word.
        ("Экскурсию ведёт Анна", "Экскурсию организует Анна"),
        ("The parcel weighs 2 kg", "The parcel's weight is 2 kg"),
        ("С 1 по 5 мая", "С 1 мая по 5 мая"),
        ("Товар не вскрыт, вернём деньги", "Если товар не вскрыт, вернём деньги"),
        # An order in which endings don't tell who acts.
        ("Чай с лимоном и кофе с молоком", "Чай с молоком и кофе с лимоном"),
        ("Сервер проверяет клиента", "Клиент проверяет сервера"),
        ("Pay in cash or by card at the desk", "At the desk pay by card or in cash"),
        ("Пожалуйста", "Здравствуйте"),
    ],
)
def test_what_only_a_person_can_tell_is_unsure(taught, answer):
    assert judge_wording(answer, taught) is Judgement.UNSURE


@pytest.mark.parametrize(
    ("taught", "answer"),
    [
        ("Экскурсию ведёт Анна", "Экскурсию организует, начинает и заканчивает Анна"),
        ("Включите насос и откройте кран", "Выключите насос и откройте кран"),
        ("Ведёт", "Организует"),
    ],
)
def test_three_other_verbs_an_opposite_or_nothing_in_common_is_no_doubt(taught, answer):
    assert judge_wording(answer, taught) is Judgement.WRONG


@pytest.mark.parametrize(
    ("taught", "question", "expected"),
    [
        ("Париж", "Какая столица Франции?", Judgement.RIGHT),
        ("Париж", "", Judgement.WRONG),
        # A longer answer that takes up the question says more.
        ("Париж, Лион, Ницца", "Какая столица Франции?", Judgement.WRONG),
    ],
)
def test_short_answer_may_stand_among_the_words_of_the_question(
    taught, question, expected
):
    answer = f"Столица Франции — {taught}"
    assert judge_wording(answer, taught, question) is expected


def test_text_too_long_to_compare_is_right_only_as_it_is():
    taught = " ".join(["слово"] * (MOST_COMPARED + 1))
    assert judge_wording(f"{taught}.", taught) is Judgement.RIGHT
    assert judge_wording(f"Здравствуйте! {taught}.", taught) is Judgement.WRONG
    assert not adds_nothing(taught, taught, least=0.5)
    short = taught.rpartition(" ")[0]
    assert judge_wording(f"Здравствуйте! {short}.", short) is Judgement.RIGHT
    assert adds_nothing(short, short, least=0.5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Книги выдают", True),
        ("Книги выдают студентам на 21 день", True),
        ("Книги выдают на 20 дней", False),
        ("Книги не выдают", False),
        ("Книги выдают на 21 день. Их привезёт курьер.", False),
        ("Книги доставляют", True),
        ("Книги отменяют, заказывают", False),
        ("", False),
    ],
)
def test_text_adds_nothing_if_it_is_shorter_or_in_other_words(text, expected):
    taught = "Книги выдают студентам на 21 день по билету в зале"
    assert adds_nothing(text, taught, least=0.5) is expected


def test_few_answers_written_by_hand_are_misjudged():
    """No spoilt one is right; of 240 honest ones 19 are wrong, most with another noun."""
    parts = yaml.safe_load(JUDGED.read_text("utf-8"))
    judged = Counter[tuple[str, Judgement]]()
    for each in chain.from_iterable(parts.values()):
        for name, texts in (
            ("spoilt", [text for _, text in each["spoilt"]]),
            ("honest", each["honest"]),
        ):
            judged.update((name, judge_wording(text, each["taught"])) for text in texts)
    assert judged["spoilt", Judgement.RIGHT] == 0
    assert judged["spoilt", Judgement.UNSURE] <= 12
    assert judged["honest", Judgement.WRONG] <= 19
    assert judged["honest", Judgement.UNSURE] <= 20
    newest = parts["fourth"]
    wrong = [
        text
        for each in newest
        for text in each["honest"]
        if judge_wording(text, each["taught"]) is Judgement.WRONG
    ]
    assert not wrong
