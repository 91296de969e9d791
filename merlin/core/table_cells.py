"""The heading and the cells of tables of examples: CSV and workbooks.

CSV cells are escaped, so that no one takes one for a formula or an error, and unescaped on import.
Source: owasp.org/www-community/attacks/CSV_Injection.
"""

import re
from collections.abc import Iterator, Sequence

# The number of a row's first line, its cells, and index -> rule of those that have no text to read.
Row = tuple[int, list[str], dict[int, str]]

COLUMNS = ("question", "answer", "tags", "split", "source", "note", "rejected")
REQUIRED_COLUMNS = ("question", "answer")
_HEADINGS = {
    "вопрос": "question",
    "ответ": "answer",
    "теги": "tags",
    "источник": "source",
    "заметка": "note",
}
_ERRORS = (
    r"#(?:N/A|DIV/0!|VALUE!|REF!|NAME\?|NUM!|NULL!|Н/Д|ДЕЛ/0!|ЗНАЧ!|ССЫЛКА!|ИМЯ\?|ЧИСЛО!|ПУСТО!)"
)
_ERROR = re.compile(_ERRORS)
_FORMULA = re.compile(rf"'*(?:[=+\-@\t\r\n]|{_ERRORS}\Z)")


def is_cell_error(cell: str) -> bool:
    """Return whether a cell is what a spreadsheet shows in place of a formula's result."""
    return _ERROR.fullmatch(cell) is not None


def escape_formula(cell: str) -> str:
    """Return the cell, prefixed with `'` if it would be taken for a formula or an error."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescape_formula(cell: str) -> str:
    """Undo `escape_formula`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def make_row(number: int, cells: Iterator[tuple[str, str]]) -> Row:
    """Return a row without the blank cells at the end; `cells` are texts and rules, "" for none."""
    row, rules = [], {}
    for place, (cell, rule) in enumerate(cells):
        row.append(cell)
        if rule:
            rules[place] = rule
    while row and not row[-1].strip():
        row.pop()
    return number, row, rules


def parse_heading(cells: Sequence[str]) -> list[str]:
    """Return the names of the columns; empty if a required one is missing or one is repeated."""
    words = (cell.strip().casefold() for cell in cells)
    heading = [_HEADINGS.get(word, word) for word in words]
    has_required = all(name in heading for name in REQUIRED_COLUMNS)
    is_unique = all(heading.count(name) <= 1 for name in COLUMNS)
    return heading if has_required and is_unique else []
