"""First lines of commits: written in English, read to people in their language."""

from __future__ import annotations

import pytest

from merlin.core.i18n import LANGUAGES, text
from merlin.dataset import changes

pytestmark = pytest.mark.unit

LINES = [
    (changes.file_subject("add", "examples/face/глаза.yaml"), "Новый пример face/глаза"),
    (changes.file_subject("edit", "examples/a.yaml"), "Правка примера a"),
    (changes.file_subject("delete", "examples/a.yaml"), "Удаление примера a"),
    (changes.file_subject("edit", "dataset.yaml"), "Правка dataset.yaml"),
    (changes.file_subject("add", "materials/lecture-01.md"), "Новый файл materials/lecture-01.md"),
    (changes.import_subject(1, "trial"), "Из файла в trial: 1 пример"),
    (changes.import_subject(22, "trial"), "Из файла в trial: 22 примера"),
    (changes.COURSE, "Правка карточки курса"),
    (changes.material_subject("Add", "lecture", 3), "Новый материал: Лекция 3"),
    (changes.material_subject("Remove", "lab", 1), "Удаление материала: Лабораторная 1"),
    (
        changes.revert_subject(changes.import_subject(5, "trial")),
        "Отмена — Из файла в trial: 5 примеров",
    ),
]


@pytest.mark.parametrize(("line", "told"), LINES)
def test_what_is_written_into_git_is_said_in_ones_language(line, told):
    assert changes.format_subject(line, "ru").replace("\xa0", " ") == told
    for language in LANGUAGES:
        notice = {"subject": changes.parse_subject(line), "commit": "0123456789"}
        assert changes.format_subject(line, language) in text(
            language, "notice-change-committed", **notice
        )


@pytest.mark.parametrize("line", ["Revert: " * 1000 + "Add example a", "Add example " + "a" * 5000])
def test_a_line_longer_than_any_that_is_written_here_is_said_as_it_is(line):
    assert changes.format_subject(line, "ru") == line


def test_a_line_as_long_as_may_be_is_told_however_often_it_undoes():
    line = "Revert: " * 25
    assert len(line) == changes.LONGEST
    assert changes.format_subject(line, "ru").count("Отмена") == 25


@pytest.mark.parametrize("line", ["", "Mend", "Import many examples", "Add examples", "Да"])
def test_what_somebody_else_wrote_is_said_as_it_is(line):
    assert changes.format_subject(line, "ru") == line
