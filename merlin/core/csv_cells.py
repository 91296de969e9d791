"""Escape CSV cells, so that no spreadsheet takes one for a formula, and undo it on import.

Source: owasp.org/www-community/attacks/CSV_Injection.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


def escape_formula(cell: str) -> str:
    """Return the cell, prefixed with `'` if a spreadsheet would evaluate it."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescape_formula(cell: str) -> str:
    """Undo `escape_formula`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
