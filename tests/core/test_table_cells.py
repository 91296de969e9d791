"""Cells of tables: what a spreadsheet takes for a formula, and the names of columns."""

import pytest

from merlin.core.table_cells import (
    escape_formula,
    escape_number,
    find_columns,
    is_cell_error,
    parse_heading,
    plain_name,
    unescape_formula,
    unescape_number,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("cell", "escaped"),
    [
        ("=1+1", "'=1+1"),
        ("-5", "'-5"),
        ("'=1", "''=1"),
        ("#N/A", "'#N/A"),
        ("#ДЕЛ/0!", "'#ДЕЛ/0!"),
        ("'quoted'", "'quoted'"),
        ("1+1", "1+1"),
        ("", ""),
    ],
)
def test_formula_is_escaped_and_read_back(cell, escaped):
    assert escape_formula(cell) == escaped
    assert unescape_formula(escaped) == cell
    assert unescape_formula(cell) == (cell[1:] if cell == "'=1" else cell)


@pytest.mark.parametrize(
    "cell",
    [
        *("007", "1.5", "1e5", "1-2", "03/04", "12:30", "3 PM", "50%", "$5", "(5)"),
        *("true", "ЛОЖЬ", "5 мая", "5-Dec-2024", "May 5", "дек. 24"),
    ],
)
def test_cell_that_excel_would_change_is_escaped_and_read_back(cell):
    for written in (cell, f"'{cell}"):
        assert escape_number(written) == f"'{written}"
        assert unescape_number(escape_number(written)) == written
    assert unescape_number(cell) == cell


@pytest.mark.parametrize(
    "cell", ["", "'", "'90s music", "10 дней", "Май", "may be 5 of us", "истинно", "1a"]
)
def test_other_words_and_numbers_in_them_stay_as_they_are(cell):
    assert (escape_number(cell), unescape_number(cell)) == (cell, cell)


def test_only_a_whole_cell_is_an_error_of_a_formula():
    cells = ["#ИМЯ?", "#REF!", "#REF! is an error", "REF", ""]
    assert [is_cell_error(cell) for cell in cells] == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("\ufeff Question (en) *:", "question"),
        ("Ответ [обязательно]", "ответ"),
        ("messages[0]", "messages[0]"),
        ("(en)", "(en)"),
    ],
)
def test_what_stands_behind_the_name_of_a_column_is_no_part_of_it(name, plain):
    assert plain_name(name) == plain


def test_column_is_found_by_any_of_its_names():
    columns = ["Теги", "Правильный ответ", "Вопрос"]
    assert find_columns(columns) == {"tags": 0, "answer": 1, "question": 2}


@pytest.mark.parametrize(
    ("cells", "heading"),
    [
        (["Вопрос", "Автор", "Ответ"], ["question", "автор", "answer"]),
        (["Вопрос", "Автор"], []),
        (["Вопрос", "Ответ", "вопрос*"], []),
    ],
)
def test_heading_has_each_required_column_once(cells, heading):
    assert parse_heading(cells) == heading
