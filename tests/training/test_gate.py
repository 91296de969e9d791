"""Decisions of the gate on answers; a sample of `bench gate`: planted and harmless changes."""

import pytest

from bench.gate import Course, add_example, replace_answer, try_changes
from merlin.core.messages import Message
from merlin.dataset.spec import FLOOR, NOT_WORSE, GateRule
from merlin.providers.base import Answer
from merlin.training.evaluation import JudgedAnswer, classify_answer, pair_answers
from merlin.training.gate import find_hold
from merlin.training.scores import Question, question_digest

pytestmark = pytest.mark.functional
NOT_KNOWN = Answer("Не знаю.", known=False)


def judge_answer(number, answer):
    """Return a judged answer to the question of this number; True stands for the trained answer."""
    question = Question(f"q{number}", (Message("user", f"Вопрос {number}?"),), f"Ответ {number}.")
    given = (
        answer if isinstance(answer, Answer) else Answer(f"Ответ {number if answer else 'иной'}")
    )
    return JudgedAnswer(question, given, classify_answer(given, question))


WORSE = GateRule(NOT_WORSE)


def hold_reason(before, now, accepted=(), rule=WORSE):
    """Return the reason of the hold, "" for none."""
    new = [judge_answer(*answer) for answer in enumerate(now)]
    old = [judge_answer(*answer) for answer in enumerate(before)]
    hold = find_hold(rule, new, list(pair_answers(new, old)), accepted)
    return hold.reason if hold else ""


@pytest.mark.parametrize(
    ("before", "now", "reason"),
    [
        ([True] * 10, [True] * 10, ""),
        ([True] * 10, [True] * 9 + [False], "gate-lost"),
        ([True] + [False] * 60, [False] + [True] * 60, "gate-lost"),
        ([False, NOT_KNOWN], [NOT_KNOWN, False], ""),
        ([True] * 39, [NOT_KNOWN] * 39, ""),
        ([True] * 40, [True] * 37 + [NOT_KNOWN] * 3, ""),
        ([True] * 40, [True] * 36 + [NOT_KNOWN] * 4, "gate-worse"),
        ([True] * 36 + [False] * 4, [NOT_KNOWN] * 4 + [True] * 36, ""),
        ([True] * 60, [], ""),
        ([], [False] * 60, ""),
    ],
)
def test_wrong_instead_of_right_holds_and_refusals_only_beyond_chance(before, now, reason):
    assert hold_reason(before, now) == reason


def test_accepted_losses_are_no_longer_counted():
    accepted = {question_digest(judge_answer(number, False).question) for number in range(10)}
    assert hold_reason([True] * 40, [False] * 10 + [True] * 30, accepted) == ""
    assert hold_reason([True] * 40, [NOT_KNOWN] * 10 + [True] * 30, accepted) == ""
    assert hold_reason([True] * 40, [False] * 11 + [True] * 29, accepted) == "gate-lost"
    assert hold_reason([True] * 40, [NOT_KNOWN] * 14 + [True] * 26, accepted) == "gate-worse"


@pytest.mark.parametrize(("right", "reason"), [(15, "gate-floor"), (16, ""), (20, "")])
def test_floor_requires_a_share_whatever_served_before(right, reason):
    rule = GateRule(FLOOR, 0.8)
    assert hold_reason([], [True] * right + [False] * (20 - right), rule=rule) == reason
    assert hold_reason([True] * 20, [True] * right + [False] * (20 - right), rule=rule) == reason


def test_planted_regression_is_held_and_a_harmless_change_is_not():
    course = Course("neurotypology")
    for change, is_planted in ((replace_answer, True), (add_example, False)):
        [(_, [(hold, _)])] = try_changes([course], [change], 1)
        assert (hold is not None) is is_planted
