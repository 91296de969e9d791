"""The quality of `recall` on the shipped datasets, with questions in other words.

The questions are in `questions/<set>.yaml`, written independently of the examples; Merlin itself
does not read them. Results of the hard ones are printed, not asserted: they share no words with the
examples.
"""

from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from bench.gate import HARMLESS
from bench.recall import read_yaml
from merlin.core.messages import Message
from merlin.engine.jobs import DEFAULT_SEED
from tests.engine.recall_models import build_talks, train_and_load

pytestmark = pytest.mark.functional

ROOT = Path(__file__).parents[2]
SETS = ("neurotypology", "algorithms", "python")
ENGLISH = "datasets-en/algorithms"


@cache
def read_questions(name):
    return read_yaml(Path(__file__).parent / "questions" / f"{name}.yaml")


@cache
def read_examples(name):
    """Return {example id: conversation} of the training examples."""
    folder = ROOT / (name if "/" in name else f"datasets/{name}") / "examples"
    collected = {}
    for path in sorted(folder.rglob("*.yaml")):
        example = read_yaml(path)
        if example.get("split") != "test":
            talk = [
                Message(*pair)
                for message in example["messages"]
                for pair in message.items()
            ]
            collected[path.relative_to(folder).with_suffix("").as_posix()] = talk
    return collected


def train_model(talks, path):
    return train_and_load(talks, path, DEFAULT_SEED)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recall")

    @cache
    def trained(name):
        return train_model(
            list(read_examples(name).values()), folder / name.replace("/", "-")
        )

    return trained


def ask(model, text):
    return model.answer([Message("user", text)])


def measure_right(model, name, kind):
    cases = read_questions(name)[kind]
    right = 0
    for item in cases:
        answer = ask(model, item["ask"])
        right += answer.known and answer.text in extract_answers(
            read_examples(name)[item["expect"]]
        )
    return right / len(cases)


def extract_answers(talk):
    return {message.content for message in talk if message.role == "assistant"}


def is_offered(model, answer, expected):
    """Return whether one of the suggested questions leads to an expected answer."""
    return any(ask(model, question).text in expected for question in answer.nearest)


def measure_rejected(model, cases):
    texts = [item["ask"] if isinstance(item, dict) else item for item in cases]
    return sum(not ask(model, text).known for text in texts) / len(texts)


@pytest.mark.parametrize("name", SETS)
def test_every_trained_turn_gets_its_trained_answer(models, name):
    model = models(name)
    for talk in read_examples(name).values():
        for dataset, message in enumerate(talk):
            if message.role == "assistant":
                answer = model.answer(talk[:dataset])
                assert (answer.known, answer.text) == (True, message.content)


@pytest.mark.parametrize("name", SETS)
def test_natural_paraphrases_get_the_right_answer(models, name):
    assert measure_right(models(name), name, "paraphrases") >= 0.88


@pytest.mark.parametrize("name", SETS)
def test_everyday_questions_are_not_answered(models, name):
    assert measure_rejected(models(name), read_questions(name)["everyday"]) >= 0.95


@pytest.mark.parametrize("other", SETS)
@pytest.mark.parametrize("name", SETS)
def test_questions_of_another_subject_are_not_answered(models, name, other):
    if name != other:
        assert (
            measure_rejected(models(name), read_questions(other)["paraphrases"]) >= 0.85
        )


@pytest.mark.parametrize("name", SETS)
def test_near_but_untrained_questions_are_mostly_not_answered(models, name):
    assert measure_rejected(models(name), read_questions(name)["near"]) >= 0.70


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("neurotypology", "Что такое ролевая функция?"),
        ("algorithms", "Что такое список с пропусками?"),
        ("python", "Что такое метакласс?"),
    ],
)
def test_question_that_shares_one_common_word_is_refused_with_suggestions(
    models, name, question
):
    answer = ask(models(name), question)
    assert (answer.known, len(answer.nearest)) == (False, 8)


@pytest.mark.parametrize("name", SETS)
def test_hard_paraphrases_are_reported_and_mostly_not_answered_wrongly(models, name):
    hard = read_questions(name)["hard"]
    right = measure_right(models(name), name, "hard")
    answered = 1 - measure_rejected(models(name), hard)
    print(  # noqa: T201 - the report
        f"{name}: of {len(hard)} hard ones {right:.0%} right, {answered - right:.0%} wrong"
    )
    assert answered - right <= 0.5


@pytest.mark.parametrize("name", SETS)
def test_refused_paraphrase_gets_the_right_suggestion_and_small_talk_seldom_any(
    models, name
):
    model = models(name)
    cases = [
        (ask(model, paraphrase["ask"]), paraphrase)
        for paraphrase in read_questions(name)["paraphrases"]
    ]
    assert not any(answer.nearest for answer, _ in cases if answer.known)
    refused = [(answer, each["expect"]) for answer, each in cases if not answer.known]
    right = [
        is_offered(model, answer, extract_answers(read_examples(name)[meant]))
        for answer, meant in refused
    ]
    assert refused
    assert sum(right) >= 0.5 * len(refused)
    offered = [
        each for each in read_questions(name)["everyday"] if ask(model, each).nearest
    ]
    print(  # noqa: T201 - the report
        f"{name}: {sum(right)} of {len(refused)} refused, {len(offered)} of small talk"
    )
    assert len(offered) <= 0.25 * len(read_questions(name)["everyday"])
    assert not ask(model, "Как тебя зовут?").nearest


def test_follow_ups_get_the_trained_answer_or_a_refusal(models):
    collected = Counter()
    for name, cases in read_questions("follow_ups").items():
        dataset = ENGLISH if name == "en" else name
        model = models(dataset)
        for item in cases:
            talk = read_examples(dataset)[item["after"]]
            answer = model.answer([*talk[:2], Message("user", item["ask"])])
            is_right = "expect" in item and answer.text in extract_answers(
                read_examples(dataset)[item["expect"]]
            )
            kind = "refused" if not answer.known else "right" if is_right else "wrong"
            collected[kind] += 1
            collected["offered"] += bool(answer.nearest)
            assert talk[1].content not in {
                ask(model, each).text for each in answer.nearest
            }
            if item["kind"] == "bare":
                assert (answer.known, answer.is_follow_up) == (False, True), item
            if item["kind"] == "general" and not is_right:
                assert (answer.known, answer.is_follow_up) == (False, True), item
    print(  # noqa: T201 - the report
        f"of {collected.total() - collected['offered']} follow-ups: {dict(collected)}"
    )
    assert collected["right"] >= 34
    assert collected["wrong"] <= 1
    assert collected["offered"] >= 12


@pytest.mark.parametrize("name", SETS)
def test_small_talk_after_a_trained_dialogue_does_not_get_its_follow_up(models, name):
    model = models(name)
    dialogues = [talk for talk in read_examples(name).values() if len(talk) > 2]
    assert dialogues
    for talk in dialogues:
        for text in ("Спасибо!", "Привет", "Где купить билеты в кино?"):
            follow_ups = [message.content for message in talk[3:]]
            assert (
                model.answer([*talk[:2], Message("user", text)]).text not in follow_ups
            )


@pytest.mark.parametrize("name", SETS)
def test_trained_question_is_answered_within_another_conversation(models, name):
    talks = list(read_examples(name).values())
    for before, talk in pairwise(talks):
        answer = models(name).answer([*before, talk[0]])
        assert (answer.known, answer.text) == (True, talk[1].content)


def test_one_added_example_changes_few_answers(models, tmp_path):
    name = SETS[0]
    question, answer = HARMLESS[0]
    more = [Message("user", question), Message("assistant", answer)]
    extended = train_model([more, *read_examples(name).values()], tmp_path / "model")
    asked = [item["ask"] for item in read_questions(name)["paraphrases"]]
    changed = sum(
        ask(models(name), text).text != ask(extended, text).text for text in asked
    )
    assert changed <= 0.05 * len(asked)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_opposite_of_a_trained_question_is_offered_not_answered(language, tmp_path):
    pairs = read_questions("opposites")[language]
    answers = [f"Ответ номер {number}." for number in range(len(pairs))]
    facts = dict(zip((taught for taught, _ in pairs), answers, strict=True))
    model = train_model(build_talks(facts), tmp_path / "model")
    given = [ask(model, opposite) for _, opposite in pairs]
    answered = [pair for pair, answer in zip(pairs, given, strict=True) if answer.known]
    offered = sum(
        taught in answer.nearest
        for (taught, _), answer in zip(pairs, given, strict=True)
    )
    print(  # noqa: T201 - the report
        f"{language}: {len(answered)} of {len(pairs)} answered, {offered} offered: {answered}"
    )
    assert len(answered) <= 0.05 * len(pairs)
    assert offered >= 0.95 * len(pairs)


def test_answer_that_leads_clearly_is_given_for_the_case_that_it_is_meant(models):
    model = models("algorithms")
    cases = read_questions("algorithms")["paraphrases"]
    found = [each for case in cases if (each := ask(model, case["ask"])).if_meant]
    assert found
    assert not any(each.known for each in found)
    for each in found:
        assert ask(model, each.nearest[0]).text == each.if_meant
    near = ask(models("python"), "Как прочитать JSON из файла?")
    assert near.nearest
    assert not near.if_meant


def test_short_question_in_the_other_layout_is_read_as_it_was_meant(tmp_path):
    model = train_model(
        [
            [Message("user", question), Message("assistant", answer)]
            for question, answer in {
                "How do I pay?": "In cash.",
                "До скольки вы работаете?": "До десяти.",
                "Где вы находитесь?": "В парке.",
            }.items()
        ],
        tmp_path / "model",
    )
    assert ask(model, "рщц вщ ш зфн").text == "In cash."
    # words without a subject: the nearest taught question is nearer than small talk
    assert ask(model, "до скольки вы").nearest[0] == "До скольки вы работаете?"
    assert not ask(model, "спс").nearest
