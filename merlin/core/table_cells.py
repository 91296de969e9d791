"""The heading and the cells of tables of examples: CSV and workbooks.

A text that looks like a formula or an error is written with `'` before it, as spreadsheets do, and
read without it.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from merlin.core.example_keys import KEYS

# The number of a row's first line, and its cells, escaped.
Row = tuple[int, list[str]]

# Part of an example -> what it is called in tables and, as a key, in JSON; the first that is there
# is taken: `input` is the question only if there is no other.
_NAMES = {
    "question": (
        *(
            "question",
            "prompt",
            "instruction",
            "вопрос",
            "questions",
            "вопросы",
            "q",
            "query",
        ),
        *(
            "user",
            "request",
            "patterns",
            "utterance",
            "текст вопроса",
            "вопрос пользователя",
        ),
        *(
            "user question",
            "question text",
            "faq question",
            "input",
            "input text",
            "text",
        ),
    ),
    "answer": (
        *(
            "answer",
            "completion",
            "output",
            "response",
            "ответ",
            "answers",
            "ответы",
            "a",
        ),
        *("chosen", "assistant", "responses", "reply", "текст ответа", "ответ бота"),
        *(
            "correct answer",
            "answer text",
            "faq answer",
            "правильный ответ",
            "output text",
        ),
    ),
    "context": ("context", "input"),
    "system": ("system", "systemprompt", "system prompt"),
    **{key.name: (key.name, *key.columns) for key in KEYS if key.columns is not None},
}
REQUIRED_COLUMNS = ("question", "answer")
PARTS = tuple(_NAMES)
# What spreadsheets and editors leave unseen beside a name.
_INVISIBLE = "\u00ad\u200b\u2060\ufeff"
_ERRORS = (
    r"#(?:N/A|DIV/0!|VALUE!|REF!|NAME\?|NUM!|NULL!"
    r"|Н/Д|ДЕЛ/0!|ЗНАЧ!|ССЫЛКА!|ИМЯ\?|ЧИСЛО!|ПУСТО!)"
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


_MONTHS = (
    "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
    "|янв|фев|мар|апр|мая|май|июн|июл|авг|сен|окт|ноя|дек"
)
_NUMBER = re.compile(
    r"(?i)'*(?:true|false|истина|ложь"
    r"|[.,($€₽ ]{0,2}\d[\d\s.,:/%$€₽()-]{0,40}(?:e[+-]?\d{1,3}|\s[ap]m?)?"
    rf"|\d[\d ./-]{{0,9}}(?:{_MONTHS})[a-zа-я]{{0,6}}[\d .,/-]{{0,9}}"
    rf"|(?:{_MONTHS})[a-zа-я]{{0,6}}[ .,/-]{{0,3}}\d[\d ,./-]{{0,9}})"
)


def escape_number(cell: str) -> str:
    """Return the cell of CSV, prefixed with `'` if it would be taken for a number or a date.

    Excel writes 007 as 7, 1-2 as a day and ИСТИНА in the language of the machine.
    """
    return f"'{cell}" if _NUMBER.fullmatch(cell) else cell


def unescape_number(cell: str) -> str:
    """Undo `escape_number`."""
    return cell[1:] if cell.startswith("'") and _NUMBER.fullmatch(cell) else cell


# What people write behind a name: a language, what the column is for, a star for "required".
_BEHIND_NAME = re.compile(r"\s*(?:\([^()]*\)|\[[a-zа-я][^\[\]]*\])?[\s:*]*\Z")


@lru_cache(maxsize=1000)  # each row has the same names
def plain_name(name: str) -> str:
    """Return the name of a column without what is unseen or stands behind it, in small letters."""
    visible = name.translate(dict.fromkeys(map(ord, _INVISIBLE))).strip()
    return _BEHIND_NAME.sub("", visible.casefold()) or visible.casefold()


def find_columns(names: Sequence[str]) -> dict[str, int]:
    """Return part of an example -> place of its name among the names of columns or keys."""
    return {**_find_columns(tuple(names))}


@lru_cache(maxsize=100)  # each row has the same columns
def _find_columns(names: tuple[str, ...]) -> dict[str, int]:
    plain = [plain_name(name).replace("_", " ") for name in names]
    found: dict[str, int] = {}
    for part, words in _NAMES.items():
        taken = {plain[place] for place in found.values()}
        word = next(
            (word for word in words if word in plain and word not in taken), None
        )
        if word is not None:
            found[part] = plain.index(word)
    return found


def parse_heading(cells: Sequence[str]) -> list[str]:
    """Return the names of the columns; empty if a required one is missing or one is repeated."""
    heading = [plain_name(cell) for cell in cells]
    found = find_columns(heading)
    is_unique = all(heading.count(heading[place]) == 1 for place in found.values())
    for part, place in found.items():
        heading[place] = part
    has_required = all(name in found for name in REQUIRED_COLUMNS)
    return heading if has_required and is_unique else []
