"""Subjects of commits: written in English, shown in the reader's language."""

from __future__ import annotations

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
    (commit_message.import_subject(1, "trial"), "Из файла в trial: 1 пример"),
    (commit_message.import_subject(22, "trial"), "Из файла в trial: 22 примера"),
    (commit_message.COURSE, "Правка карточки курса"),
    (commit_message.material_subject("Add", "lecture", 3), "Новый материал: Лекция 3"),
    (commit_message.material_subject("Remove", "lab", 1), "Удаление материала: Лабораторная 1"),
    (
        commit_message.revert_subject(commit_message.import_subject(5, "trial")),
        "Отмена — Из файла в trial: 5 примеров",
    ),
]


@pytest.mark.parametrize(("line", "russian"), LINES)
def test_what_is_written_into_git_is_said_in_ones_language(line, russian):
    assert commit_message.format_subject(line, "ru").replace("\xa0", " ") == russian
    for language in LANGUAGES:
        arguments = {"subject": commit_message.parse_subject(line), "commit": "0123456789"}
        assert commit_message.format_subject(line, language) in text(
            language, "notice-change-committed", **arguments
        )


@pytest.mark.parametrize("line", ["Revert: " * 1000 + "Add example a", "Add example " + "a" * 5000])
def test_a_line_longer_than_any_that_is_written_here_is_said_as_it_is(line):
    assert commit_message.format_subject(line, "ru") == line


def test_a_line_as_long_as_may_be_is_told_however_often_it_undoes():
    line = "Revert: " * 25
    assert len(line) == commit_message.LONGEST
    assert commit_message.format_subject(line, "ru").count("Отмена") == 25


@pytest.mark.parametrize("line", ["", "Mend", "Import many examples", "Add examples", "Да"])
def test_what_somebody_else_wrote_is_said_as_it_is(line):
    assert commit_message.format_subject(line, "ru") == line
