"""Decisions of the gate on answers; a sample of `bench gate`: planted and harmless changes."""

import pytest

from bench.gate import (
    HOLES,
    Course,
    add_example,
    count_closed_holes,
    replace_answer,
    try_changes,
)
from merlin.core.messages import Message
from merlin.dataset.spec import FLOOR, NOT_WORSE, GateRule
from merlin.providers.base import Answer
from merlin.training.evaluation import JudgedAnswer, classify_answer, pair_answers
from merlin.training.gate import find_hold, sign_test
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


def hold_reason(before, now, accepted=(), rule=WORSE, *, is_first=False):
    """Return the reason of the hold, "" for none."""
    new = [judge_answer(*answer) for answer in enumerate(now)]
    old = [judge_answer(*answer) for answer in enumerate(before)]
    pairs = list(pair_answers(new, old))
    hold = find_hold(rule, new, pairs, accepted, is_first=is_first)
    return hold.reason if hold else ""


# Answers of the serving model, then of the new one.
@pytest.mark.parametrize(
    ("before", "now", "reason"),
    [
        ([True] * 10, [True] * 10, ""),
        ([True] * 10, [True] * 9 + [False], "gate-lost"),
        ([True] + [False] * 60, [False] + [True] * 60, "gate-lost"),
        ([False, NOT_KNOWN], [NOT_KNOWN, False], ""),
        ([True] * 39, [NOT_KNOWN] * 39, "gate-worse"),
        ([True] * 40, [True] * 39 + [NOT_KNOWN], "gate-worse"),
        ([True] * 36 + [False] * 4, [NOT_KNOWN] * 4 + [True] * 36, ""),
        ([NOT_KNOWN] * 15, [False] * 15, "gate-worse"),
        ([NOT_KNOWN] * 60, [False] * 60, "gate-worse"),
        ([NOT_KNOWN] * 60, [NOT_KNOWN] * 59 + [False], "gate-worse"),
        ([True] * 60, [], ""),
        ([], [False] * 60, ""),
    ],
)
def test_wrong_instead_of_right_holds_and_more_losses_than_gains(before, now, reason):
    assert hold_reason(before, now) == reason


@pytest.mark.parametrize("losses", range(6))
def test_as_many_gains_make_up_for_refusals_and_twice_as_many_for_inventions(losses):
    for gains in range(12):
        learnt, before = [True] * gains, [NOT_KNOWN] * gains
        refused = hold_reason([True] * losses + before, [NOT_KNOWN] * losses + learnt)
        assert refused == ("gate-worse" if losses > gains else "")
        invented = hold_reason([NOT_KNOWN] * losses + before, [False] * losses + learnt)
        assert invented == ("gate-worse" if 2 * losses > gains else "")
        mended = hold_reason([NOT_KNOWN] * losses + [False] * gains, [False] * losses + before)
        assert mended == ("gate-worse" if losses > gains else "")


# Sources: tables of the binomial distribution with p = 0.5.
@pytest.mark.parametrize(
    ("losses", "gains", "likely"),
    [
        (0, 0, 1),
        (0, 5, 1),
        (1, 0, 0.5),
        (1, 1, 0.75),
        (4, 0, 0.0625),
        (5, 1, 0.1094),
        (9, 1, 0.0107),
        (12, 8, 0.2517),
        (15, 5, 0.0207),
    ],
)
def test_sign_test_is_the_exact_tail_of_the_binomial_distribution(losses, gains, likely):
    pairs = [(judge_answer(number, NOT_KNOWN), judge_answer(number, True)) for number in range(20)]
    better = [(now, before) for before, now in pairs]
    assert sign_test(pairs[:losses] + better[:gains]) == pytest.approx(likely, abs=5e-5)


# Answers of the base, which refuses all where it costs too much to ask, then of the first model.
@pytest.mark.parametrize(
    ("base", "now", "is_held"),
    [
        ([NOT_KNOWN] * 40, [False] * 40, True),
        ([NOT_KNOWN] * 40, [NOT_KNOWN] * 40, True),
        ([NOT_KNOWN] * 40, [True] * 10 + [NOT_KNOWN] * 30, False),
        ([NOT_KNOWN] * 20, [True] * 12 + [False] * 8, False),
        ([NOT_KNOWN] * 20, [True] * 8 + [False] * 12, True),
        ([False] * 20, [True] + [False] * 19, False),
        ([True] * 3 + [False] * 17, [True] * 3 + [False] * 17, True),
        ([True] * 3 + [False] * 17, [False] * 3 + [True] * 17, False),
        ([True] * 20, [True] * 20, False),
        ([True] * 4, [False] * 4, True),
    ],
)
def test_first_model_must_be_better_than_its_base(base, now, is_held):
    assert hold_reason(base, now, is_first=True) == ("gate-first" if is_held else "")


def test_reason_of_a_first_model_counts_both_sides():
    new = [judge_answer(number, number < 2) for number in range(12)]
    hold = find_hold(WORSE, new, list(zip(new, new, strict=True)), is_first=True)
    assert hold.values == {"right": 2, "wrong": 10, "before": 2, "questions": 12, "asked": 12}
    assert [lost["arguments"]["example"] for lost in hold.lost] == [f"q{n}" for n in range(2, 12)]


def test_accepted_losses_are_no_longer_counted():
    accepted = {question_digest(judge_answer(number, False).question) for number in range(10)}
    assert hold_reason([True] * 40, [False] * 10 + [True] * 30, accepted) == ""
    assert hold_reason([True] * 40, [NOT_KNOWN] * 10 + [True] * 30, accepted) == ""
    assert hold_reason([True] * 40, [False] * 11 + [True] * 29, accepted) == "gate-lost"
    assert hold_reason([True] * 40, [NOT_KNOWN] * 11 + [True] * 29, accepted) == "gate-worse"


@pytest.mark.parametrize(("right", "reason"), [(15, "gate-floor"), (16, ""), (20, "")])
def test_floor_requires_a_share_whatever_served_before(right, reason):
    rule = GateRule(FLOOR, 0.8)
    assert hold_reason([], [True] * right + [False] * (20 - right), rule=rule) == reason
    assert hold_reason([True] * 20, [True] * right + [False] * (20 - right), rule=rule) == reason


def test_holes_of_earlier_rules_are_closed():
    assert count_closed_holes() == len(HOLES) == 4


def test_planted_regression_is_held_and_a_harmless_change_is_not():
    course = Course("neurotypology")
    for change, is_planted in ((replace_answer, True), (add_example, False)):
        [(_, [(hold, _)])] = try_changes([course], [change], 1)
        assert (hold is not None) is is_planted
