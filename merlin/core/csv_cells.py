"""Cells of CSV files: no table program takes one for a formula, and our own import takes it back.

Source: owasp.org/www-community/attacks/CSV_Injection.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


def escape_formula(cell: str) -> str:
    """Return a cell that begins with `'` where a table program would compute it."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescape_formula(cell: str) -> str:
    """Return what `escape_formula` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
