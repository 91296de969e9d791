"""What a model is asked beside its test examples, and what is made of the answers."""

from dataclasses import replace

import pytest

from merlin.core.messages import Message
from merlin.dataset.evaluation_plan import MAX_ASKED, find_limits, plan_test
from merlin.dataset.spec import NO_GATE, NOT_WORSE, GateRule, SplitRule
from merlin.db.tables import BUILD
from merlin.db.values import dump_json, load_json
from merlin.providers.base import Answer
from merlin.training.disguise import disguise, list_unrelated
from merlin.training.evaluation import (
    AnswerChange,
    AnswerKind,
    evaluate,
    find_meant,
    is_meant,
    judge_answers,
    judge_base,
    pair_answers,
)
from merlin.training.evaluation_questions import (
    choose_test,
    describe_plan,
    make_asked,
)
from merlin.training.gate import INVENTS, find_hold
from merlin.training.scores import EvaluationQuestion, QuestionKind
from tests.db.pipeline_rows import make_examples, make_spec

pytestmark = pytest.mark.integration
SPEC = replace(make_spec(), gate=GateRule(NOT_WORSE), split=SplitRule(test=0.0))
SAID = "Черта {} значит {}. Ёлка 100%."
LANGUAGE_MODEL = replace(
    make_spec(base_model="smollm2"), gate=GateRule(NOT_WORSE, budget=20)
)


def taught(text):
    return EvaluationQuestion("q", (Message("user", text),), "Ответ.")


@pytest.mark.parametrize(
    "text",
    [
        "Где получить справку об обучении?",
        "Подскажите, пожалуйста, сколько стоит общежитие?",
        "Можно ли сдать экзамен досрочно?",
        "How do I extend my library card?",
        "Почему 0.1 + 0.2 не равно 0.3?",
        "а?",
    ],
)
def test_disguised_question_is_another_text_of_the_same_words_each_time(text):
    hidden = disguise(taught(text))
    assert hidden.messages[-1].content != text
    assert hidden == disguise(taught(text))
    assert (hidden.kind, hidden.reference) == (QuestionKind.DISGUISED, "Ответ.")
    assert {*"0123456789"} & {*text} <= {*hidden.messages[-1].content}


def test_only_the_last_turn_is_disguised():
    before = (Message("user", "Где касса?"), Message("assistant", "Внизу."))
    question = EvaluationQuestion(
        "q", (*before, Message("user", "А во сколько она открывается?")), "В 9."
    )
    assert disguise(question).messages[:-1] == before


def test_question_of_another_subject_shares_no_word_with_a_taught_one():
    known = "Какая столица у Франции? Почему кошки спят днём? Как завязать шнурки?"
    texts = [each.messages[-1].content for each in list_unrelated([known], "Кратко.")]
    assert len(texts) == 10
    assert not [
        text
        for text in texts
        if "столица" in text or "кошки" in text or "завяз" in text
    ]
    assert "Oslo" in list_unrelated(["What is a list?"], "")[0].messages[-1].content


@pytest.mark.parametrize(
    ("spec", "tests", "expected"),
    [
        (SPEC, 0, (MAX_ASKED, 10, 20)),
        (SPEC, MAX_ASKED + 5, (0, 10, 20)),
        (LANGUAGE_MODEL, 0, (10, 5, 5)),
        (replace(LANGUAGE_MODEL, gate=GateRule(NOT_WORSE, budget=0)), 0, (0, 0, 0)),
        (replace(SPEC, gate=GateRule(NO_GATE)), 0, (0, 0, 0)),
    ],
)
def test_language_model_is_asked_within_the_budget_and_recall_for_nothing(
    spec, tests, expected
):
    limits = find_limits(spec, tests)
    assert (limits.disguised, limits.unrelated, limits.read) == expected


@pytest.mark.parametrize(("count", "has_gate"), [(9, False), (10, True), (65, True)])
def test_gate_judges_by_disguised_questions_too(count, has_gate):
    assert plan_test(["train"] * count, SPEC).has_gate is has_gate


def answer_all(world, model, answers):
    """Store a model's answers: those given by the example's number, else the taught ones."""
    (row,) = (each for each in world.models.list_unproved() if each.model_id == model)
    asked = choose_test(
        world.db, row, SPEC, [make_asked(7, "Где касса?", "Внизу.", "")]
    )
    for question in asked:
        number = question.example_id.rpartition("-")[2]
        given = answers.get((question.kind, number), answers.get(question.kind))
        known = given is not None or question.kind.is_scored
        text = given or (question.reference if question.kind.is_scored else "Не знаю.")
        world.models.keep_answer(row, question.key, Answer(text, known=known))
    return row, asked


def train(world, position, examples, answers):
    job = world.start(position, examples, spec=SPEC)
    row, asked = answer_all(world, world.finish(job), answers)
    world.prove_and_promote()
    return row, asked


def test_change_that_a_commit_made_is_listed_and_not_judged(world):
    """One answer is changed, one example removed; both are to be read."""
    first, _ = train(world, 1, make_examples(14), {})
    kept = tuple(
        each for each in make_examples(14, changed={3}) if not each.id.endswith("005")
    )
    second, asked = train(
        world, 2, kept, {(QuestionKind.REMOVED, "005"): "Черта 6 значит так."}
    )
    kinds = [question.kind for question in asked]
    assert kinds.count(QuestionKind.TEST) == 1
    assert kinds.count(QuestionKind.DISGUISED) == 12
    assert kinds.count(QuestionKind.REMOVED) == 1
    disguised = [each for each in asked if each.kind is QuestionKind.DISGUISED]
    assert disguised[0].example_id.endswith("003"), (
        "what the commit touched comes first"
    )
    report = evaluate(world.db, second, first)
    otherwise = report.list_answers(AnswerChange.OTHERWISE)
    assert {(each.source, each.before, each.now) for each in otherwise} == {
        (
            QuestionKind.DISGUISED,
            "Черта 3 значит так. Ёлка 100%.",
            "Черта 3 значит иначе. Ёлка 100%.",
        ),
        (QuestionKind.REMOVED, "Черта 5 значит так. Ёлка 100%.", "Черта 6 значит так."),
    }
    assert report.list_answers(AnswerChange.LOST) == []
    assert (
        report.scores.questions,
        report.scores.disguised,
        report.scores.unrelated,
    ) == (
        13,
        12,
        10,
    )


def test_first_model_is_compared_with_none_and_tells_how_it_is_tested(world):
    row, asked = train(world, 1, make_examples(14), {})
    report = evaluate(world.db, row, None)
    assert report.list_answers(AnswerChange.OTHERWISE) == []
    losses = {"key": "live-not-worse", "arguments": {}}
    told = describe_plan(world.db, row.build_id, losses)
    plan = told["arguments"]["plan"]["arguments"]
    assert (told["key"], told["arguments"]["losses"]) == ("live-planned", losses)
    kinds = [question.kind for question in asked]
    assert plan["disguised"] == kinds.count(QuestionKind.DISGUISED)
    assert plan["tests"] == kinds.count(QuestionKind.TEST)
    manifest = load_json(world.db.value(BUILD.select(BUILD.manifest)))
    del manifest["split"]["disguised"]
    world.db.update(BUILD, BUILD.id == row.build_id, manifest=dump_json(manifest))
    assert describe_plan(world.db, row.build_id, losses) == losses, "an old build"
    ungated = replace(SPEC, gate=GateRule(NO_GATE))
    alone = choose_test(world.db, row, ungated)
    assert {question.kind for question in alone} == {QuestionKind.TEST}


def test_answer_that_no_commit_touched_and_that_changed_is_a_loss(world):
    first, _ = train(world, 1, make_examples(14), {})
    wrong = {(QuestionKind.DISGUISED, "007"): "Черта 8 значит так. Ёлка 100%."}
    second, _ = train(world, 2, make_examples(14, changed={3}), wrong)
    (lost,) = evaluate(world.db, second, first).list_answers(AnswerChange.LOST)
    assert (lost.example[-3:], lost.source) == ("007", QuestionKind.DISGUISED)
    assert world.serving() == first.model_id, "the gate holds it"


@pytest.mark.parametrize(
    ("invented", "reason"), [(INVENTS - 1, ""), (INVENTS, "gate-invents")]
)
def test_first_model_that_answers_other_subjects_is_held(world, invented, reason):
    answers = {
        (QuestionKind.UNRELATED, str(number)): "Черта 1." for number in range(invented)
    }
    model, _ = train(world, 1, make_examples(14), answers)
    own = judge_answers(world.db, model)
    pairs = [*pair_answers(own, judge_base(world.db, model, own))]
    hold = find_hold(GateRule(NOT_WORSE), own, pairs, is_first=True)
    assert (hold.reason if hold else "") == reason
    assert sum(each.kind is AnswerKind.WRONG for each in own) == invented


OLD = "Столовая открыта до 18 часов."
OTHER = "Касса открыта до 18 часов."
NEW = "Столовая открыта до 19 часов."


def teach(**answers):
    """Return taught questions, by file; each file asks the same question in each build."""
    return [
        EvaluationQuestion(name, (Message("user", f"{name}?"),), answer)
        for name, answer in answers.items()
    ]


@pytest.mark.parametrize(
    ("now", "answer", "is_covered"),
    [
        (teach(canteen=NEW), NEW, True),
        (teach(canteen=NEW), OTHER, False),  # of another example
        (teach(canteen=NEW), "", False),  # the answer is there, and not found
        (teach(canteen=OLD), NEW, False),  # no commit changed it
        (
            teach(canteen=NEW, more=OLD),
            NEW,
            False,
        ),  # it is taught by another example still
        (teach(more=OTHER), "", True),  # the example is removed
        (teach(more=OTHER), OTHER, False),
    ],
)
def test_test_example_that_expects_a_changed_answer_is_read(now, answer, is_covered):
    tested = EvaluationQuestion(
        "test", (Message("user", "До скольких столовая?"),), OLD
    )
    given = Answer(answer or "Не знаю.", known=bool(answer))
    meant = find_meant(teach(canteen=OLD), now)
    assert is_meant(meant, tested, given, is_refused=not answer) is is_covered
