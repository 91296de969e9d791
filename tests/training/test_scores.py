"""An answer is right if it says what the taught one says, and nothing else."""

from itertools import chain
from pathlib import Path

import pytest
import yaml

from merlin.core.messages import Message
from merlin.providers.base import Answer
from merlin.training.scores import (
    ALIKE,
    Evaluation,
    EvaluationQuestion,
    QuestionKind,
    is_right,
    likeness,
    question_digest,
    questions_of,
    says_the_same,
    score_answers,
)

JUDGED = Path(__file__).with_name("judged_answers.yaml")

TAUGHT = (
    "Да, можно. Библиотека открыта с 9:00 до 18:00, штраф 25 рублей в день с 1 сентября. "
    "Пишите на help@example.org."
)
ENGLISH = (
    "The pass costs 40 euros for 3 months."
    " It is valid from Monday, and you can extend it twice."
)

pytestmark = pytest.mark.unit


SPOILT = [
    TAUGHT.replace("25", "35"),
    TAUGHT.replace("9:00 до 18:00", "18:00 до 9:00"),
    TAUGHT.replace("Да, можно", "Нет, нельзя"),
    TAUGHT.replace("открыта", "не открыта"),
    TAUGHT.replace("открыта", "закрыта"),
    TAUGHT.replace("рублей", "долларов"),
    TAUGHT.replace("в день", "в неделю"),
    TAUGHT.replace("сентября", "октября"),
    TAUGHT.replace("help@", "pay@"),
    f"{TAUGHT} Звоните: +7 900 123-45-67.",
    f"{TAUGHT} Подробнее: example.com/pay",
    f"{TAUGHT} Пришлите нам код из СМС.",
    f"{TAUGHT} Всё это неправда.",
    f"Возможно: {TAUGHT}",
    TAUGHT[: int(len(TAUGHT) * 0.8)],
    TAUGHT.rsplit(". ", 1)[0],
]
SPOILT_ENGLISH = [
    ENGLISH.replace("40", "45"),
    ENGLISH.replace("months", "weeks"),
    ENGLISH.replace("Monday", "Tuesday"),
    ENGLISH.replace("can extend", "can't extend"),
    f"I'm not sure, but maybe: {ENGLISH}",
    f"{ENGLISH} Send us the code from the SMS.",
    ENGLISH.replace("valid", "invalid"),
]


@pytest.mark.parametrize(
    ("answer", "taught"),
    [
        *((spoilt, TAUGHT) for spoilt in SPOILT),
        *((spoilt, ENGLISH) for spoilt in SPOILT_ENGLISH),
        ("Парижский метрополитен", "Париж"),
        ("Очередь.", "Стек."),
        ("", "Стек."),
        (
            "да " + "и ещё много слов о совсем другом, чего никто не спрашивал " * 3,
            "да",
        ),
    ],
)
def test_answer_with_another_fact_or_that_only_holds_the_taught_word_is_wrong(
    answer: str, taught: str
) -> None:
    """Each spoilt one was right by its letters alone; facts are listed for both languages."""
    assert not says_the_same(answer, taught)


@pytest.mark.parametrize(
    ("taught", "spoilt"),
    [
        ("Книги выдают на три дня", "Книги выдают на четыре дня"),
        ("Книги выдают на двадцать один день", "Книги выдают на двадцать два дня"),
        ("Один рабочий день, не считая субботы", "Два рабочих дня, не считая субботы"),
        (
            "Приём раз в три года, запись в кассе",
            "Приём три раза в год, запись в кассе",
        ),
        ("Это было в XIX веке, при Александре", "Это было в XX веке, при Александре"),
        ("Насыпьте в тесто 5 г соли и сахара", "Насыпьте в тесто 5 кг соли и сахара"),
        ("Нужно ещё полгода, сказал директор", "Нужно ещё полмесяца, сказал директор"),
        ("До 14 рабочих дней со дня подачи", "От 14 рабочих дней со дня подачи"),
        ("Кабинет 112, вход со двора направо", "Кабинет 112б, вход со двора направо"),
        (
            "Работает с октября по апрель, вход прямо",
            "Работает с апреля по октябрь, вход прямо",
        ),
        ("It is open from 7 am to 9 pm", "It is open from 7 pm to 9 am"),
        ("Терапевт: 1500.\nСпециалист: 1900.", "Терапевт: 1900.\nСпециалист: 1500."),
        (
            "Его лучше не писать, он глушит ошибку",
            "Его лучше писать, он не глушит ошибку",
        ),
        ("Метод есть только у списка и строки", "Метод есть у списка и строки"),
        ("Запишитесь к врачу в кабинете", "Запишитесь к врачу Соколовой в кабинете"),
        (
            "Метод `sort` меняет список, а `sorted` создаёт",
            "Метод `sorted` меняет список, а `sort` создаёт",
        ),
        ("Вставка стоит O(n), поиск O(1)", "Вставка стоит O(1), поиск O(n)"),
        ("Это:\n1. Лоб.\n2. Нос.\n3. Рот.", "Это:\n1. Лоб.\n2. Нос."),
        ("Нужны паспорт, полис, заявление и снимок", "Нужны паспорт и снимок"),
        (
            "Назовите адрес в регистратуре",
            "Назовите адрес и код из эсэмэс в регистратуре",
        ),
        (
            "Книги выдают на руки в зале",
            "Книги выдают на руки в зале. Шучу, всё наоборот.",
        ),
    ],
)
def test_spoilt_wording_is_wrong(taught: str, spoilt: str) -> None:
    """A fact in words, in another place or of another form is a fact as well."""
    assert says_the_same(taught.lower(), taught)
    assert not says_the_same(spoilt, taught)


@pytest.mark.parametrize(
    ("honest", "taught"),
    [
        (
            f"Здравствуйте! {TAUGHT} Если останутся вопросы, пишите. Хорошего дня!",
            TAUGHT,
        ),
        (TAUGHT.lower().replace("9:00", "9.00"), TAUGHT),
        (TAUGHT.replace("штраф", "а штраф —"), TAUGHT),
        (f"Sure! {ENGLISH} I hope this helps!", ENGLISH),
        ("Extend it twice. It costs 40 euros", "It costs 40 euros. Extend it twice."),
        ("- Купите билет\n- Покажите его", "1. Купите билет.\n2. Покажите его."),
        (
            "Сдайте работу в деканат не позднее 15.03",
            "Сдайте работу в деканат не позднее 15 марта",
        ),
        (
            "Справку выдаёт деканат за день, звоните: 8 (800) 555-35-35",
            "Справку выдаёт деканат за день, звоните: +7 800 555 35 35",
        ),
        ("Столица Франции — Париж.", "Париж"),
        ("Заплатите 1 500,50", "Заплатите 1500.5"),
        (
            "Книги на дом выдаются всем читателям на двадцать один день",
            "Книги на дом выдаются всем читателям на 21 день",
        ),
        (
            "Всем читателям на руки выдают не больше 10 книг",
            "Всем читателям на руки выдают не более десяти книг",
        ),
        (
            "Экскурсии проходят по средам в 16:00 в зале",
            "Экскурсии проходят по средам в 16 часов в зале",
        ),
        (
            "The swimming pool is open to visitors until 21:00",
            "The swimming pool is open to visitors until 9 pm",
        ),
        (
            "A visit costs €6 at the front desk",
            "A visit costs 6 euros at the front desk",
        ),
        ("The hall is on the 2nd floor", "The hall is on the second floor"),
        (
            "Сканируйте до 15% книги на сканере в зале №2",
            "Сканируйте до 15 процентов книги на сканере в зале № 2",
        ),
        ("Вызов `sort()` не меняет кортеж", "Вызов sort не меняет кортеж"),
        (
            "Бесплатная проверка: раз в три года, потом каждый год",
            "Бесплатная проверка: один раз в 3 года, потом каждый год",
        ),
        (
            "Лоб (прямой), нос (длинный), рот",
            "1. Лоб: прямой.\n2. Нос: длинный.\n3. Рот.",
        ),
    ],
)
def test_honest_wording_is_right(honest: str, taught: str) -> None:
    """Courtesy, order and the form of numbers change nothing."""
    assert says_the_same(honest, taught)


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
    assert is_right(Answer(text, known=known), "Париж") is expected


def test_few_answers_written_by_hand_are_misjudged():
    """Of 310 spoilt ones three are right, of 190 honest ones that are alike one is wrong."""
    parts = yaml.safe_load(JUDGED.read_text("utf-8"))
    missed = []
    refused = []
    for each in chain.from_iterable(parts.values()):
        taught = each["taught"]
        missed += [text for _, text in each["spoilt"] if says_the_same(text, taught)]
        alike = [text for text in each["honest"] if likeness(text, taught) >= ALIKE]
        refused += [text for text in alike if not says_the_same(text, taught)]
    assert (len(missed), len(refused)) == (3, 1), (missed, refused)


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
