"""What commits may change unasked, at its edges."""

from dataclasses import replace

import pytest

from merlin.core.messages import Message
from merlin.providers.base import Answer
from merlin.training.bounds import FEW, MANY, find_bound, find_forgotten
from merlin.training.evaluation import AnswerKind, JudgedAnswer
from merlin.training.scores import EvaluationQuestion, QuestionKind

pytestmark = pytest.mark.unit


def teach(answers):
    """Return taught questions with these answers, in files q0, q1 …"""
    return [
        EvaluationQuestion(f"q{at}", (Message("user", f"Вопрос {at}?"),), answer)
        for at, answer in enumerate(answers)
    ]


def number(*numbers):
    return [f"Ответ {each}." for each in numbers]


def find_reason(before, now):
    hold = find_bound(teach(before), teach(now))
    return (hold.reason, hold.values["count"]) if hold else None


FIFTY = number(*range(50))


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (FIFTY, FIFTY, None),
        (FIFTY, [*FIFTY, "Новый."], None),
        (FIFTY, [each.upper() for each in FIFTY], None),
        # Changed, gone, or both: a fifth, and ten.
        (FIFTY, [*FIFTY[:40], *number(*range(60, 70))], ("gate-many", 10)),
        (FIFTY, [*FIFTY[:41], *number(*range(60, 69))], None),
        (FIFTY, FIFTY[:40], ("gate-many", 10)),
        (FIFTY, [*FIFTY[:40], *number(*range(60, 65))], ("gate-many", 10)),
        ([*FIFTY, "Ещё."], [*FIFTY[:40], *number(*range(60, 70)), "Ещё."], None),
        (FIFTY[:30], FIFTY[:21], None),
        # Answers count, not their wordings.
        (["Да, можно."] * 30, ["Нет, нельзя."] * 30, None),
        # One answer for many questions.
        (FIFTY, [*["Спросите в кассе."] * FEW, *FIFTY[FEW:]], ("gate-one-answer", FEW)),
        (FIFTY, [*["Спросите в кассе."] * (FEW - 1), *FIFTY[FEW - 1 :]], None),
        # A column that slipped: each changed question has the answer of another one.
        (FIFTY[:12], [*FIFTY[1:12], FIFTY[0]], ("gate-moved", 12)),
        (FIFTY, [*FIFTY[1:FEW], FIFTY[0], *FIFTY[FEW:]], ("gate-moved", FEW)),
        (FIFTY, [FIFTY[1], FIFTY[0], *FIFTY[2:]], None),
        ([], FIFTY, None),
    ],
)
def test_bound_of_changes(before, now, expected):
    assert find_reason(before, now) == expected


def test_answer_is_kept_under_another_question_or_in_another_file():
    before = teach(FIFTY)
    reworded = [
        replace(each, messages=(Message("user", f"Иначе {at}?"),))
        for at, each in enumerate(before)
    ]
    assert find_bound(before, reworded) is None
    moved = [replace(each, example_id=f"new/{each.example_id}") for each in before]
    assert find_bound(before, moved) is None


def test_hold_lists_what_is_answered_otherwise_and_what_is_not_answered():
    hold = find_bound(teach(FIFTY), teach([*number(*range(60, 65)), *FIFTY[5:30]]))
    assert hold.reason == "gate-many"
    assert hold.values == {"count": 25, "answers": 50}
    listed = [(each["key"], each["arguments"]["example"]) for each in hold.lost]
    assert listed[:2] == [("gate-wrong", "q0"), ("gate-wrong", "q1")]
    assert listed[-1] == ("gate-refused", "q49")
    assert hold.lost[0]["arguments"]["answer"] == "Ответ 60."
    hold = find_bound(teach(FIFTY), teach(["Спросите в кассе."] * FEW))
    assert hold.values["answer"] == "Спросите в кассе."
    assert len(listed) == 25 >= MANY


def judge(right, wrong, unsure=0, kind=QuestionKind.DISGUISED):
    kinds = [AnswerKind.RIGHT] * right + [AnswerKind.WRONG] * wrong
    kinds += [AnswerKind.UNSURE] * unsure
    return [
        JudgedAnswer(replace(question, kind=kind), Answer("…"), each)
        for question, each in zip(teach([""] * len(kinds)), kinds, strict=True)
    ]


@pytest.mark.parametrize(
    ("own", "others", "is_first", "is_held"),
    [
        (judge(18, 2), judge(20, 0), False, False),
        (judge(17, 3), judge(20, 0), False, True),
        # The live one knew as few, or was not asked.
        (judge(10, 10), judge(17, 3), False, False),
        (judge(10, 10), [], False, False),
        # Of which only a person can say if they are right counts for neither.
        (judge(9, 1, unsure=9), judge(20, 0), False, False),
        (judge(10, 10), [], True, False),
        (judge(9, 11), [], True, True),
        (judge(0, 20, kind=QuestionKind.TEST), judge(20, 0), False, False),
    ],
)
def test_model_has_to_know_what_it_was_taught(own, others, is_first, is_held):
    found = find_forgotten(own, others, is_first=is_first)
    assert bool(found) is is_held
    if found:
        values, missed = found
        assert values == {"right": len(own) - len(missed), "questions": len(own)}
