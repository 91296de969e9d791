"""Changed files as people read them: question and answer, old beside new."""

import pytest

from merlin.dataset.file_difference import (
    ShownExample,
    Side,
    compare_all,
    compare_answers,
    compare_files,
    mark_words,
)

pytestmark = pytest.mark.unit


def example(question, answer, tags="[]"):
    return f"messages:\n  - user: {question}\n  - assistant: {answer}\ntags: {tags}\n"


def test_changed_example_is_shown_by_both_answers_with_the_words_that_differ():
    one = compare_files(
        "examples/a.yaml",
        example("Какой вес?", "До 5 кг."),
        example("Какой вес?", "До 7 тонн."),
    )
    assert one.sides == [
        [Side("example-question", [("Какой вес?", False)])],
        [
            Side(
                "answer-before", [("До ", False), ("5 кг", True), (".", False)], "bad"
            ),
            Side(
                "answer-after", [("До ", False), ("7 тонн", True), (".", False)], "ok"
            ),
        ],
        [],
    ]


def test_question_within_a_conversation_is_shown_with_the_turns_before():
    turns = example("Почём?", "Сто.") + example("А два?", "Двести.")
    text = turns.replace("tags: []\nmessages:\n", "")
    assert compare_files("examples/a.yaml", None, text).new == ShownExample(
        "Почём?\n\n— Сто.\n\nА два?", "Двести."
    )


def test_new_and_deleted_examples_have_one_side_without_marks():
    text = example("Когда?", "В пять.", "[время]")
    new = compare_files("examples/a.yaml", None, text)
    gone = compare_files("examples/a.yaml", text, None)
    answer = [("В пять.", False)]
    tags = [("время", False)]
    assert new.sides[1:] == [
        [Side("example-answer", answer, "ok")],
        [Side("example-tags", tags, "ok")],
    ]
    assert gone.sides[1:] == [
        [Side("answer-gone", answer, "bad")],
        [Side("example-tags", tags, "bad")],
    ]


def test_tags_are_shown_where_they_change():
    changed = compare_files(
        "examples/a.yaml",
        example("Когда?", "В пять.", "[время]"),
        example("Когда?", "В пять."),
    )
    assert changed.sides[2] == [Side("tags-before", [("время", False)], "bad")]


def test_deleted_file_and_a_new_one_of_its_question_are_one_that_changed():
    old = example("Что это?", "Одно.")
    new = example("Что  это?", "Совсем другое.")
    other = example("Кто это?", "Некто.")
    files = [
        ("examples/a.yaml", old, None),
        ("examples/b.yaml", None, new),
        ("examples/c.yaml", None, other),
        ("examples/d.yaml", other, None),
        ("examples/e.yaml", example("Где?", "Там."), None),
    ]
    found = [(each.path, each.was) for each in compare_all(files)]
    assert found == [
        ("examples/b.yaml", "examples/a.yaml"),
        ("examples/c.yaml", "examples/d.yaml"),
        ("examples/e.yaml", ""),
    ]
    assert compare_all(files)[0].old.answer == "Одно."


@pytest.mark.parametrize("path", ["dataset.yaml", "materials/1.md"])
def test_other_files_are_shown_by_their_texts_alone(path):
    one = compare_files(path, "title: a\n", "title: b\n")
    assert (one.is_example, one.texts) == (False, ("title: a\n", "title: b\n"))


def test_broken_example_is_shown_by_what_can_be_read_or_else_by_its_text():
    broken = 'messages:\n  - user: Сколько?\n  - assistant: "Пять\ntags: [x]\n'
    assert compare_files("examples/a.yaml", None, broken).new.question == "Сколько?"
    assert not compare_files("examples/a.yaml", None, "{{{").is_example


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("слово " * 2000, "слово " * 2000 + "ещё"),
        ("Что такое стек и очередь?", "Где купить билет на поезд?"),
    ],
)
def test_texts_too_long_or_quite_different_are_shown_without_marks(old, new):
    assert mark_words(old, new) == ([(old, False)], [(new, False)])


def test_two_answers_are_shown_one_beside_the_other():
    assert compare_answers("До 5 кг.", "До 7 кг.") == (
        Side("proposal-present", [("До ", False), ("5", True), (" кг.", False)]),
        Side("proposal-new", [("До ", False), ("7", True), (" кг.", False)], "ok"),
    )
