"""Near questions with different answers, which an editor judges."""

from pathlib import Path

import pytest
import yaml

from merlin.dataset.contradictions import (
    MAX_COMPARED,
    find_confused,
    find_nearest,
    find_pairs,
    list_near_pairs,
)
from merlin.dataset.example import Example
from merlin.dataset.example_file import parse_example
from tests.support.dataset_tree import DATASET_YAML, check_files, example_yaml

pytestmark = pytest.mark.unit
POOL = yaml.safe_load(
    Path(__file__).with_name("near_corrections.yaml").read_text("utf-8")
)
TWO = (("Где находится столовая?", "Внизу."), ("Где расположена столовая?", "Наверху."))


def make_example(question, answer, name="q", allow=()):
    text = example_yaml(question, answer)
    example = parse_example(text).at(name, f"examples/{name}.yaml", name)
    return example if not allow else Example(**{**vars(example), "allow": allow})


def taught_pool():
    """Return the taught wordings of the pool's answers, an example each."""
    return [
        make_example(f'"{question}"', f'"{case["answer"]}"', f"{place}-{number}")
        for place, case in enumerate(POOL)
        for number, question in enumerate(case["taught"])
    ]


def test_example_that_a_correction_is_about_is_one_of_the_two_shown():
    taught = taught_pool()
    for case in POOL:
        shown = find_nearest(case["asked"], case["corrected"], taught)
        assert case["answer"] in [each.answer for each in shown]


@pytest.mark.parametrize(
    ("question", "answer", "shown"),
    [
        pytest.param(
            "Обед где?", "В подвале.", ["Внизу.", "Наверху."], id="two answers"
        ),
        pytest.param("Обед где?", "внизу", [], id="a known answer"),
        pytest.param("Что такое чёрная дыра?", "Звезда.", [], id="another subject"),
    ],
)
def test_nearest_are_of_other_answers(question, answer, shown):
    taught = [make_example(*each) for each in (*TWO, ("Столовая где?", "Наверху."))]
    found = [each.answer for each in find_nearest(question, answer, taught)]
    assert sorted(found) == shown


def test_offered_questions_are_shown_after_the_nearest():
    offered = make_example("Почём билет?", "Сто.", "ticket")
    taught = [*(make_example(*each) for each in TWO), offered]
    found = find_nearest("Обед где?", "В подвале.", taught, ["почем билет"])
    assert [each.answer for each in found][2:] == ["Сто."]


def test_of_many_examples_those_with_similar_words_are_compared():
    others = [
        make_example(f"Сколько стоит книга {number}?", f"{number} рублей.")
        for number in range(MAX_COMPARED)
    ]
    hall = make_example("Где расположена столовая?", "Наверху.")
    assert find_nearest("Где находится столовая?", "Внизу.", [*others, hall]) == [hall]


def test_pairs_that_contradict_each_other_are_among_the_first_ten():
    found = 0
    for start in range(0, len(POOL), 5):
        planted = POOL[start : start + 5]
        wrong = [
            make_example(f'"{c["taught"][1]}"', f'"{c["corrected"]}"', "w")
            for c in planted
        ]
        taught = [each for each in taught_pool() if each.id.endswith("-0")]
        pairs = find_pairs([*taught, *wrong])
        assert len(pairs) <= 10
        said = {frozenset(each.answer for each in pair) for pair in pairs}
        found += sum(frozenset((c["answer"], c["corrected"])) in said for c in planted)
    assert found >= 25, found


ALLOWED = (("same-meaning", "Разные вопросы."),)


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [
        pytest.param((*TWO[0], "a"), (*TWO[1], "b"), 1, id="pair"),
        pytest.param((*TWO[0], "a"), (TWO[1][0], "внизу", "b"), 0, id="one answer"),
        pytest.param(
            (*TWO[0], "a", ALLOWED), (*TWO[1], "b", ALLOWED), 0, id="both allow it"
        ),
        pytest.param((*TWO[0], "a", ALLOWED), (*TWO[1], "b"), 1, id="one allows it"),
        pytest.param(
            ("Как открыть счёт?", "В отделении."),
            ("Как закрыть счёт?", "Лично."),
            0,
            id="opposed",
        ),
        pytest.param(
            ("Где находится офис?", "В Твери."),
            ("Where is the office located?", "Tver."),
            0,
            id="another language",
        ),
        pytest.param(
            ("Как отменить заказ?", "Нужно написать нам письмо."),
            ("Как мне отменить заказ?", "Нужно нам написать письмо."),
            0,
            id="an answer in other words",
        ),
    ],
)
def test_pair_is_listed_unless_it_is_none_or_an_editor_said_so(one, other, count):
    assert len(find_pairs([make_example(*one), make_example(*other)])) == count


def test_two_answers_are_one_pair_however_many_wordings_they_have():
    taught = [
        make_example(*each)
        for each in (*TWO, ("Столовая расположена где?", "Наверху."))
    ]
    assert len(find_pairs(taught)) == 1


@pytest.mark.parametrize(
    ("settings", "more", "is_listed"),
    [
        ("", 0, True),
        ("check:\n  off: {same-meaning: Все вопросы похожи.}\n", 0, False),
        ("", MAX_COMPARED, False),
    ],
)
def test_dataset_may_want_no_pairs_or_be_too_large(settings, more, is_listed):
    texts = [*TWO, *((f"Вопрос {n} о лице", f"Ответ {n}") for n in range(more))]
    files = {f"examples/{n}.yaml": example_yaml(*each) for n, each in enumerate(texts)}
    checked = check_files({"dataset.yaml": DATASET_YAML + settings, **files})
    assert bool(list_near_pairs(checked)) is is_listed


def test_dataset_without_examples_has_no_pairs():
    assert find_pairs([]) == []


PARKING = ("Есть ли парковка?", "За углом.")
BUFFET = ("Где буфет?", "Внизу.")


@pytest.mark.parametrize(
    ("question", "answer", "taught", "found"),
    [
        pytest.param(
            "А есть ли у вас парковка?", "Внизу.", (PARKING, BUFFET), PARKING, id="near"
        ),
        pytest.param(
            "А есть ли у вас парковка?", "за углом", (PARKING, BUFFET), None, id="own"
        ),
        pytest.param(
            "Куда поставить машину?", "Внизу.", (PARKING, BUFFET), None, id="far"
        ),
        pytest.param(
            "А есть ли у вас парковка?",
            "Внизу.",
            (PARKING, ("А есть ли у вас парковка тут?", "Внизу.")),
            None,
            id="nearer to its own",
        ),
        pytest.param("Есть ли парковка?", "Внизу.", (BUFFET,), None, id="one answer"),
        pytest.param("Есть ли парковка?", "Внизу.", (), None, id="nothing taught"),
    ],
)
def test_question_near_to_one_of_another_answer_pulls_them_together(
    question, answer, taught, found
):
    examples = [make_example(*each) for each in taught]
    confused = find_confused(question, answer, examples)
    assert (confused and (confused.question, confused.answer)) == found
