"""Escape CSV cells, so that no one takes one for a formula or an error, and undo it on import.

Source: owasp.org/www-community/attacks/CSV_Injection.
"""

import re

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
