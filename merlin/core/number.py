"""Numbers as people read them."""

from __future__ import annotations

_NBSP = "\u00a0"


def number(language: str, value: float, digits: int = 2) -> str:
    """Return a number as the language writes it: 0,79; whole ones by thousands."""
    said = f"{value:,.{digits}f}"
    if language == "ru":
        said = said.replace(",", _NBSP).replace(".", ",")
    return said
