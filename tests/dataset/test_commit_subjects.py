"""Subjects of commits: written in English, shown in the reader's language."""

import pytest

from merlin.core.i18n import LANGUAGES, text
from merlin.dataset import commit_message

pytestmark = pytest.mark.unit

LINES = [
    (commit_message.file_subject("add", "examples/face/глаза.yaml"), "Новый пример face/глаза"),
    (commit_message.file_subject("add", "examples/a/что-за-лоб.yaml"), "Новый пример «Что за лоб»"),
    (commit_message.file_subject("edit", "examples/a.yaml"), "Правка примера a"),
    (commit_message.file_subject("delete", "examples/a.yaml"), "Удаление примера a"),
    (commit_message.file_subject("edit", "dataset.yaml"), "Правка dataset.yaml"),
    (
        commit_message.file_subject("add", "materials/lecture-01.md"),
        "Новый файл materials/lecture-01.md",
    ),
    (commit_message.import_subject(1, "trial"), "1 новый пример в trial"),
    (commit_message.import_subject(22, "trial"), "22 новых примера в trial"),
    (commit_message.approval_subject(5, "trial"), "5 новых примеров в trial"),
    (commit_message.COURSE, "Правка карточки курса"),
    (commit_message.material_subject("Add", "lecture", 3), "Новый материал: Лекция 3"),
    (commit_message.material_subject("Remove", "lab", 1), "Удаление материала: Лабораторная 1"),
    (
        commit_message.revert_subject(commit_message.import_subject(5, "trial")),
        "Отмена — 5 новых примеров в trial",
    ),
]


def test_subject_of_our_own_commit_is_translated():
    for line, russian in LINES:
        assert commit_message.format_subject(line, "ru").replace("\xa0", " ") == russian
        for language in LANGUAGES:
            arguments = {"subject": commit_message.parse_subject(line), "commit": "0123456789"}
            assert commit_message.format_subject(line, language) in text(
                language, "notice-change-committed", **arguments
            )


def test_example_is_named_by_its_question_in_its_edit_and_in_an_undo():
    edit = commit_message.file_subject("edit", "examples/e.yaml", 2)
    for line, start in ((edit, ""), (commit_message.revert_subject(edit), "Отмена — ")):
        named = commit_message.name_example(line, "Что “там” and 1 more?")
        russian = commit_message.format_subject(named, "ru").replace("\xa0", " ")
        assert russian == f"{start}Правка примера «Что “там” and 1 more?» и ещё 2"
    assert commit_message.name_example(commit_message.COURSE, "Что?") == commit_message.COURSE


def test_longest_subject_is_translated_with_every_revert():
    line = "Revert: " * 25
    assert len(line) == commit_message.LONGEST
    assert commit_message.format_subject(line, "ru").count("Отмена") == 25


@pytest.mark.parametrize("line", ["", "Mend", "Import many examples", "Add examples", "Да"])
def test_subject_of_another_author_is_shown_unchanged(line):
    assert commit_message.format_subject(line, "ru") == line
