"""Decisions of the gate on answers; a sample of `bench gate`: planted and harmless changes."""

from dataclasses import replace

import pytest

from bench.gate import Course, add_example, replace_answer, try_changes
from merlin.core.messages import Message
from merlin.dataset.spec import FLOOR, NO_GATE, NOT_WORSE, GateRule
from merlin.providers.base import Answer
from merlin.training.evaluation import (
    AnswerKind,
    JudgedAnswer,
    classify_answer,
    pair_answers,
)
from merlin.training.gate import find_hold, sign_test
from merlin.training.scores import EvaluationQuestion, QuestionKind, question_digest

pytestmark = pytest.mark.functional
NOT_KNOWN = Answer("Не знаю.", known=False)


def judge_answer(number, answer):
    """Return a judged answer to the question of this number; True stands for the trained answer."""
    question = EvaluationQuestion(
        f"q{number}", (Message("user", f"Вопрос {number}?"),), f"Ответ {number}."
    )
    given = (
        answer
        if isinstance(answer, Answer)
        else Answer(f"Ответ {number if answer else 'иной'}")
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


def test_answer_of_which_only_a_person_can_tell_counts_as_neither():
    unsure = replace(judge_answer(1, answer=False), kind=AnswerKind.UNSURE)
    right = judge_answer(1, answer=True)
    others = [judge_answer(number, answer=True) for number in range(2, 12)]
    for now, before in ((unsure, right), (right, unsure)):
        pairs = [(now, before), *zip(others, others, strict=True)]
        assert find_hold(WORSE, [now, *others], pairs) is None
    floor = GateRule(FLOOR, 0.95)
    assert find_hold(floor, [unsure, *others], []) is None
    assert find_hold(floor, [judge_answer(1, answer=False), *others], [])


def test_without_a_gate_no_loss_holds_a_model():
    lost = [True] * 20, [False] * 20
    assert hold_reason(*lost)
    assert hold_reason(*lost, rule=GateRule(NO_GATE)) == ""


# Answers of the serving model, then of the new one.
@pytest.mark.parametrize(
    ("before", "now", "reason"),
    [
        ([True] * 10, [True] * 10, ""),
        ([True] * 10, [True] * 9 + [False], "gate-lost"),
        ([True] + [False] * 60, [False] + [True] * 60, "gate-lost"),
        ([False, NOT_KNOWN], [NOT_KNOWN, False], ""),
        ([True] * 39, [NOT_KNOWN] * 39, "gate-worse"),
        ([True] * 40, [True] * 37 + [NOT_KNOWN] * 3, ""),
        ([True] * 40, [True] * 36 + [NOT_KNOWN] * 4, "gate-worse"),
        ([True] * 36 + [False] * 4, [NOT_KNOWN] * 4 + [True] * 36, ""),
        ([NOT_KNOWN] * 15, [False] * 15, "gate-worse"),
        ([NOT_KNOWN] * 60, [False] * 60, "gate-worse"),
        ([NOT_KNOWN] * 60, [NOT_KNOWN] * 59 + [False], ""),
        ([NOT_KNOWN] * 60, [NOT_KNOWN] * 58 + [False] * 2, "gate-worse"),
        ([True] * 60, [], ""),
        ([], [False] * 60, ""),
    ],
)
def test_wrong_instead_of_right_holds_and_other_losses_by_the_sign_test(
    before, now, reason
):
    assert hold_reason(before, now) == reason


REFUSED = (True, NOT_KNOWN)  # an answer before and now: a refusal counts once
INVENTED = (NOT_KNOWN, False)  # an invented answer counts twice
LEARNT = (NOT_KNOWN, True)
GIVEN_UP = (False, NOT_KNOWN)  # a wrong answer that became a refusal


# Losses and gains whose probability is at most a sixteenth, and just above it.
@pytest.mark.parametrize(
    ("loss", "gain", "losses", "gains", "is_held"),
    [
        *((REFUSED, LEARNT, *row) for row in [(3, 0, 0), (4, 0, 1), (5, 1, 0)]),
        *((REFUSED, LEARNT, *row) for row in [(6, 1, 1), (7, 2, 0), (8, 2, 1)]),
        (REFUSED, LEARNT, 0, 9, 0),
        *((INVENTED, LEARNT, *row) for row in [(1, 0, 0), (2, 0, 1), (2, 1, 0)]),
        *((INVENTED, LEARNT, *row) for row in [(3, 1, 1), (3, 2, 0), (4, 2, 1)]),
        *((INVENTED, GIVEN_UP, *row) for row in [(1, 1, 0), (3, 1, 0), (4, 1, 1)]),
    ],
)
def test_refusals_count_once_and_inventions_twice(loss, gain, losses, gains, is_held):
    before, now = zip(*[loss] * losses, *[gain] * gains, strict=True)
    assert hold_reason(before, now) == ("gate-worse" if is_held else "")


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
def test_sign_test_is_the_exact_tail_of_the_binomial_distribution(
    losses, gains, likely
):
    pairs = [
        (judge_answer(number, NOT_KNOWN), judge_answer(number, True))
        for number in range(20)
    ]
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
    assert hold.values == {
        "right": 2,
        "wrong": 10,
        "before": 2,
        "questions": 12,
        "asked": 12,
    }
    assert [lost["arguments"]["example"] for lost in hold.lost] == [
        f"q{n}" for n in range(2, 12)
    ]


def test_accepted_losses_are_no_longer_counted():
    accepted = {
        question_digest(judge_answer(number, False).question) for number in range(10)
    }
    assert hold_reason([True] * 40, [False] * 10 + [True] * 30, accepted) == ""
    assert hold_reason([True] * 40, [NOT_KNOWN] * 10 + [True] * 30, accepted) == ""
    assert hold_reason([True] * 40, [False] * 11 + [True] * 29, accepted) == "gate-lost"
    assert hold_reason([True] * 40, [NOT_KNOWN] * 13 + [True] * 27, accepted) == ""
    assert (
        hold_reason([True] * 40, [NOT_KNOWN] * 14 + [True] * 26, accepted)
        == "gate-worse"
    )


@pytest.mark.parametrize(("right", "reason"), [(15, "gate-floor"), (16, ""), (20, "")])
def test_floor_requires_a_share_whatever_served_before(right, reason):
    rule = GateRule(FLOOR, 0.8)
    assert hold_reason([], [True] * right + [False] * (20 - right), rule=rule) == reason
    assert (
        hold_reason([True] * 20, [True] * right + [False] * (20 - right), rule=rule)
        == reason
    )


@pytest.mark.parametrize(("tests", "is_held"), [([], True), ([True] * 5, False)])
def test_floor_is_of_disguised_questions_where_there_are_no_others(tests, is_held):
    wrong = [judge_answer(number, False) for number in range(5)]
    disguised = [
        replace(each, question=replace(each.question, kind=QuestionKind.DISGUISED))
        for each in wrong
    ]
    answers = [judge_answer(*answer) for answer in enumerate(tests)] + disguised
    hold = find_hold(GateRule(FLOOR, 0.8), answers, [])
    assert (hold is not None) == is_held


def test_planted_regression_is_held_and_a_harmless_change_is_not():
    course = Course("neurotypology")
    for change, is_planted in ((replace_answer, True), (add_example, False)):
        [(_, [(hold, _, without)])] = try_changes([course], [change], 1)
        assert (hold is not None, without is not None) == (is_planted, is_planted)
