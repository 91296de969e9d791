"""Subjects of commits: in the language of the configuration, an example named by its question."""

import pytest

from merlin.core.i18n import LANGUAGES
from merlin.dataset import commit_message
from merlin.dataset.commit_message import format_subject, name_example

pytestmark = pytest.mark.unit

SUBJECTS = [
    (
        commit_message.file_subject("add", "examples/face/глаза.yaml"),
        "Новый пример «face/глаза»",
    ),
    (commit_message.file_subject("edit", "examples/a.yaml"), "Правка примера «a»"),
    (commit_message.file_subject("delete", "examples/a.yaml"), "Удаление примера «a»"),
    (
        commit_message.file_subject("correct", "examples/a.yaml", 2),
        "Исправление ответа: «a» и ещё 2",
    ),
    (commit_message.file_subject("edit", "dataset.yaml"), "Правка dataset.yaml"),
    (
        commit_message.file_subject("add", "materials/lecture-01.md"),
        "Новый файл materials/lecture-01.md",
    ),
    (commit_message.import_subject(1, "trial"), "1 новый пример в trial"),
    (commit_message.import_subject(22, "trial"), "22 новых примера в trial"),
    (
        commit_message.import_subject(1, "trial", changed=2),
        "Примеры trial: новых 1, изменено 2, удалено 0",
    ),
    (
        commit_message.import_subject(0, "trial", gone=3, name="faq"),
        "Примеры trial: новых 0, изменено 0, удалено 3 (imports.yaml: faq)",
    ),
    (commit_message.COURSE, "Правка карточки курса"),
    (commit_message.material_subject("add", "lecture", 3), "Новый материал: Лекция 3"),
    (
        commit_message.material_subject("edit", "seminar", 3),
        "Правка материала: Семинар 3",
    ),
    (
        commit_message.material_subject("remove", "lab", 1),
        "Удаление материала: Лабораторная 1",
    ),
    (commit_message.revert_subject("Правка"), "Отменено: Правка"),
]


@pytest.mark.parametrize(("subject", "russian"), SUBJECTS)
def test_subject_is_written_in_the_language(subject, russian):
    assert format_subject(subject, "ru").replace("\xa0", " ") == russian
    assert format_subject(subject, "en").replace("\xa0", " ") != russian


@pytest.mark.parametrize("language", LANGUAGES)
def test_example_is_named_by_its_question_in_its_edit_and_in_an_undo(language):
    edit = format_subject(
        commit_message.file_subject("edit", "examples/e.yaml", 2), language
    )
    for line in (edit, format_subject(commit_message.revert_subject(edit), language)):
        named = name_example(line, "e", "Что “там”?")
        assert named in {
            line.replace(f"{one}e{two}", f"{one}Что “там”?{two}") for one, two in QUOTES
        }
    assert name_example("Edit course card", "e", "Что?") == "Edit course card"


QUOTES = ("“”", "«»")
