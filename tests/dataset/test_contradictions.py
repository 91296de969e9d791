"""Contradictions by meaning: questions that ask for the same, with different answers."""

import pytest
import yaml

from merlin.dataset.contradictions import find_contradictions
from tests.support.machine import ROOT

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            ("Сколько дней отпуска положено в год?", "28 дней."),
            ("Сколько дней отпуска в году?", "31."),
        ),
        (
            ("Какой штраф за просрочку?", "Три рубля в день."),
            ("Сколько составляет штраф за просрочку?", "Штрафа нет."),
        ),
        (
            ("Do I need a visa?", "Yes, apply online."),
            ("Is a visa required?", "No, nobody needs one."),
        ),
        (
            ("Можно ли курить в общежитии?", "Да, в общежитии можно курить на балконе."),
            ("Курить в общежитии можно?", "В общежитии курить на балконе не можно."),
        ),
    ],
)
def test_questions_for_the_same_with_different_answers_are_a_pair(first, second):
    other = ("Где столовая?", "На первом этаже.")
    questions, answers = zip(other, first, second, strict=True)
    assert find_contradictions(questions, answers) == [(1, 2)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("Как открыть счёт?", "В отделении."), ("Как закрыть счёт?", "По телефону.")),
        (("Как отменить заказ?", "Напишите нам."), ("Как мне отменить заказ?", "Напишите нам.")),
        (
            ("Как отменить заказ?", "Нужно написать нам письмо."),
            ("Как мне отменить заказ?", "Нужно нам написать письмо."),
        ),
        (
            ("Что такое поиск?", "Нахождение места ключа."),
            ("Что такое двоичный поиск?", "Поиск делением пополам."),
        ),
        (("Где находится офис?", "В Твери."), ("Where is the office located?", "Tver.")),
    ],
)
def test_opposites_same_answers_and_other_languages_are_none(first, second):
    questions, answers = zip(first, second, strict=True)
    assert find_contradictions(questions, answers) == []


@pytest.mark.parametrize(
    "folder", sorted(ROOT.glob("datasets*/*/examples")), ids=lambda path: path.parts[-2]
)
def test_shipped_datasets_have_none(folder):
    talks = [
        yaml.load(path.read_text("utf-8"), yaml.CSafeLoader) for path in folder.rglob("*.yaml")
    ]
    turns = [[next(iter(turn.items())) for turn in talk["messages"]] for talk in talks]
    spoken = [[text for role, text in talk if role in ("user", "assistant")] for talk in turns]
    questions, answers = zip(*(talk[:2] for talk in spoken), strict=True)
    assert find_contradictions(questions, answers) == []
